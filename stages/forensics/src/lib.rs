//! Forensics: words and samples to measurements, evidence and scores that a person can check.
//!
//! [`Forensics`] measures level, speech and pitch of every channel, searches the timed words for the phrases of its
//! lexicons, and computes scores, each of which names the evidence that it comes from. A value that could not be measured
//! is null with a reason. The scores are an index over evidence and not a verdict: see
//! [`stage_core::forensics::ForensicRecord::limits`].
//!
//! A new measure is one module under `measure` and one entry of the list there.
//!
//! The lexicons are data files, in English and Korean; a caller adds files of their own as [`LexiconSource`]. Their
//! format is described at the top of `lexicons/en.toml`.

mod config;
mod error;
mod evidence;
mod input;
mod lexicon;
mod limits;
mod measure;
mod score;
mod spans;
mod stage;

pub use config::{ForensicsConfig, LexiconSource, ScoreCategory};
pub use error::ForensicsError;
pub use input::ForensicInput;
pub use measure::record_schema;
pub use stage::Forensics;
