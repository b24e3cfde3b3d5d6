//! The small model that this crate's tests use. It is a complete Whisper model and loads fast, but its texts have no
//! meaning.

use crate::ModelSource;

/// A file of the test model.
macro_rules! model_file {
    ($name:literal) => {
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/models/test-tiny", $name)
    };
}

/// Its folder.
pub(crate) const FOLDER: &str = model_file!("");
/// Its `model.safetensors`.
pub(crate) const WEIGHTS: &[u8] = include_bytes!(model_file!("/model.safetensors"));

/// The model for [`WhisperFiles::resolve`](super::WhisperFiles::resolve).
pub(crate) fn source() -> ModelSource {
    ModelSource::Directory(FOLDER.into())
}
