//! Forensics: turns words and samples into measurements, evidence and scores that can be checked by hand. The last stage of
//! the pipeline.
//!
//! ```text
//! samples, spans, words -> measures of every channel: level, quality, speech, pitch, voice -> ForensicRecord
//! words -> lexicons -> evidence, with what the words around it make of it -> scores -> ForensicRecord
//! samples -> traces of editing (crate authenticity) -> ForensicRecord
//! samples, F0 -> Overview, for drawings
//! lines of text -> lexicons -> items -> scores -> TextRecord
//! ```
//!
//! [`Forensics`] measures level, quality, speech, pitch and voice of every channel, searches the timed words for the
//! phrases of its lexicons, and computes scores. Each score names the evidence that it is based on. A value that could not be measured
//! is null with a reason. The scores are an index over evidence and not a verdict: see
//! [`stage_core::forensics::ForensicRecord::limits`].
//!
//! | item | purpose |
//! |---|---|
//! | [`Forensics`], [`Examined`] | the stage and its outputs |
//! | [`TextEvidence`] | the same evidence and scores for plain text; checks of lexicons |
//! | [`ForensicsConfig`], [`ScoreCategory`], [`ScoreLevels`] | settings of measures and scores |
//! | [`LexiconSource`] | a lexicon in addition to the built-in ones; the top of `lexicons/en/base.toml` documents the format |
//! | [`ForensicInput`] | the artifacts that the stage reads |
//! | [`record_schema`] | the JSON Schema of the record, with the measures' own types |
//!
//! A new measure is one module under `measure` and one entry of the list there.
//!
//! # Example
//!
//! ```
//! use forensics::{ForensicInput, Forensics, ForensicsConfig};
//! use stage_core::{AlignedWords, Pcm, PcmSource, Recording, Segment, Speakers, SpeechSegments, Stage, Transcript, Word};
//!
//! let words = "i know where you live".split(' ').enumerate();
//! let words = words.map(|(at, text)| Word::of_text(0, (0.3 * at as f64, 0.3 * at as f64 + 0.2), text)).collect();
//! let words = AlignedWords { method: "by hand".to_owned(), words };
//! let segment = Segment::of_text(0, (0.0, 1.5), "i know where you live", "en");
//! let transcript = Transcript { model: "none".to_owned(), segments: vec![segment], dropped: Vec::new() };
//!
//! # let pcm = PcmSource { source_frames: 32_000, frames: 32_000, trimmed_start_frames: 0, trimmed_end_frames: 0 };
//! # let recording = Recording {
//! #     container: "wav".to_owned(),
//! #     codec: "pcm_s16le".to_owned(),
//! #     lossless: true,
//! #     sample_rate_hz: 16_000,
//! #     channels: 1,
//! #     duration_s: 2.0,
//! #     pcm_sha256: String::new(),
//! #     pcm,
//! #     tags: Default::default(),
//! #     external_decoder: None,
//! #     account: None,
//! #     warnings: Vec::new(),
//! # };
//! let input = ForensicInput {
//!     recording: &recording, // decode's artifact
//!     pcm: &Pcm::from_channels(vec![vec![0.0; 32_000]]),
//!     segments: &SpeechSegments::of_windows(Vec::new()),
//!     speakers: &Speakers::default(),
//!     transcript: &transcript,
//!     words: &words,
//! };
//! let record = Forensics::new(ForensicsConfig::default(), &[])?.run(input)?.record;
//! let threat = record.evidence.iter().find(|item| item.category == "threat").ok_or("a threat")?;
//! assert_eq!((threat.rule.as_str(), &threat.words), ("en.threat.whereabouts", &vec![0, 1, 2, 3, 4]));
//! assert!(record.channels[0].measures["level"].is_object());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod config;
mod error;
mod evidence;
mod input;
mod lexicon;
mod limits;
mod measure;
mod overview;
mod score;
mod spans;
mod stage;
mod text;
mod turn_taking;

pub use config::{ForensicsConfig, LexiconSource, ScoreCategory, ScoreLevels};
pub use error::ForensicsError;
pub use input::ForensicInput;
pub use lexicon::{RuleSummary, built_in};
pub use measure::record_schema;
pub use stage::{Examined, Forensics};
pub use text::{TextEvidence, TextItem, TextLine, TextRecord, TextScores};
