//! The models of a run: whether their files are there, their size and hash. Nothing is downloaded.

use std::path::Path;

use segment::VadChoice;
use serde::Serialize;
use stage_core::{Measured, shown};
use transcribe::{ModelError, ModelSource, open_model};

/// A model of a run.
#[derive(Debug, Serialize)]
pub(crate) struct ModelFacts {
    /// Its task: transcription, alignment or voice activity detection.
    pub(crate) role: &'static str,
    /// Its source: `embedded`, a path or a hub id.
    pub(crate) source: String,
    pub(crate) state: ModelState,
    /// Size of its weights, in bytes.
    pub(crate) size_bytes: Measured<u64>,
    /// SHA-256 over all files that results depend on.
    pub(crate) sha256: Measured<String>,
}

/// Where the files of a model are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ModelState {
    /// In the program.
    Embedded,
    /// On this machine.
    Present,
    /// On the hub: the run downloads it.
    NotDownloaded,
}

/// The facts of a speech model or of a model that aligns words. A model of the hub is only looked up in the hub's cache.
///
/// # Errors
/// A file of the model is missing or malformed.
pub(crate) fn speech_model(role: &'static str, source: &ModelSource) -> Result<ModelFacts, ModelError> {
    let facts = |state, size_bytes, sha256| ModelFacts { role, source: source.to_string(), state, size_bytes, sha256 };
    let model = match open_model(&source.clone().offline()) {
        Ok(model) => model,
        Err(ModelError::Hub(_)) if is_on_hub(source) => {
            let reason = "not downloaded yet: the run downloads it";
            return Ok(facts(ModelState::NotDownloaded, Measured::missing(reason), Measured::missing(reason)));
        }
        Err(error) => return Err(error),
    };
    let state = if *source == ModelSource::Embedded { ModelState::Embedded } else { ModelState::Present };
    let size_bytes = Measured::of(model.files().weights_bytes()?);
    Ok(facts(state, size_bytes, Measured::of(model.sha256()?.to_owned())))
}

const fn is_on_hub(source: &ModelSource) -> bool {
    matches!(source, ModelSource::Hub(_))
}

/// The facts of the voice activity detector, if it is a model.
pub(crate) fn vad_model(choice: &VadChoice) -> Option<ModelFacts> {
    let facts = |source: String, state, size_bytes, sha256| {
        Some(ModelFacts { role: "voice activity detection", source, state, size_bytes, sha256 })
    };
    let part = "a part of the program";
    match choice {
        VadChoice::Off | VadChoice::Energy => None,
        VadChoice::Silero => {
            facts("silero".to_owned(), ModelState::Embedded, Measured::missing(part), Measured::missing(part))
        }
        VadChoice::SileroAt(path) => facts(shown(path), ModelState::Present, size_of(path), sha256_of(path)),
    }
}

fn size_of(path: &Path) -> Measured<u64> {
    std::fs::metadata(path).map_or_else(|error| Measured::missing(error.to_string()), |found| Measured::of(found.len()))
}

fn sha256_of(path: &Path) -> Measured<String> {
    stage_core::sha256_file(path).map_or_else(|error| Measured::missing(error.to_string()), Measured::of)
}
