//! Spreads the corrected text of a segment over its words, so that word tables and subtitles keep their times.

use std::ops::Range;

/// Most pairs of words that are compared. A longer text is not compared but replaced as a whole.
const MOST_PAIRS: usize = 4 << 20;

/// What each word shows when their text is corrected. Words that the correction keeps stay where they are. Where it
/// differs, its words take the places of the program's words one after another; the last place takes what is left over,
/// and places without a counterpart are empty. An added word joins the one before it, or after it at the start.
pub(super) fn spread(words: &[&str], text: &str) -> Vec<String> {
    let corrected: Vec<&str> = text.split_whitespace().collect();
    let mut places = vec![Vec::new(); words.len()];
    let (mut word, mut new) = (0, 0);
    for (same_word, same_new) in common(words, &corrected) {
        fill(&mut places, word..same_word, &corrected[new..same_new]);
        places[same_word].push(corrected[same_new]);
        (word, new) = (same_word + 1, same_new + 1);
    }
    fill(&mut places, word..words.len(), &corrected[new..]);
    places.into_iter().map(|place| place.join(" ")).collect()
}

/// Puts words of the correction in place of those of the program.
fn fill<'a>(places: &mut [Vec<&'a str>], range: Range<usize>, corrected: &[&'a str]) {
    let first = if range.is_empty() { range.start.saturating_sub(1) } else { range.start };
    let last = range.end.saturating_sub(1).max(first);
    for (offset, word) in corrected.iter().enumerate() {
        if let Some(place) = places.get_mut((first + offset).min(last)) {
            place.push(*word);
        }
    }
}

/// A longest common subsequence, as pairs of indices in increasing order.
fn common(a: &[&str], b: &[&str]) -> Vec<(usize, usize)> {
    if a.len().saturating_mul(b.len()) > MOST_PAIRS {
        return Vec::new();
    }
    // lengths[i][j]: that of the longest common subsequence of a[i..] and b[j..].
    let mut lengths = vec![vec![0_u32; b.len() + 1]; a.len() + 1];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            lengths[i][j] =
                if a[i] == b[j] { lengths[i + 1][j + 1] + 1 } else { lengths[i + 1][j].max(lengths[i][j + 1]) };
        }
    }
    let (mut pairs, mut i, mut j) = (Vec::new(), 0, 0);
    while i < a.len() && j < b.len() {
        if a[i] == b[j] {
            pairs.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if lengths[i + 1][j] >= lengths[i][j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}

/// The text of a segment after one of its words was replaced. `words` are those before. The words are searched in the
/// text in order; a text that does not consist of them becomes its words, with spaces between them.
pub(super) fn replace_word(text: &str, words: &[&str], index: usize, new: &str) -> String {
    let mut end = 0;
    for (at, word) in words.iter().enumerate() {
        let Some(found) = text[end..].find(word) else { break };
        let start = end + found;
        end = start + word.len();
        if at == index {
            return format!("{}{new}{}", &text[..start], &text[end..]);
        }
    }
    let shown = |(at, word)| if at == index { new } else { word };
    let shown = words.iter().copied().enumerate().map(shown).filter(|word| !word.is_empty());
    shown.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spread_keeps_words_and_replaces_where_the_texts_differ() {
        let spread = |words: &str, text: &str| spread(&words.split(' ').collect::<Vec<_>>(), text);
        for (words, text, shown) in [
            ("a b c", "a b c", vec!["a", "b", "c"]),
            ("a b c", "a x c", vec!["a", "x", "c"]),
            ("a b c", "a x y c", vec!["a", "x y", "c"]),
            ("a b c d", "a x d", vec!["a", "x", "", "d"]),
            ("a b c", "a c", vec!["a", "", "c"]),
            ("a b", "x a b", vec!["x a", "b"]),
            ("a b", "a x b y z", vec!["a x", "b y z"]),
            ("a b", "x", vec!["x", ""]),
            ("a b", "x y\n z", vec!["x", "y z"]),
            ("a a b", "a b b", vec!["a", "", "b b"]),
        ] {
            assert_eq!(spread(words, text), shown, "{words} -> {text}");
        }
        assert_eq!(super::spread(&[], "x"), Vec::<String>::new());
    }

    #[test]
    fn spread_loses_no_word_also_of_long_texts() {
        let words: Vec<String> = (0..3000).map(|i| format!("w{}", i % 97)).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        for step in [7, 2000] {
            let text: Vec<_> = words.iter().enumerate().filter(|(i, _)| i % step != 0).map(|(_, word)| *word).collect();
            let text = text.join(" ");
            let shown: Vec<_> = spread(&words, &text).into_iter().filter(|word| !word.is_empty()).collect();
            assert_eq!(shown.join(" "), text);
        }
    }

    #[test]
    fn replaced_word_stands_where_it_was_in_the_text() {
        let words = ["a", "a", "b."];
        assert_eq!(replace_word("\u{3000}a  a, b. c", &words, 1, "x"), "\u{3000}a  x, b. c");
        assert_eq!(replace_word("a a b.", &words, 0, "x"), "x a b.");
        assert_eq!(replace_word("another text", &words, 2, "x"), "a a x");
        assert_eq!(replace_word("돈 안 갚으면", &["돈", "안", "갚으면"], 2, "줘"), "돈 안 줘");
    }
}
