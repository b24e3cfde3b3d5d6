//! Align's artifact: words with times.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The words of a recording, by channel, then by time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AlignedWords {
    /// How the times were found (`cross-attention+energy`).
    pub method: String,
    /// The words. Within a channel starts never decrease, each word starts before it ends, and all lie inside the
    /// recording.
    pub words: Vec<Word>,
}

/// One word.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Word {
    /// Channel, from 0.
    pub channel: u16,
    /// Who speaks, where it is known.
    pub speaker: Option<String>,
    /// The word with its punctuation, without white space.
    pub text: String,
    /// Start in the recording, in seconds.
    pub start_s: f64,
    /// End in the recording, in seconds.
    pub end_s: f64,
    /// Geometric mean of the tokens' probabilities, 0 to 1.
    pub confidence: f32,
    /// Index of its segment in the transcript.
    pub segment: u32,
}
