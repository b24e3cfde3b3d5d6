//! Converts emitted symbols to words and timed token groups.

use stage_core::TokenGroup;
use unicode_normalization::UnicodeNormalization;

use super::greedy::Emitted;
use super::model_config::Topology;
use super::vocabulary::Vocabulary;

/// Symbols that together form one character.
#[derive(Debug)]
struct Character {
    text: String,
    emitted: Vec<Emitted>,
}

/// The token groups of a window, one per character; jamo are composed to Hangul syllables. The first character of each
/// word is preceded by a space. Words end at the delimiter and, if blank is the silence between words
/// ([`Topology::Frames`]), at blanks. `time_s` returns the time of a frame in the recording, in seconds.
pub(super) fn token_groups(
    emitted: &[Emitted],
    vocabulary: &Vocabulary,
    topology: Topology,
    time_s: impl Fn(usize) -> f64,
) -> Vec<TokenGroup> {
    let is_delimiter = |symbol: &Emitted| Some(symbol.id) == vocabulary.delimiter();
    let joins = |left: &Emitted, right: &Emitted| topology == Topology::Ctc || left.end == right.start;
    let words = emitted.split(is_delimiter).flat_map(|part| part.chunk_by(joins));
    let words = words.map(|word| characters(word, vocabulary)).filter(|word| !word.is_empty());
    let group = |(index, character): (usize, Character)| {
        let space = if index == 0 { " " } else { "" };
        let (first, last) = (character.emitted.first(), character.emitted.last());
        TokenGroup {
            ids: character.emitted.iter().map(|symbol| symbol.id as u32).collect(),
            text: format!("{space}{}", character.text),
            start_s: first.map_or(0.0, |symbol| time_s(symbol.start)),
            end_s: last.map_or(0.0, |symbol| time_s(symbol.end)),
            logprob: character.emitted.iter().map(|symbol| symbol.logprob).sum(),
        }
    };
    words.flat_map(|word| word.into_iter().enumerate().map(group)).collect()
}

/// The characters of a word. Special tokens are skipped.
fn characters(word: &[Emitted], vocabulary: &Vocabulary) -> Vec<Character> {
    let mut characters: Vec<Character> = Vec::new();
    for symbol in word {
        let Some(text) = vocabulary.text(symbol.id) else { continue };
        if let Some(last) = characters.last_mut()
            && let Some(composed) = composed(&last.text, text)
        {
            last.text = composed;
            last.emitted.push(*symbol);
        } else {
            characters.push(Character { text: text.nfc().collect(), emitted: vec![*symbol] });
        }
    }
    characters
}

/// Composes two texts into one character, if possible.
fn composed(first: &str, second: &str) -> Option<String> {
    let mut both = first.chars().chain(second.chars()).nfc();
    match (both.next(), both.next()) {
        (Some(character), None) => Some(character.to_string()),
        _ => None,
    }
}

/// The language according to the letters of a text: Korean or Japanese, `und` for any other.
pub(super) fn language(text: &str) -> &'static str {
    let has = |low: char, high: char| text.chars().any(|character| (low..=high).contains(&character));
    if has('\u{AC00}', '\u{D7A3}') || has('\u{1100}', '\u{11FF}') || has('\u{3130}', '\u{318F}') {
        "ko"
    } else if has('\u{3040}', '\u{30FF}') {
        "ja"
    } else {
        "und"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Emits these symbols, with two frames each.
    fn emitted(ids: &[usize]) -> Vec<Emitted> {
        let symbol = |(at, id): (usize, &usize)| Emitted { id: *id, start: 2 * at, end: 2 * at + 2, logprob: -0.5 };
        ids.iter().enumerate().map(symbol).collect()
    }

    fn groups(tokens: &[&str], ids: &[usize]) -> Vec<TokenGroup> {
        let vocabulary = Vocabulary::of_tokens(tokens).unwrap();
        token_groups(&emitted(ids), &vocabulary, Topology::Ctc, |frame| frame as f64)
    }

    #[test]
    fn token_groups_begin_words_with_a_space_and_leave_out_special_tokens() {
        let found = groups(&["<pad>", "|", "<unk>", "a", "b"], &[1, 3, 2, 4, 1, 1, 4]);
        let texts: Vec<&str> = found.iter().map(|group| group.text.as_str()).collect();
        assert_eq!(texts, [" a", "b", " b"]);
        assert_eq!((found[1].start_s, found[1].end_s, &*found[1].ids), (6.0, 8.0, &[4][..]));
    }

    #[test]
    fn token_groups_compose_jamo_to_syllables() {
        let found = groups(&["<pad>", "|", "\u{1100}", "\u{1161}", "\u{11B9}", "x"], &[2, 3, 4, 2, 3, 5]);
        let texts: Vec<&str> = found.iter().map(|group| group.text.as_str()).collect();
        assert_eq!(texts, [" 값", "가", "x"]);
        assert_eq!((found[0].start_s, found[0].end_s, found[0].ids.len()), (0.0, 6.0, 3));
        assert!((found[0].logprob + 1.5).abs() < 1e-6);
    }

    #[test]
    fn token_groups_begin_words_after_blanks_only_where_blank_is_silence() {
        let vocabulary = Vocabulary::of_tokens(&["<pad>", "a", "b"]).unwrap();
        let mut symbols = emitted(&[1, 2, 1]);
        symbols[2].start += 1;
        let texts = |topology| {
            let groups = token_groups(&symbols, &vocabulary, topology, |frame| frame as f64);
            groups.into_iter().map(|group| group.text).collect::<String>()
        };
        assert_eq!([Topology::Ctc, Topology::Frames].map(texts), [" aba", " ab a"]);
    }

    #[test]
    fn language_follows_the_letters() {
        assert_eq!(
            [language("여보세요"), language("もし"), language("HELLO"), language("")],
            ["ko", "ja", "und", "und"]
        );
    }
}
