//! The models of the stages, behind one loader and one error type.
//!
//! ```text
//! ModelSource (embedded, directory, hub) -> ModelFolder -> ModelFiles: small files, weights, hashes
//!                                                            |
//!            speech recognizers, by config.json's `architectures` (whisper, wav2vec2)     silero (VAD)
//! ```
//!
//! [`open`] finds a speech model and creates its [`Recognizer`] through the list of families ([`families`]).
//! [`wav2vec2`] also aligns text, and [`silero`] detects speech. This crate does not depend on any stage.

mod device;
mod error;
pub mod families;
mod fault;
mod files;
mod precision;
mod recognizer;
pub mod silero;
mod weights;

pub use device::{DeviceChoice, DeviceError};
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
