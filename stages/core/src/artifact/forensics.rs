//! Forensics' artifact: measurements, evidence and scores. Every item states its position and its sources.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Measured;
use crate::authenticity::AuthenticityRecord;

/// The forensic record of one recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ForensicRecord {
    /// Measurements, one entry per channel.
    pub channels: Vec<ChannelRecord>,
    /// Evidence by start time.
    pub evidence: Vec<Evidence>,
    /// Scores over the evidence.
    pub scores: Scores,
    /// Who speaks how much, and how speakers follow each other.
    #[serde(default)]
    pub turn_taking: TurnTaking,
    /// Traces of editing in the sound. A document adds those in the container and in the file's name.
    #[serde(default)]
    pub authenticity: AuthenticityRecord,
    /// Limits of the analysis, for the report.
    pub limits: Vec<String>,
}

// The forensics crate lists the measures and adds their types to the schema.
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
    pub kind: String,
    /// Rule that matched.
    pub rule: String,
    /// Severity of the rule, 0 to 1.
    pub severity: f64,
    /// The text from the first matched word to the last.
    pub text: String,
    /// Channel, from 0.
    pub channel: u16,
    /// The speaker of the words; `unknown` if no word has a known speaker, null if speakers were not sought.
    pub speaker: Option<String>,
    /// Start of its first word, in seconds.
    pub start_s: f64,
    /// End of its last word, in seconds.
    pub end_s: f64,
    /// Indices of the aligned words that the rule matched. Words that it skipped are not included.
    pub words: Vec<u32>,
    /// Mean confidence of those words, 0 to 1.
    pub confidence: f64,
    /// Whether the words around it negate it.
    #[serde(default)]
    pub negated: bool,
    /// Whether it is a quotation.
    #[serde(default)]
    pub quoted: bool,
    /// Whether the speaker reports what somebody else said or did. The category is then `reported`.
    #[serde(default)]
    pub reported: bool,
    /// Why the match does not count: it was negated or quoted, announces a lawful act, or the transcript is of low
    /// confidence. Null if it counts.
    pub discounted: Option<String>,
}

/// Who speaks how much, and how speakers follow each other. Turns of a speaker with pauses under 1 s are one turn.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct TurnTaking {
    /// The speakers, in the order in which they begin to speak.
    pub speakers: Vec<SpeakerShare>,
    /// Ordered pairs of speakers of whom the second speaks after the first.
    pub pairs: Vec<SpeakerPair>,
    /// Total length of the intervals in which two people may speak at once in one channel, in seconds. Most of such
    /// overlap is not found.
    #[serde(default)]
    pub overlap_s: f64,
}

/// How much a speaker speaks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SpeakerShare {
    /// The label of the speaker.
    pub speaker: String,
    /// Number of turns.
    pub turns: u32,
    /// Their length, in seconds.
    pub speech_s: f64,
    /// Share of the speech of all known speakers, 0 to 1.
    pub share: Measured,
    /// Mean length of a turn, in seconds.
    pub mean_turn_s: Measured,
}

/// How one speaker follows another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SpeakerPair {
    /// The label of the speaker who speaks first.
    pub first: String,
    /// The label of the speaker who speaks next.
    pub second: String,
    /// How often the second takes over within 5 s. A turn inside that of the first takes nothing over.
    pub changes: u32,
    /// Median time from the end of the first's turn to the start of the second's, in seconds; negative if both overlap.
    pub latency_s: Measured,
    /// How often the second begins at least 0.2 s before the first ends, and continues longer.
    pub interruptions: u32,
    /// Time in which the second speaks during turns of the first that began earlier, in seconds.
    pub overlap_s: f64,
}

/// An index over the evidence, not a verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Scores {
    /// The highest score of a category, by its weight, and a part of the others; 0 to 100. Null with a reason if the speech
    /// is not assessable.
    pub overall: Measured,
    /// Level of the overall score, if there is a score.
    pub level: Option<ScoreLevel>,
    /// Score of each category.
    pub categories: BTreeMap<String, CategoryScore>,
    /// Scores of each speaker, over the evidence in the speaker's own words. Evidence in words of an unknown speaker is in
    /// none of them.
    #[serde(default)]
    pub speakers: Vec<SpeakerScores>,
    /// How much of the speech the scores are based on.
    pub coverage: Coverage,
}

/// The scores of one speaker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SpeakerScores {
    /// The label of the speaker.
    pub speaker: String,
    /// As [`Scores::overall`].
    pub overall: Measured,
    /// Level of the overall score, if there is a score.
    pub level: Option<ScoreLevel>,
    /// Score of each category.
    pub categories: BTreeMap<String, CategoryScore>,
}

/// Level of a score. The settings have the score from which each level holds; these are the defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ScoreLevel {
    /// Below 20.
    Minimal,
    /// 20 to below 40.
    Low,
    /// 40 to below 60.
    Moderate,
    /// 60 to below 80.
    High,
    /// 80 and above.
    Critical,
}

impl ScoreLevel {
    /// Name used in records and reports.
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
    /// Level of the score, if there is a score.
    pub level: Option<ScoreLevel>,
    /// Its weight in the overall score: 1 for the heaviest category.
    pub weight: f64,
    /// Number of separate moments in which the evidence occurs.
    #[serde(default)]
    pub moments: u32,
    /// Mean confidence of the words of the evidence, 0 to 1: how reliably they were recognized. Null without evidence. It
    /// does not change the score.
    #[serde(default = "unmeasured")]
    pub reliability: Measured,
    /// Indices of the evidence that the score is based on, in [`ForensicRecord::evidence`].
    pub evidence: Vec<u32>,
}

/// What records of earlier versions do not have.
fn unmeasured() -> Measured {
    Measured::missing("an earlier version of the program did not measure it")
}

/// How much of the speech was transcribed, and with what confidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Coverage {
    /// Detected speech, in seconds.
    pub speech_s: f64,
    /// Speech inside reliably transcribed segments, in seconds, without words that the model marked as not understood.
    pub transcribed_s: f64,
    /// Speech inside segments whose text has low confidence, in seconds.
    pub low_confidence_s: f64,
    /// `transcribed_s` divided by `speech_s`, 0 to 1, or null if there was no speech.
    pub ratio: Measured,
    /// Mean confidence of the words, 0 to 1.
    pub mean_confidence: Measured,
    /// Languages of the transcript that no lexicon covers.
    pub languages_without_lexicon: Vec<String>,
}
