//! Transcribe: turns windows of speech into text with token times.
//!
//! ```text
//! window -> samples, levels, speech activity -> recognizer: prepare (CPU), infer (device), finish -> segments
//! ```
//!
//! [`Transcriber`] is the stage: it reads the windows, measures them, runs the passes and collects the transcript. A
//! [`Recognizer`] turns speech into text. It belongs to a family that the model's `config.json` selects.

mod audio;
mod sounding;
mod stage;

pub use models::{
    Compute, DeviceChoice, ModelError, ModelSource, Output, ParseModelSourceError, Precision, Recognizer, SpeechModel,
    Task, TranscribeConfig, Unit, UnknownPrecision, architectures, open as open_model,
};
pub use stage::Transcriber;
