//! Builds words from token groups.
//!
//! White space begins a word. In languages without spaces between words, each group is a word, as in OpenAI's Whisper
//! (`whisper/tokenizer.py`, `split_to_word_tokens`). Punctuation is attached to its word, as in `merge_punctuations`
//! there, but has no sound: neither its time nor its score counts.

use stage_core::TokenGroup;

/// Languages without spaces between words.
const UNSPACED: [&str; 6] = ["zh", "ja", "th", "lo", "my", "yue"];
/// Marks that always open.
const OPENING: &str = "“‘«¿¡([{（［｛「『《〈【";
/// Marks that open after a space and otherwise close.
const EITHER: &str = "\"'`-–—";
/// Marks that close.
const CLOSING: &str = "”’»)]}）］｝」』》〉】.。,，!！?？:：;；、…·~～";

/// A word with the recognizer's times.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct UntimedWord {
    pub(crate) text: String,
    pub(crate) start_s: f64,
    pub(crate) end_s: f64,
    /// End of the marks after the word, up to the next word. Marks have no sound, so sound there belongs to a word.
    pub(crate) marks_end_s: f64,
    logprob: f64,
    tokens: usize,
}

impl UntimedWord {
    /// Geometric mean of the token probabilities.
    pub(crate) fn confidence(&self) -> f32 {
        let confidence = (self.logprob / self.tokens as f64).exp() as f32;
        if confidence.is_nan() { 0.0 } else { confidence.clamp(0.0, 1.0) }
    }

    fn sounding(&mut self, part: Self) {
        self.text.push_str(&part.text);
        self.start_s = self.start_s.min(part.start_s);
        self.end_s = self.end_s.max(part.end_s);
        self.marks_end_s = self.marks_end_s.max(part.marks_end_s);
        self.logprob += part.logprob;
        self.tokens += part.tokens;
    }
}

/// Words of one segment. Joined, they are its text without white space.
pub(crate) fn words(groups: &[TokenGroup], language: &str) -> Vec<UntimedWord> {
    let unspaced = UNSPACED.contains(&language);
    let mut words: Vec<UntimedWord> = Vec::new();
    let mut opening: Option<UntimedWord> = None;
    for Part { spaced, untimed } in parts(groups) {
        if is_punctuation(&untimed.text) {
            if let Some(word) = words.last_mut() {
                word.marks_end_s = word.marks_end_s.max(untimed.end_s);
            }
            match words.last_mut() {
                Some(word) if opening.is_none() && !opens(&untimed.text, spaced, unspaced) => {
                    word.text.push_str(&untimed.text);
                }
                _ => match &mut opening {
                    Some(mark) => mark.sounding(untimed),
                    None => opening = Some(untimed),
                },
            }
            continue;
        }
        let mark = opening.take();
        match words.last_mut() {
            Some(word) if mark.is_none() && !spaced && !unspaced => word.sounding(untimed),
            _ => {
                let text = mark.map_or_else(String::new, |mark| mark.text) + &untimed.text;
                words.push(UntimedWord { text, ..untimed });
            }
        }
    }
    if let Some(mark) = opening {
        match words.last_mut() {
            Some(word) => word.text.push_str(&mark.text),
            None => words.push(mark),
        }
    }
    words
}

fn opens(mark: &str, spaced: bool, unspaced: bool) -> bool {
    mark.starts_with(|c| (spaced && (OPENING.contains(c) || EITHER.contains(c))) || (unspaced && OPENING.contains(c)))
}

fn is_punctuation(text: &str) -> bool {
    text.chars().all(|c| OPENING.contains(c) || EITHER.contains(c) || CLOSING.contains(c))
}

/// A part of a group without white space.
struct Part {
    /// Whether white space precedes it.
    spaced: bool,
    untimed: UntimedWord,
}

/// Splits groups at white space. The parts of a group share its time in proportion to their number of characters.
fn parts(groups: &[TokenGroup]) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut spaced = false;
    for group in groups {
        let tokens = group.ids.len().max(1);
        let characters = group.text.chars().filter(|c| !c.is_whitespace()).count().max(1) as f64;
        let at = |seen: usize| group.start_s + (group.end_s - group.start_s) * (seen as f64 / characters);
        let mut seen = 0;
        spaced |= group.text.starts_with(char::is_whitespace);
        for text in group.text.split_whitespace() {
            let from = seen;
            seen += text.chars().count();
            let (start_s, end_s) = (at(from), at(seen));
            let logprob = f64::from(group.logprob);
            let text = text.to_owned();
            parts.push(Part {
                spaced,
                untimed: UntimedWord { text, start_s, end_s, marks_end_s: end_s, logprob, tokens },
            });
            spaced = true;
        }
        spaced = if seen == 0 { spaced } else { group.text.ends_with(char::is_whitespace) };
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn groups(texts: &[&str]) -> Vec<TokenGroup> {
        texts
            .iter()
            .enumerate()
            .map(|(at, text)| TokenGroup {
                ids: vec![at as u32],
                text: (*text).to_owned(),
                start_s: at as f64,
                end_s: at as f64 + 1.0,
                logprob: -0.5,
            })
            .collect()
    }

    fn texts(language: &str, texts: &[&str]) -> Vec<String> {
        words(&groups(texts), language).into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn white_space_begins_a_word() {
        assert_eq!(texts("en", &[" twen", "ty", " one"]), ["twenty", "one"]);
        assert_eq!(texts("ko", &["여보", "세요", " 네"]), ["여보세요", "네"]);
        assert_eq!(texts("en", &["one ", "two", " ", "three"]), ["one", "two", "three"]);
        assert_eq!(texts("en", &[" one two", "three"]), ["one", "twothree"]);
    }

    #[test]
    fn words_of_a_language_without_spaces_are_groups() {
        assert_eq!(texts("ja", &["もし", "もし", "。", "「", "はい", "」"]), ["もし", "もし。", "「はい」"]);
    }

    #[test]
    fn punctuation_stays_with_its_word() {
        assert_eq!(
            texts("en", &[" \"", "Yes", ",\"", " he", " said", " -", " no", "."]),
            ["\"Yes,\"", "he", "said", "-no."]
        );
        assert_eq!(texts("en", &[" don", "'", "t", " A", " &", " B"]), ["don't", "A", "&", "B"]);
        assert_eq!(texts("en", &[" one", " ,", " (", "two", ")"]), ["one,", "(two)"]);
        assert_eq!(texts("en", &[" ", "..."]), ["..."], "a segment of punctuation keeps it");
        assert_eq!(texts("en", &[" one", " ("]), ["one("], "an opening mark at the end has no next word");
    }

    #[test]
    fn punctuation_has_neither_time_nor_score() {
        let mut groups = groups(&[" one", ","]);
        groups[1].logprob = -9.0;
        let word = &words(&groups, "en")[0];
        assert_eq!((word.start_s, word.end_s, word.marks_end_s), (0.0, 1.0, 2.0));
        assert!((word.confidence() - (-0.5f32).exp()).abs() < 1e-6);
    }

    #[test]
    fn confidence_is_the_geometric_mean_of_the_tokens() {
        let mut groups = groups(&[" a", "b"]);
        (groups[0].ids, groups[0].logprob) = (vec![1, 2], -1.0);
        assert!((words(&groups, "en")[0].confidence() - (-0.5f32).exp()).abs() < 1e-6);
        groups[0].logprob = f32::NAN;
        assert_eq!(words(&groups, "en")[0].confidence(), 0.0);
    }

    proptest! {
        #[test]
        fn words_lose_and_double_no_character(
            parts in prop::collection::vec("[ a-c'\".,(가「」\\-]{0,4}", 0..20),
            language in prop::sample::select(vec!["en", "ko", "zh"]),
        ) {
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            let words = texts(language, &parts);
            let kept: String = parts.concat().split_whitespace().collect();
            prop_assert_eq!(words.concat(), kept);
            prop_assert!(words.iter().all(|word| !word.is_empty() && !word.contains(char::is_whitespace)));
        }
    }
}
