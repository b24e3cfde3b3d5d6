//! The transcript turn by turn.

use serde::Serialize;

use super::Document;

/// A longer silence of one speaker separates two turns, in seconds.
pub(crate) const PAUSE_S: f64 = 2.0;

/// Consecutive words of one speaker.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SpokenTurn {
    /// Channel, from 0.
    pub channel: u16,
    /// Who speaks ([`Document::word_label`]); null if one person speaks, or nobody was distinguished.
    pub speaker: Option<String>,
    /// Start of its first word, in seconds.
    pub start_s: f64,
    /// End of its last word, in seconds.
    pub end_s: f64,
    /// Whether the text of any of its words has low confidence.
    pub low_confidence: bool,
    /// The words, separated by spaces.
    pub text: String,
    /// Indices of the words.
    pub words: Vec<usize>,
}

impl Document {
    /// The words turn by turn, by time: a turn ends where another speaker or channel begins, or after 2 s of silence.
    #[must_use]
    pub fn turns(&self) -> Vec<SpokenTurn> {
        let mut turns: Vec<SpokenTurn> = Vec::new();
        for (index, word) in self.words_by_time().into_iter().filter(|(_, word)| !word.text.is_empty()) {
            let (speaker, low_confidence) = (self.word_label(index), self.is_low_confidence(word));
            let continues = |turn: &SpokenTurn| {
                turn.channel == word.channel && turn.speaker == speaker && word.start_s - turn.end_s < PAUSE_S
            };
            match turns.last_mut().filter(|turn| continues(turn)) {
                Some(turn) => {
                    turn.end_s = turn.end_s.max(word.end_s);
                    turn.low_confidence |= low_confidence;
                    turn.text = format!("{} {}", turn.text, word.text);
                    turn.words.push(index);
                }
                None => turns.push(SpokenTurn {
                    channel: word.channel,
                    speaker,
                    start_s: word.start_s,
                    end_s: word.end_s,
                    low_confidence,
                    text: word.text.clone(),
                    words: vec![index],
                }),
            }
        }
        turns
    }
}
