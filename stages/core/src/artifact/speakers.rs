//! Diarize's artifact: who speaks when.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The speakers of a recording and their turns. A speaker is a voice in one channel: a label within this recording, never
/// an identification.
///
/// ```
/// use stage_core::{Speakers, Turn};
///
/// let turn = |speaker: &str, start_s, end_s| Turn {
///     channel: 0, speaker: speaker.to_owned(), start_s, end_s, confidence: 0.9,
/// };
/// let speakers = Speakers { turns: vec![turn("S1", 0.0, 2.0), turn("S2", 1.5, 3.0)], ..Speakers::default() };
/// let at = |start_s, end_s| speakers.shares(0, start_s, end_s).into_iter().map(|(turn, _)| turn.speaker.as_str()).collect::<Vec<_>>();
/// assert_eq!(at(1.0, 1.8), ["S1", "S2"]);
/// assert!(at(3.5, 4.0).is_empty());
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Speakers {
    /// Why no speakers were sought; null if they were.
    pub skipped: Option<String>,
    /// The speakers, in the order in which they begin to speak.
    pub speakers: Vec<Speaker>,
    /// Turns by channel, then by time. Turns of different speakers overlap where two speak at once.
    pub turns: Vec<Turn>,
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

impl Speakers {
    /// The turns of a channel that an interval overlaps, each with the seconds that both share.
    #[must_use]
    pub fn shares(&self, channel: u16, start_s: f64, end_s: f64) -> Vec<(&Turn, f64)> {
        let share = |turn: &Turn| turn.end_s.min(end_s) - turn.start_s.max(start_s);
        let own = self.turns.iter().filter(|turn| turn.channel == channel);
        own.map(|turn| (turn, share(turn))).filter(|(_, share_s)| *share_s > 0.0).collect()
    }
}
