//! The small model that this crate's tests use: what it writes means nothing, but it is a whole Whisper and loads fast.

use crate::ModelSource;

/// A file of the test model.
macro_rules! model_file {
    ($name:literal) => {
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/models/test-tiny", $name)
    };
}

/// Its folder.
pub(crate) const FOLDER: &str = model_file!("");
/// Its `tokenizer.json`.
pub(crate) const TOKENIZER: &[u8] = include_bytes!(model_file!("/tokenizer.json"));
/// Its `model.safetensors`.
pub(crate) const WEIGHTS: &[u8] = include_bytes!(model_file!("/model.safetensors"));

/// The model for [`ModelFiles::resolve`](crate::ModelFiles::resolve).
pub(crate) fn source() -> ModelSource {
    ModelSource::Directory(FOLDER.into())
}
