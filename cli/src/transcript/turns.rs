//! Turns of a conversation, by time, from its words and gaps.
//!
//! Words of one channel that follow each other without a pause stay together, even if somebody speaks in another channel
//! meanwhile: a short "yes" of the other party does not cut a sentence in two. Otherwise turns are as in
//! [`Document::turns`](crate::export::Document::turns).

use super::gaps::{self, Gap, Place};
use super::words::{self, Shown};
use crate::export::Document;
use stage_core::Turn as SpeakerTurn;

/// A pause of one speaker that ends a turn, in seconds.
const PAUSE_S: f64 = 2.0;
/// A pause that ends a turn if somebody else speaks in it, in seconds.
const BREATH_S: f64 = 0.5;

/// A word, a whole segment without words, or a gap.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Item {
    pub(super) start_s: f64,
    pub(super) end_s: f64,
    pub(super) shown: Shown,
    pub(super) text: String,
    /// Index of the word, if it is one.
    pub(super) word: Option<usize>,
}

/// What one speaker says without a long pause.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Turn {
    pub(super) channel: u16,
    /// Who speaks, by name or label; `None` if nobody is known.
    pub(super) speaker: Option<String>,
    pub(super) start_s: f64,
    pub(super) end_s: f64,
    pub(super) items: Vec<Item>,
}

/// All turns of a reviewed copy.
pub(super) fn find(document: &Document, gaps: &[Gap]) -> Vec<Turn> {
    let mut single: Vec<Turn> =
        of_words(document).chain(of_gaps(document, gaps)).chain(of_segments(document)).collect();
    single.sort_by(|a, b| a.channel.cmp(&b.channel).then(a.start_s.total_cmp(&b.start_s)));
    let mut spoken = joined(single, BREATH_S);
    spoken.sort_by(|a, b| a.start_s.total_cmp(&b.start_s).then(a.channel.cmp(&b.channel)));
    joined(spoken, PAUSE_S)
}

/// Joins consecutive turns of one speaker without a pause of this length.
fn joined(turns: Vec<Turn>, pause_s: f64) -> Vec<Turn> {
    let mut joined: Vec<Turn> = Vec::new();
    for turn in turns {
        let continues = |last: &Turn| {
            last.channel == turn.channel && last.speaker == turn.speaker && turn.start_s - last.end_s < pause_s
        };
        match joined.last_mut().filter(|last| continues(last)) {
            Some(last) => {
                last.end_s = last.end_s.max(turn.end_s);
                last.items.extend(turn.items);
            }
            None => joined.push(turn),
        }
    }
    joined
}

fn of_words(document: &Document) -> impl Iterator<Item = Turn> {
    let words = document.words.iter().enumerate().map(|(index, word)| (index, word, words::shown(document, index)));
    let words = words.filter(|(_, _, shown)| *shown != Shown::Deleted);
    words.map(|(index, word, shown)| {
        let text = word.text.clone();
        let item = Item { start_s: word.start_s, end_s: word.end_s, shown, text, word: Some(index) };
        let corrected = document.corrected_speaker(index).is_some();
        let speaker = if corrected { document.word_label(index) } else { document.word_speaker(word) };
        of_item(word.channel, known(speaker), item)
    })
}

fn of_gaps(document: &Document, gaps: &[Gap]) -> impl Iterator<Item = Turn> {
    gaps.iter().filter(|gap| gap.place == Place::Mark).map(|gap| {
        let label = gaps::voice(document, gap);
        let speaker = document.label_name(gap.channel, label.as_deref());
        let (start_s, end_s, shown, text) = (gap.start_s, gap.end_s, Shown::Unreliable, String::new());
        of_item(gap.channel, known(speaker), Item { start_s, end_s, shown, text, word: None })
    })
}

/// Reliable segments without words: their text is one item. Those whose text is not printed are gaps.
fn of_segments(document: &Document) -> impl Iterator<Item = Turn> {
    let segments = document.segments.iter().enumerate().filter(|(at, segment)| {
        let has_words = || document.words.iter().any(|word| word.segment as usize == *at);
        !segment.text.trim().is_empty() && !gaps::is_unreliable(document, *at) && !has_words()
    });
    segments.map(|(_, segment)| {
        let (start_s, end_s, text) = (segment.start_s, segment.end_s, segment.text.clone());
        let item = Item { start_s, end_s, shown: Shown::Plain, text, word: None };
        of_item(segment.channel, known(document.label_name(segment.channel, None)), item)
    })
}

fn of_item(channel: u16, speaker: Option<String>, item: Item) -> Turn {
    Turn { channel, speaker, start_s: item.start_s, end_s: item.end_s, items: vec![item] }
}

/// A speaker whose voice is clear.
fn known(speaker: Option<String>) -> Option<String> {
    speaker.filter(|speaker| speaker != SpeakerTurn::UNKNOWN)
}

#[cfg(test)]
mod tests {
    use stage_core::{Dropped, Word};

    use super::*;
    use crate::export::document_of;

    fn word(channel: u16, speaker: &str, start_s: f64, text: &str) -> Word {
        Word { speaker: Some(speaker.to_owned()), ..Word::of_text(channel, (start_s, start_s + 0.4), text) }
    }

    fn lines(document: &Document) -> Vec<String> {
        let turns = find(document, &gaps::find(document));
        let text = |turn: &Turn| turn.items.iter().map(|item| &*item.text).collect::<Vec<_>>().join(" ");
        turns.iter().map(|turn| format!("{}: {}", turn.speaker.as_deref().unwrap_or("-"), text(turn))).collect()
    }

    #[test]
    fn turn_is_not_cut_by_a_word_of_the_other_party() {
        let words = [
            word(0, "S1", 0.0, "I"),
            word(0, "S1", 0.5, "will"),
            word(0, "S1", 1.0, "pay."),
            word(0, "S1", 2.4, "When?"),
            word(1, "S2", 0.6, "yes"),
            word(1, "S2", 1.6, "No."),
        ];
        let mut document = document_of(&words);
        document.recording.channels = 2;
        assert_eq!(lines(&document), ["S1: I will pay.", "S2: yes No.", "S1: When?"]);
    }

    #[test]
    fn turn_of_one_channel_ends_where_another_speaker_begins_or_after_a_pause() {
        let words = [
            word(0, "S1", 0.0, "a"),
            word(0, "S2", 0.4, "b"),
            word(0, "S1", 0.8, "c"),
            word(0, "unknown", 1.2, "d"),
            word(0, "S1", 1.6, "e"),
            word(0, "S1", 4.1, "f"),
        ];
        assert_eq!(lines(&document_of(&words)), ["S1: a", "S2: b", "S1: c", "-: d", "S1: e", "S1: f"]);
    }

    #[test]
    fn gap_is_at_its_time_and_of_the_speaker_who_is_known_there() {
        let mut document = document_of(&[word(0, "S1", 0.0, "a"), word(0, "S1", 2.0, "b")]);
        let gap = |start_s, reason: &str| Dropped { channel: 0, start_s, end_s: start_s + 1.0, reason: reason.into() };
        document.dropped = vec![gap(0.7, "no text"), gap(0.8, "crosstalk from channel 1"), gap(8.0, "no text")];
        assert_eq!(lines(&document), ["S1: a", "-: ", "S1: b", "-: "]);
        document.speakers.speakers = vec![stage_core::Speaker { id: "S1".into(), channel: 0, speech_s: 1.0 }];
        assert_eq!(lines(&document), ["S1: a  b", "S1: "]);
    }
}
