//! Groups words into subtitle cues. Splits at pauses, at sentence ends, between reliable and low-confidence text, and
//! before a cue becomes too long to read.

use stage_core::Word;

use super::one_line;
use crate::export::{Document, LOW_CONFIDENCE};

/// A subtitle cue.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cue {
    pub(super) channel: u16,
    pub(super) start_s: f64,
    pub(super) end_s: f64,
    /// Low-confidence text begins with [`LOW_CONFIDENCE`].
    pub(super) text: String,
    is_low_confidence: bool,
}

const LONGEST_S: f64 = 6.0;
const LONGEST_CHARS: usize = 80;
const PAUSE_S: f64 = 0.8;

/// The cues of all channels, by time.
pub(super) fn cues(document: &Document) -> Vec<Cue> {
    of_words(document.words.iter().map(|word| (word, document.is_low_confidence(word))))
}

/// Cues of the words, each given with whether it has low confidence.
fn of_words<'a>(words: impl Iterator<Item = (&'a Word, bool)>) -> Vec<Cue> {
    let mut cues: Vec<Cue> = Vec::new();
    for (word, is_low_confidence) in words {
        let mark = if is_low_confidence { LOW_CONFIDENCE } else { "" };
        match cues.last_mut() {
            Some(cue) if cue.is_low_confidence == is_low_confidence && continues(cue, word) => {
                cue.text.push(' ');
                cue.text.push_str(&one_line(&word.text));
                cue.end_s = word.end_s;
            }
            _ => cues.push(Cue {
                channel: word.channel,
                start_s: word.start_s,
                end_s: word.end_s,
                text: format!("{mark}{}", one_line(&word.text)),
                is_low_confidence,
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

    pub(crate) fn word(channel: u16, text: &str, start_s: f64, end_s: f64) -> Word {
        Word { confidence: 0.9, ..Word::of_text(channel, (start_s, end_s), text) }
    }

    fn reliable(words: &[Word]) -> Vec<Cue> {
        of_words(words.iter().map(|word| (word, false)))
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
    fn cues_mark_low_confidence_and_do_not_mix_it_with_the_rest() {
        let words = [word(0, "four", 0.0, 0.4), word(0, "nine", 0.5, 0.9), word(0, "zero", 1.0, 1.4)];
        let cues = of_words(words.iter().zip([false, true, true]));
        assert_eq!(cues.iter().map(|cue| cue.text.as_str()).collect::<Vec<_>>(), ["four", "[?] nine zero"]);
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
