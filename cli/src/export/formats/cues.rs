//! Groups words into subtitle cues. Splits at pauses, at sentence ends, between reliable and low-confidence text and
//! between speakers, and before a cue becomes too long to read.

use stage_core::Word;

use super::{one_line, shown_words};
use crate::export::Document;

/// A subtitle cue.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cue {
    pub(super) channel: u16,
    pub(super) start_s: f64,
    pub(super) end_s: f64,
    /// Begins with the mark of its words ([`Document::mark`]).
    pub(super) text: String,
    /// Who says it ([`Document::word_label`]).
    pub(super) speaker: Option<String>,
    mark: &'static str,
}

const LONGEST_S: f64 = 6.0;
const LONGEST_CHARS: usize = 80;
const PAUSE_S: f64 = 0.8;

/// The cues of all channels, by time.
pub(super) fn cues(document: &Document) -> Vec<Cue> {
    of_words(shown_words(document).map(|(index, word)| (word, document.mark(index), document.word_label(index))))
}

/// Cues of the words, each given with its mark and its label.
fn of_words<'a>(words: impl Iterator<Item = (&'a Word, &'static str, Option<String>)>) -> Vec<Cue> {
    let mut cues: Vec<Cue> = Vec::new();
    for (word, mark, speaker) in words {
        match cues.last_mut() {
            Some(cue) if cue.mark == mark && cue.speaker == speaker && continues(cue, word) => {
                cue.text.push(' ');
                cue.text.push_str(&one_line(&word.text));
                cue.end_s = word.end_s;
            }
            _ => cues.push(Cue {
                channel: word.channel,
                start_s: word.start_s,
                end_s: word.end_s,
                text: format!("{mark}{}", one_line(&word.text)),
                speaker,
                mark,
            }),
        }
    }
    cues.sort_by(|a, b| a.start_s.total_cmp(&b.start_s).then(a.channel.cmp(&b.channel)));
    cues
}

fn continues(cue: &Cue, word: &Word) -> bool {
    cue.channel == word.channel
        && word.start_s - cue.end_s < PAUSE_S
        && word.end_s - cue.start_s <= LONGEST_S
        && cue.text.chars().count() + word.text.chars().count() < LONGEST_CHARS
        && !cue.text.ends_with(['.', '?', '!', '。', '？', '！'])
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::export::LOW_CONFIDENCE;

    pub(crate) fn word(channel: u16, text: &str, start_s: f64, end_s: f64) -> Word {
        Word { confidence: 0.9, ..Word::of_text(channel, (start_s, end_s), text) }
    }

    fn reliable(words: &[Word]) -> Vec<Cue> {
        of_words(words.iter().map(|word| (word, "", None)))
    }

    #[test]
    fn cues_start_at_pauses_sentence_ends_and_channel_changes() {
        let words = [
            word(0, "four", 0.0, 0.4),
            word(0, "nine.", 0.5, 0.9),
            word(0, "zero", 1.0, 1.4),
            word(0, "seven", 3.0, 3.4),
            word(1, "five", 1.2, 1.5),
        ];
        let texts: Vec<_> = reliable(&words).into_iter().map(|cue| (cue.channel, cue.text)).collect();
        let expected = [(0, "four nine."), (0, "zero"), (1, "five"), (0, "seven")];
        assert_eq!(texts, expected.map(|(channel, text)| (channel, text.to_owned())));
    }

    #[test]
    fn cues_mark_low_confidence_and_mix_neither_it_nor_speakers() {
        let words = [word(0, "four", 0.0, 0.4), word(0, "nine", 0.5, 0.9), word(0, "zero", 1.0, 1.4)];
        let marks = ["", LOW_CONFIDENCE, LOW_CONFIDENCE];
        let cues = of_words(words.iter().zip(marks).map(|(word, mark)| (word, mark, None)));
        assert_eq!(cues.iter().map(|cue| cue.text.as_str()).collect::<Vec<_>>(), ["four", "[?] nine zero"]);
        let cues = of_words(
            words
                .iter()
                .zip([Some("kim"), Some("kim"), None])
                .map(|(word, speaker)| (word, "", speaker.map(str::to_owned))),
        );
        let speakers: Vec<_> = cues.iter().map(|cue| (cue.text.as_str(), cue.speaker.as_deref())).collect();
        assert_eq!(speakers, [("four nine", Some("kim")), ("zero", None)]);
    }

    #[test]
    fn cues_stay_within_their_limits() {
        let words: Vec<_> =
            (0..60).map(|i| word(0, "seventeen", f64::from(i) * 0.5, f64::from(i) * 0.5 + 0.45)).collect();
        let cues = reliable(&words);
        assert!(cues.iter().all(|cue| cue.end_s - cue.start_s <= LONGEST_S && cue.text.len() <= LONGEST_CHARS));
        assert_eq!(cues.iter().map(|cue| cue.text.split(' ').count()).sum::<usize>(), 60);
    }
}
