//! Segment: speech spans, and the windows in which they are transcribed.
//!
//! ```text
//! PCM -> levels and speech probabilities (one pass) -> spans -> without crosstalk -> cut at the quietest point -> windows
//! ```
//!
//! [`Segmenter`] reads every channel once, in blocks. A voice activity detector gives each frame a probability of
//! speech: Silero VAD, whose weights are part of the program or in a file, or energy above the noise; without one all
//! is speech. Hysteresis, the shortest speech and the
//! shortest silence turn probabilities into spans, and spans are packed greedily into windows that the model can take
//! at once. Speech that was detected and left out is listed with its reason.

mod channel;
mod config;
mod crosstalk;
mod error;
mod spans;
mod stage;
mod vad;
mod windows;

pub use config::{CrosstalkConfig, SegmentConfig, VadChoice};
pub use stage::Segmenter;
