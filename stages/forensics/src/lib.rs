//! Forensics: turns words and samples into measurements, evidence and scores that can be checked by hand.
//!
//! [`Forensics`] measures level, speech and pitch of every channel, searches the timed words for the phrases of its
//! lexicons, and computes scores. Each score names the evidence that it is based on. A value that could not be measured
//! is null with a reason. The scores are an index over evidence and not a verdict: see
//! [`stage_core::forensics::ForensicRecord::limits`].
//!
//! A new measure is one module under `measure` and one entry of the list there.
//!
//! The built-in lexicons are data files in English and Korean. A caller can add files as [`LexiconSource`]. The top of
//! `lexicons/en.toml` documents their format.

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
