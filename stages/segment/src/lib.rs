//! Segment: finds spans of speech and packs them into windows for transcription.
//!
//! ```text
//! PCM -> levels and speech probabilities (one pass) -> spans -> without crosstalk -> cut at the quietest point -> windows
//! ```
//!
//! [`Segmenter`] reads every channel once, in blocks. A voice activity detector assigns each frame a probability of
//! speech: Silero VAD, with weights from the program or from a file, or the energy detector, which compares energy with
//! the noise. Without a detector everything is speech. Hysteresis and minimum lengths of speech and silence turn
//! probabilities into spans. Spans are packed greedily into windows that the model can decode at once. Detected speech
//! that is not transcribed is listed with its reason.

mod channel;
mod config;
mod crosstalk;
mod error;
mod spans;
mod stage;
mod vad;
mod windows;

pub use config::{CrosstalkConfig, ParseVadError, SegmentConfig, VadChoice};
pub use stage::Segmenter;
