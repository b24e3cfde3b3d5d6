//! Ways to break a model folder, and the resulting error.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use models::{ModelError, ModelSource, SpeechModel};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde_json::Value;
use tempfile::TempDir;

use crate::model_folder::{copy_of, edit, replace};

pub(crate) const TEST_MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/models/test-tiny");
pub(crate) const WEIGHTS: &str = "model.safetensors";

/// A copy of the small model.
pub(crate) fn copy() -> TempDir {
    copy_of(TEST_MODEL)
}

/// Sets a field of a JSON file; null removes it.
pub(crate) fn set(file: &'static str, field: &'static str, value: Value) -> Break {
    Box::new(move |directory| {
        edit(directory, file, |config| {
            let config = config.as_object_mut().unwrap();
            if value.is_null() {
                config.remove(field)
            } else {
                config.insert(field.to_owned(), value.clone())
            };
        });
    })
}

/// A tensor as stored: type, shape and bytes.
pub(crate) type Stored = (Dtype, Vec<usize>, Vec<u8>);

/// Rewrites the weights with a change.
pub(crate) fn edit_weights(directory: &Path, change: impl FnOnce(&mut BTreeMap<String, Stored>)) {
    let path = directory.join(WEIGHTS);
    let bytes = fs::read(&path).unwrap();
    let stored = |view: &TensorView<'_>| (view.dtype(), view.shape().to_vec(), view.data().to_vec());
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let mut tensors = tensors.iter().map(|(name, view)| (name.to_owned(), stored(&view))).collect();
    change(&mut tensors);
    let view = |(dtype, shape, data): &'_ Stored| (*dtype, shape.clone(), data.clone());
    let owned: Vec<_> = tensors.iter().map(|(name, stored)| (name.clone(), view(stored))).collect();
    let views =
        owned.iter().map(|(name, (dtype, shape, data))| (name, TensorView::new(*dtype, shape.clone(), data).unwrap()));
    replace(&path, &safetensors::serialize(views, None).unwrap());
}

/// Changes one tensor.
pub(crate) fn tensor(name: &'static str, change: fn(&mut Stored)) -> Break {
    Box::new(move |directory| edit_weights(directory, |tensors| change(tensors.get_mut(name).unwrap())))
}

/// A file that consists only of a header.
pub(crate) fn header(json: &str) -> Vec<u8> {
    [&(json.len() as u64).to_le_bytes(), json.as_bytes()].concat()
}

pub(crate) fn resolve(directory: &Path) -> Result<Box<dyn SpeechModel>, ModelError> {
    models::open(&ModelSource::Directory(directory.into()))
}

/// The error of a folder, from everything that is checked before a run.
pub(crate) fn complaint(directory: &Path) -> String {
    match resolve(directory).and_then(|model| model.check_contents()) {
        Ok(()) => "nothing".to_owned(),
        Err(error) => stage_core::full_message(&error),
    }
}

/// A change that breaks a folder.
pub(crate) type Break = Box<dyn Fn(&Path)>;

/// Checks that the error of each broken folder names the file and contains a text.
#[track_caller]
pub(crate) fn assert_all_refused(cases: Vec<(Break, &str, &str)>) {
    for (breakage, file, text) in cases {
        let directory = copy();
        breakage(directory.path());
        let message = complaint(directory.path());
        assert!(message.contains(file) && message.contains(text), "{file}, {text}: {message}");
    }
}

pub(crate) fn write(file: &'static str, content: Vec<u8>) -> Break {
    Box::new(move |directory| replace(&directory.join(file), &content))
}
