//! Groups words into subtitle cues. Words of one speaker without a pause, all reliable or none, are a phrase; a phrase is
//! divided where its cues fit in two lines and break at the best places.

use stage_core::Word;

use super::phrases::{LINE_WIDTH, break_cost, lines, width};
use super::{one_line, shown_words};
use crate::export::Document;

/// A subtitle cue.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cue {
    pub(super) channel: u16,
    pub(super) start_s: f64,
    /// At least [`SHORTEST_S`] after the start where the next cue allows it.
    pub(super) end_s: f64,
    /// One or two lines, which begin with the mark of the words ([`Document::mark`]).
    pub(super) lines: Vec<String>,
    /// Who says it ([`Document::word_label`]).
    pub(super) speaker: Option<String>,
}

const LONGEST_S: f64 = 6.0;
const SHORTEST_S: f64 = 0.7;
const PAUSE_S: f64 = 0.8;
/// Cost of a cue, so that cues are not shorter than they need to be.
const CUE_COST: u32 = 4;
/// Cost of a cue that can be shown for less than [`SHORTEST_S`].
const SHORT_COST: u32 = 12;

/// Words of one speaker without a pause.
struct Phrase<'a> {
    words: Vec<&'a Word>,
    texts: Vec<String>,
    mark: &'static str,
    speaker: Option<String>,
}

/// The cues of all channels, by time. `label_width` is the width of a label that is written before the text of a cue.
pub(super) fn cues(document: &Document, label_width: impl Fn(&str) -> usize) -> Vec<Cue> {
    let words = shown_words(document).map(|(index, word)| (word, document.mark(index), document.word_label(index)));
    of_words(words, label_width)
}

/// Cues of the words, each given with its mark and its label.
fn of_words<'a>(
    words: impl Iterator<Item = (&'a Word, &'static str, Option<String>)>,
    label_width: impl Fn(&str) -> usize,
) -> Vec<Cue> {
    let divided = |phrase: &Phrase<'_>| divide(phrase, phrase.speaker.as_deref().map_or(0, &label_width));
    let mut cues: Vec<Cue> = phrases(words).iter().flat_map(divided).collect();
    cues.sort_by(|a, b| a.start_s.total_cmp(&b.start_s).then(a.channel.cmp(&b.channel)));
    for index in 0..cues.len() {
        let next = cues[index + 1..].iter().find(|next| next.channel == cues[index].channel);
        let latest_s = next.map_or(f64::INFINITY, |next| next.start_s);
        let cue = &mut cues[index];
        cue.end_s = cue.end_s.max((cue.start_s + SHORTEST_S).min(latest_s));
    }
    cues
}

fn phrases<'a>(words: impl Iterator<Item = (&'a Word, &'static str, Option<String>)>) -> Vec<Phrase<'a>> {
    let mut phrases: Vec<Phrase<'a>> = Vec::new();
    for (word, mark, speaker) in words {
        let continues = |phrase: &Phrase<'_>| {
            let last = phrase.words.last();
            let is_near = last.is_some_and(|last| last.channel == word.channel && word.start_s - last.end_s < PAUSE_S);
            let ended = phrase.texts.last().is_some_and(|text| text.ends_with(['.', '?', '!', '。', '？', '！']));
            is_near && !ended && phrase.mark == mark && phrase.speaker == speaker
        };
        match phrases.last_mut().filter(|phrase| continues(phrase)) {
            Some(phrase) => {
                phrase.words.push(word);
                phrase.texts.push(one_line(&word.text));
            }
            None => {
                let texts = vec![format!("{mark}{}", one_line(&word.text))];
                phrases.push(Phrase { words: vec![word], texts, mark, speaker });
            }
        }
    }
    phrases
}

/// The cheapest division of a phrase into cues of at most two lines. The first line has room for a label.
fn divide(phrase: &Phrase<'_>, label_width: usize) -> Vec<Cue> {
    let count = phrase.words.len();
    // The cost of the best division of the words before each place, and where its last cue begins.
    let mut best: Vec<(u32, usize)> = vec![(0, 0)];
    for end in 1..=count {
        let way = |begin: usize| Some((best[begin].0 + cost(phrase, begin, end, label_width)?, begin));
        let ways = (0..end).rev().map_while(|begin| may_be_cue(phrase, begin, end).then(|| way(begin))).flatten();
        // A word that is too long for any cue is one by itself.
        let alone = (best[end - 1].0 + CUE_COST, end - 1);
        best.push(ways.min().unwrap_or(alone));
    }
    let mut cues = Vec::new();
    let mut end = count;
    while end > 0 {
        let begin = best[end].1;
        cues.push(cue(phrase, begin, end, label_width));
        end = begin;
    }
    cues.reverse();
    cues
}

/// Whether words can be a cue at all; with more words before them they cannot either.
fn may_be_cue(phrase: &Phrase<'_>, begin: usize, end: usize) -> bool {
    let length_s = phrase.words[end - 1].end_s - phrase.words[begin].start_s;
    let total: usize = phrase.texts[begin..end].iter().map(|text| width(text)).sum();
    end - begin == 1 || (length_s <= LONGEST_S && total <= 2 * LINE_WIDTH)
}

fn cost(phrase: &Phrase<'_>, begin: usize, end: usize, label_width: usize) -> Option<u32> {
    let (_, of_lines) = broken(&texts(phrase, begin, end), label_width)?;
    let after = phrase.texts.get(end).map_or(0, |next| break_cost(&phrase.texts[end - 1], next));
    let shown_s = phrase.words.get(end).map_or(f64::INFINITY, |next| next.start_s - phrase.words[begin].start_s);
    let short = if shown_s < SHORTEST_S { SHORT_COST } else { 0 };
    Some(CUE_COST + of_lines + after + short)
}

/// The texts of a cue's words. A cue inside of a phrase has its mark, too.
fn texts<'a>(phrase: &'a Phrase<'_>, begin: usize, end: usize) -> Vec<std::borrow::Cow<'a, str>> {
    let mut texts: Vec<std::borrow::Cow<'_, str>> =
        phrase.texts[begin..end].iter().map(|text| text.as_str().into()).collect();
    if begin > 0 && !phrase.mark.is_empty() {
        texts[0] = format!("{}{}", phrase.mark, texts[0]).into();
    }
    texts
}

/// Where the words break into lines, and the cost of it. A label takes its width from the first line.
fn broken(texts: &[std::borrow::Cow<'_, str>], label_width: usize) -> Option<(usize, u32)> {
    let label = " ".repeat(label_width / 10);
    let first = format!("{label}{}", texts[0]);
    let words: Vec<&str> = std::iter::once(first.as_str()).chain(texts[1..].iter().map(AsRef::as_ref)).collect();
    lines(&words)
}

fn cue(phrase: &Phrase<'_>, begin: usize, end: usize, label_width: usize) -> Cue {
    let texts = texts(phrase, begin, end);
    let at = broken(&texts, label_width).map_or(texts.len(), |(at, _)| at);
    let lines = [&texts[..at], &texts[at..]].into_iter().filter(|line| !line.is_empty());
    Cue {
        channel: phrase.words[begin].channel,
        start_s: phrase.words[begin].start_s,
        end_s: phrase.words[end - 1].end_s,
        lines: lines.map(|line| line.join(" ")).collect(),
        speaker: phrase.speaker.clone(),
    }
}

#[cfg(test)]
pub(in crate::export) mod tests {
    use super::*;
    use crate::export::LOW_CONFIDENCE;

    pub(crate) fn word(channel: u16, text: &str, start_s: f64, end_s: f64) -> Word {
        Word { confidence: 0.9, ..Word::of_text(channel, (start_s, end_s), text) }
    }

    /// Words of half a second.
    fn spoken(text: &str) -> Vec<Word> {
        let words = text.split(' ').enumerate();
        words.map(|(at, text)| word(0, text, at as f64 * 0.5, at as f64 * 0.5 + 0.45)).collect()
    }

    fn reliable(words: &[Word]) -> Vec<Cue> {
        of_words(words.iter().map(|word| (word, "", None)), |_| 0)
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
        let texts: Vec<_> = reliable(&words).into_iter().map(|cue| (cue.channel, cue.lines.join("/"))).collect();
        let expected = [(0, "four nine."), (0, "zero"), (1, "five"), (0, "seven")];
        assert_eq!(texts, expected.map(|(channel, text)| (channel, text.to_owned())));
    }

    #[test]
    fn cues_mark_low_confidence_and_mix_neither_it_nor_speakers() {
        let words = [word(0, "four", 0.0, 0.4), word(0, "nine", 0.5, 0.9), word(0, "zero", 1.0, 1.4)];
        let marks = ["", LOW_CONFIDENCE, LOW_CONFIDENCE];
        let cues = of_words(words.iter().zip(marks).map(|(word, mark)| (word, mark, None)), |_| 0);
        assert_eq!(cues.iter().map(|cue| cue.lines.join("/")).collect::<Vec<_>>(), ["four", "[?] nine zero"]);
        let speakers = [Some("kim"), Some("kim"), None].map(|speaker| speaker.map(str::to_owned));
        let cues = of_words(words.iter().zip(speakers).map(|(word, speaker)| (word, "", speaker)), |_| 0);
        let speakers: Vec<_> = cues.iter().map(|cue| (cue.lines.join("/"), cue.speaker.as_deref())).collect();
        assert_eq!(speakers, [("four nine".to_owned(), Some("kim")), ("zero".to_owned(), None)]);
    }

    #[test]
    fn cues_have_two_lines_at_most_which_break_at_phrases() {
        let english = reliable(&spoken("and so my fellow Americans, ask not what your country can do for you"));
        let korean =
            reliable(&spoken("오디오를 듣고 사람 레이블을 기록하는데 두 가지 음성 모델의 결과를 같이 표시합니다"));
        for cue in english.iter().chain(&korean) {
            assert!(cue.lines.len() <= 2 && cue.lines.iter().all(|line| width(line) <= LINE_WIDTH), "{cue:?}");
            assert!(cue.end_s - cue.start_s <= LONGEST_S, "{cue:?}");
        }
        assert_eq!(english[0].lines[0], "and so my fellow Americans,");
        assert!(korean[0].lines[0].ends_with("듣고"), "{korean:?}");
    }

    #[test]
    fn cues_stay_within_their_limits_and_lose_no_word() {
        let cues = reliable(&spoken(&vec!["seventeen"; 60].join(" ")));
        assert!(cues.iter().all(|cue| cue.end_s - cue.start_s <= LONGEST_S && cue.lines.len() <= 2));
        let words = cues.iter().flat_map(|cue| &cue.lines).flat_map(|line| line.split(' '));
        assert_eq!(words.count(), 60);
        let long = reliable(&[word(0, &"가".repeat(90), 0.0, 1.0), word(0, "끝", 1.1, 1.2)]);
        assert_eq!(long.len(), 2, "a word that is too long stays whole");
    }

    #[test]
    fn cues_are_shown_long_enough_where_time_allows() {
        let cues = reliable(&[word(0, "yes.", 0.0, 0.2), word(0, "no.", 0.5, 0.6), word(1, "hm", 0.55, 0.7)]);
        let shown: Vec<f64> = cues.iter().map(|cue| cue.end_s - cue.start_s).collect();
        assert!((shown[0] - 0.5).abs() < 1e-9 && shown[1..].iter().all(|s| *s >= SHORTEST_S - 1e-9), "{cues:?}");
    }

    #[test]
    fn cues_leave_room_for_a_label() {
        let words = spoken("one two three four five six seven eight nine");
        let labeled = words.iter().map(|word| (word, "", Some("Kim".to_owned())));
        for cue in of_words(labeled, |_| 200) {
            assert!(width(&cue.lines[0]) + 200 <= LINE_WIDTH, "{cue:?}");
        }
    }
}
