//! The artifacts, one file for each stage that makes them.

pub mod forensics;
mod names;
mod recording;
mod segments;
mod transcript;
mod words;

pub use recording::{PcmSource, Recording};
pub use segments::{Dropped, SpeechSegments, SpeechSpan, VadIdentity, Window};
pub use transcript::{Decoding, DetectedLanguage, RejectedAttempt, Segment, TokenPiece, Transcript};
pub use words::{AlignedWords, Timing, TimingMethod, Word};
