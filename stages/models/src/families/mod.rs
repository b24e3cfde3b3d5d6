//! The families of speech recognizers. To add one, write its module and add it to this file.

pub mod wav2vec2;
pub mod whisper;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use stage_core::Diagnostics;

use crate::{ModelError, ModelFolder, ModelSource, SpeechModel, compact_json};

/// The list of families.
static FAMILIES: &[&Family] = &[&whisper::FAMILY, &wav2vec2::FAMILY];

/// A family of models that one module recognizes speech with.
struct Family {
    /// Its name, in records and for people.
    name: &'static str,
    /// `architectures` of its models' `config.json`.
    architectures: &'static [&'static str],
    /// Its `model_type`, which older folders have alone.
    model_type: &'static str,
    /// Finds the files of a model and checks that they belong together.
    open: fn(&ModelFolder) -> Result<Box<dyn SpeechModel>, ModelError>,
}

/// The fields that decide the family.
#[derive(Deserialize)]
struct Config {
    architectures: Option<Vec<String>>,
    model_type: Option<String>,
}

impl Family {
    fn is_of(&self, config: &Config) -> bool {
        match (&config.architectures, &config.model_type) {
            (Some(names), _) => names.iter().any(|name| self.architectures.contains(&name.as_str())),
            (None, Some(model_type)) => model_type == self.model_type,
            (None, None) => false,
        }
    }
}

/// The `architectures` of all families.
#[must_use]
pub fn architectures() -> Vec<&'static str> {
    FAMILIES.iter().flat_map(|family| family.architectures).copied().collect()
}

/// Finds a speech model, picks its family by the `architectures` of `config.json`, and checks that its files belong
/// together. A hub model is downloaded into the hub's cache first, where it is not there yet.
///
/// # Errors
/// [`ModelError::UnknownArchitecture`] where no family has the architecture; otherwise a [`ModelError`] that names the
/// first file that is missing, malformed, truncated or of another model.
pub fn open(source: &ModelSource) -> Result<Box<dyn SpeechModel>, ModelError> {
    let folder = ModelFolder::open(source, whisper::EMBEDDED)?;
    let file = folder.read("config.json")?;
    let config: Config = file.json()?;
    match FAMILIES.iter().find(|family| family.is_of(&config)) {
        Some(family) => (family.open)(&folder),
        None => Err(ModelError::UnknownArchitecture {
            path: file.path,
            found: config.architectures.map_or_else(|| "missing".to_owned(), |names| format!("{names:?}")),
            known: architectures().join(", "),
        }),
    }
}

/// The diagnostics of a family's segment: the fields of `values`, which is a struct.
fn diagnostics<T: Serialize>(family: &str, values: &T) -> Diagnostics {
    let values = match compact_json(values) {
        Value::Object(values) => values,
        _ => serde_json::Map::new(),
    };
    Diagnostics { family: family.to_owned(), values }
}
