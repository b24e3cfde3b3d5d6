//! Forensics' artifact: measurements, evidence and scores. Every item says where it lies and what it rests on.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Measured;

/// The forensic record of one recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ForensicRecord {
    /// Measurements, one entry a channel.
    pub channels: Vec<ChannelRecord>,
    /// Evidence by start time.
    pub evidence: Vec<Evidence>,
    /// Scores over the evidence.
    pub scores: Scores,
    /// What this record does not claim, for the report.
    pub limits: Vec<String>,
}

/// What was measured in one channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChannelRecord {
    /// Channel, from 0.
    pub channel: u16,
    /// Level and quality of the signal.
    pub level: Level,
    /// How much is speech, and how it is spoken.
    pub speech: Speech,
    /// Fundamental frequency of the voice.
    pub f0: Pitch,
}

/// Level of the signal over the whole channel; dBFS is relative to a full-scale square wave (RMS 1.0 is 0 dBFS).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Level {
    /// Root mean square, in dBFS.
    pub rms_dbfs: Measured,
    /// Greatest magnitude, in dBFS.
    pub peak_dbfs: Measured,
    /// Root mean square inside speech spans, in dBFS.
    pub speech_rms_dbfs: Measured,
    /// Mean of the samples, -1 to 1.
    pub dc_offset: Measured,
    /// Share of samples within 0.1 % of full scale in runs of three or more, 0 to 1. The reason, where there is one,
    /// says why it is a lower bound.
    pub clipping_ratio: Measured,
    /// Seconds of exact digital silence in runs of 50 ms or more.
    pub digital_silence_s: Measured,
}

/// Speech and pauses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Speech {
    /// Seconds of detected speech.
    pub speech_s: Measured,
    /// Speech over the channel's length, 0 to 1.
    pub speech_ratio: Measured,
    /// Pauses: silences of 0.2 s or more between the first sound of the channel's speech and its last, measured in the
    /// sound and not between words. A silence in which another channel speaks for 0.2 s is its turn and not a pause.
    pub pause_count: Measured<u64>,
    /// Their mean length, in seconds.
    pub pause_mean_s: Measured,
    /// The longest, in seconds.
    pub pause_longest_s: Measured,
    /// Words of reliable text over the speaking time, a minute. Speaking time runs from the first of these words to the
    /// last, pauses included, the turns of other channels and speech without reliable text left out.
    pub words_per_minute: Measured,
    /// Syllables over the speaking time (Hangul blocks; vowel groups in English), a minute.
    pub syllables_per_minute: Measured,
    /// Syllables over the time inside words alone, a second.
    pub articulation_rate_per_s: Measured,
}

/// Fundamental frequency by autocorrelation with a path search (Boersma 1993), over voiced frames inside speech.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Pitch {
    /// Lowest frequency that was searched, in Hz.
    pub floor_hz: f64,
    /// Highest frequency that was searched, in Hz.
    pub ceiling_hz: f64,
    /// Frames looked at, 10 ms apart, all inside speech.
    pub speech_frames: u64,
    /// Those with a pitch. The others count in none of the figures below: nothing is filled in.
    pub voiced_frames: u64,
    /// Mean, in Hz.
    pub f0_mean_hz: Measured,
    /// Median, in Hz.
    pub f0_median_hz: Measured,
    /// Standard deviation, in Hz.
    pub f0_sd_hz: Measured,
    /// 5th percentile, in Hz.
    pub f0_p05_hz: Measured,
    /// 95th percentile, in Hz.
    pub f0_p95_hz: Measured,
    /// From the 5th to the 95th percentile, in semitones.
    pub f0_range_semitones: Measured,
    /// Share of voiced frames within 2 % of the floor: high values mean that the floor and not the voice was measured.
    pub at_floor_ratio: Measured,
}

/// One find of the lexicon.
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
    /// What was said, from the first matched word to the last.
    pub text: String,
    /// Channel, from 0.
    pub channel: u16,
    /// Who said it, where it is known.
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

/// An index over the evidence, never a verdict.
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
