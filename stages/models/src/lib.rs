//! The models of the stages, behind one loader and one error type. This crate does not depend on any stage.
//!
//! ```text
//! ModelSource (embedded, directory, hub) -> ModelFolder -> ModelFiles: small files, weights, hashes
//!                                                            |
//!            speech recognizers, by config.json's `architectures` (whisper, wav2vec2)     silero (VAD)
//! ```
//!
//! | item | purpose |
//! |---|---|
//! | [`open`], [`ModelSource`] | finds a speech model and checks that its files are consistent |
//! | [`SpeechModel`], [`Recognizer`] | a model of any family; its recognizer: windows in, text with token times out |
//! | [`TypedRecognizer`], [`families`] | the interface that a family implements; the list of families |
//! | [`TranscribeConfig`], [`Precision`] | settings of recognition; the numeric type |
//! | [`whisper`], [`wav2vec2`] | Whisper; Wav2Vec2ForCTC, which also aligns text |
//! | [`silero`], [`speaker_change`], [`speaker_encoder`] | voice activity; overlap and changes; embeddings of voices |
//! | [`ModelFiles`], [`Weights`], [`ModelError`] | files and tensors with their hashes; errors that name the file |
//!
//! # Example
//!
//! ```
//! use models::{ModelError, ModelSource, open};
//!
//! let model = open(&ModelSource::Directory("../../fixtures/models/test-tiny".into()))?;
//! assert_eq!((model.name(), model.family(), model.window_s()), ("test-tiny", "whisper", 10.0));
//! assert!(model.languages().contains(&"ko"));
//! model.check_contents()?; // reads every weight
//!
//! let missing = open(&ModelSource::Directory("../../fixtures/calls".into()));
//! assert!(matches!(missing, Err(ModelError::Unreadable { .. })));
//! # Ok::<(), ModelError>(())
//! ```

mod device;
mod error;
pub mod families;
mod fault;
mod files;
mod mel;
mod memory;
mod precision;
mod recognizer;
pub mod silero;
pub mod speaker_change;
pub mod speaker_encoder;
mod weights;

pub use device::{Compute, DeviceChoice, DeviceError};
pub use error::ModelError;
pub use families::{architectures, open, wav2vec2, whisper};
pub use fault::DeviceFault;
pub use files::{
    EmbeddedModel, HubError, HubRepository, Layout, ModelFile, ModelFiles, ModelFolder, ModelSource,
    ParseModelSourceError, SmallFiles, WEIGHTS_FILE,
};
pub use precision::{Precision, UnknownPrecision};
pub use recognizer::{
    Output, Pass, Recognizer, SpeechModel, Task, TranscribeConfig, TypedRecognizer, Unit, UnknownTask, WindowAudio,
    WindowText, compact_json,
};
pub use weights::{LayerWeights, OpenWeights, TensorFault, TensorSpec, Tensors, Weights, WeightsError};

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    /// Runs a reference script of `tests/oracle`. Reports the test as skipped and returns `None` if Python or a module
    /// is missing.
    pub(crate) fn run_script(script: &str, arguments: &[&OsStr]) -> Option<()> {
        let script = format!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/{}"), script);
        testkit::python(&script, arguments).map(drop)
    }
}
