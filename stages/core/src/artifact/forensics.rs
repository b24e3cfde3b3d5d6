//! Forensics' artifact: measurements, evidence and scores. Every item names its place and its sources.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Measured;

/// The forensic record of one recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ForensicRecord {
    /// Measurements, one entry per channel.
    pub channels: Vec<ChannelRecord>,
    /// Evidence by start time.
    pub evidence: Vec<Evidence>,
    /// Scores over the evidence.
    pub scores: Scores,
    /// What this record does not claim, for the report.
    pub limits: Vec<String>,
}

// The measures are a list in the forensics crate, which also puts their shapes into the schema.
/// The measurements of one channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChannelRecord {
    /// Channel, from 0.
    pub channel: u16,
    /// The value of each measure by its name (`level`, `speech`, `f0`).
    #[serde(flatten)]
    pub measures: Map<String, Value>,
}

/// One match of the lexicon.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// Category (`threat`).
    pub category: String,
    /// Kind inside the category (`conditional`).
    pub subcategory: String,
    /// The rule that matched.
    pub rule: String,
    /// How serious the rule is held to be, 0 to 1.
    pub severity: f64,
    /// The text from the first matched word to the last.
    pub text: String,
    /// Channel, from 0.
    pub channel: u16,
    /// The speaker, where it is known.
    pub speaker: Option<String>,
    /// Start of its first word, in seconds.
    pub start_s: f64,
    /// End of its last word, in seconds.
    pub end_s: f64,
    /// Indices, in the aligned words, of the words that the rule matched; words that it skipped are not among them.
    pub words: Vec<u32>,
    /// Mean confidence of those words, 0 to 1.
    pub confidence: f64,
    /// Why it does not count, where it was negated or quoted or the transcript is of low confidence; null where it
    /// counts.
    pub discounted: Option<String>,
}

/// An index over the evidence, not a verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Scores {
    /// Weighted mean of the categories, 0 to 100, or null with a reason where no speech was transcribed.
    pub overall: Measured,
    /// The band that it falls in, where there is a score.
    pub level: Option<ScoreLevel>,
    /// Each category's score.
    pub categories: BTreeMap<String, CategoryScore>,
    /// How much of the speech the scores rest on.
    pub coverage: Coverage,
}

/// The band of a score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ScoreLevel {
    /// Under 20.
    Minimal,
    /// From 20.
    Low,
    /// From 40.
    Moderate,
    /// From 60.
    High,
    /// From 80.
    Critical,
}

impl ScoreLevel {
    /// The band that `score`, 0 to 100, falls in.
    #[must_use]
    pub fn of(score: f64) -> Self {
        match score {
            s if s < 20.0 => Self::Minimal,
            s if s < 40.0 => Self::Low,
            s if s < 60.0 => Self::Moderate,
            s if s < 80.0 => Self::High,
            _ => Self::Critical,
        }
    }

    /// The name that it has in records and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Moderate => "moderate",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// The score of one category.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CategoryScore {
    /// 0 to 100, or null with a reason.
    pub score: Measured,
    /// The band that it falls in, where there is a score.
    pub level: Option<ScoreLevel>,
    /// Its share in the overall score, 0 to 1.
    pub weight: f64,
    /// Indices of the evidence that the score comes from, in [`ForensicRecord::evidence`].
    pub evidence: Vec<u32>,
}

/// How much of the speech was transcribed, and how surely.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Coverage {
    /// Seconds of detected speech.
    pub speech_s: f64,
    /// Seconds of it inside reliably transcribed segments, less the words that the model marked as not understood.
    pub transcribed_s: f64,
    /// Seconds of it inside segments whose text is of low confidence.
    pub low_confidence_s: f64,
    /// Reliably transcribed seconds over those of speech, 0 to 1, or null where there was no speech.
    pub ratio: Measured,
    /// Mean confidence of the words, 0 to 1.
    pub mean_confidence: Measured,
    /// Languages of the transcript that no lexicon covers.
    pub languages_without_lexicon: Vec<String>,
}
