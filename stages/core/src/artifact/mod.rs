//! The artifacts, one module per stage.

pub mod authenticity;
pub mod container;
mod emissions;
pub mod forensics;
mod names;
mod overview;
mod recording;
mod segments;
mod speakers;
mod stored_segment;
mod transcript;
mod words;

pub use emissions::{PhoneEmissions, PhoneSet, TimedEmissions, WindowEmissions};
pub use overview::{ChannelOverview, Overview};
pub use recording::{DecodeWarning, ExternalDecoder, FileAccount, PcmSource, Recording, TrackAccount, WarningKind};
pub use segments::{Dropped, DuplicateChannel, SpeechSegments, SpeechSpan, VadIdentity, Window};
pub use speakers::{Overlap, Speaker, Speakers, Turn};
pub use transcript::{DetectedLanguage, Diagnostics, Segment, TokenGroup, TokenTiming, Transcript};
pub use words::{AlignedWords, Timing, TimingMethod, Word};
