//! Forensics: words and samples to measurements, evidence and scores that a person can check.
//!
//! [`Forensics`] measures level, speech and pitch of every channel, looks for the phrases of its lexicons in the timed
//! words, and sums what it found up in scores, each of which names the evidence that it comes from. A value that could
//! not be measured is null with a reason. The scores are an index over evidence and no verdict: see
//! [`stage_core::forensics::ForensicRecord::limits`].
//!
//! The lexicons are data files, in English and Korean; a caller adds files of their own as [`LexiconSource`]. Their
//! format is described at the top of `lexicons/en.toml`.

mod config;
mod error;
mod evidence;
mod level;
mod lexicon;
mod limits;
mod pauses;
mod pitch;
mod score;
mod spans;
mod speech;
mod stage;
mod syllables;

pub use config::{ForensicsConfig, LexiconSource, PitchConfig, ScoreCategory};
pub use error::ForensicsError;
pub use stage::{ForensicInput, Forensics};
