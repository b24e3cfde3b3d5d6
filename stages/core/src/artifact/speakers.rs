//! Diarize's artifact: who speaks when.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The speakers of a recording and their turns. A speaker is a voice in one channel: a label within this recording, never
/// an identification.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Speakers {
    /// Why no speakers were sought; null if they were.
    pub skipped: Option<String>,
    /// The speakers, in the order in which they begin to speak.
    pub speakers: Vec<Speaker>,
    /// Turns by channel, then by time. Within a channel they do not overlap.
    pub turns: Vec<Turn>,
    /// Where two people may speak at once in a channel with several speakers; by channel, then by time. A hint: most of
    /// the overlap is not found. The turns there have the more likely speaker.
    #[serde(default)]
    pub overlaps: Vec<Overlap>,
}

/// An interval in which two people may speak at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Overlap {
    /// Channel, from 0.
    pub channel: u16,
    /// Start in the recording, in seconds.
    pub start_s: f64,
    /// End in the recording, in seconds.
    pub end_s: f64,
    /// Mean probability that two people speak, 0 to 1.
    pub confidence: f32,
}

/// A voice in one channel of a recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Speaker {
    /// The label: `S1`, `S2`...
    pub id: String,
    /// Channel, from 0.
    pub channel: u16,
    /// Total length of its turns, in seconds.
    pub speech_s: f64,
}

/// Uninterrupted speech of one speaker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Turn {
    /// Channel, from 0.
    pub channel: u16,
    /// The label of the speaker, or `unknown` if the voice is not clear.
    pub speaker: String,
    /// Start in the recording, in seconds.
    pub start_s: f64,
    /// End in the recording, in seconds.
    pub end_s: f64,
    /// Probability that the speaker is the right one among those of the channel, 0 to 1.
    pub confidence: f32,
}

impl Turn {
    /// The label of speech whose voice is not clear.
    pub const UNKNOWN: &str = "unknown";

    /// Whether the voice is clear.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.speaker != Self::UNKNOWN
    }
}
