//! Maps characters of a text to symbols of a model's vocabulary. The vocabulary determines the form: upper or lower
//! case, Hangul as syllables, as conjoining jamo (NFD) or as letters, with or without accents.

use models::wav2vec2::Vocabulary;
use unicode_normalization::UnicodeNormalization;

use crate::emissions::Symbol;
use crate::hangul::{FINALS, INITIALS, VOWELS};

/// Symbols of a text. A letter or digit that is not in the vocabulary is a wildcard. White space and punctuation have
/// no sound, and no symbol unless the vocabulary contains one.
pub(crate) fn symbols(vocabulary: &Vocabulary, text: &str) -> Vec<Symbol> {
    text.nfc().flat_map(|character| symbols_of(vocabulary, character)).collect()
}

fn symbols_of(vocabulary: &Vocabulary, character: char) -> Vec<Symbol> {
    let plain = if character == '’' { '\'' } else { character };
    let spellings = [
        vec![plain],
        plain.to_lowercase().collect(),
        plain.to_uppercase().collect(),
        [plain].into_iter().nfd().collect(),
        [plain].into_iter().nfd().filter_map(letter).collect(),
        [plain].into_iter().nfkd().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect(),
        [plain].into_iter().nfkd().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase).collect(),
    ];
    match spellings.iter().find_map(|spelling| known(vocabulary, spelling)) {
        Some(symbols) => symbols,
        None if character.is_alphanumeric() => vec![Symbol::Wildcard],
        None => Vec::new(),
    }
}

/// Symbols of characters, if the vocabulary contains all of them.
fn known(vocabulary: &Vocabulary, characters: &[char]) -> Option<Vec<Symbol>> {
    let id = |character: &char| vocabulary.id(&character.to_string()).map(Symbol::Id);
    if characters.is_empty() { None } else { characters.iter().map(id).collect() }
}

/// Compatibility letter of a conjoining jamo.
fn letter(jamo: char) -> Option<char> {
    let at = |letters: &str, first: char| letters.chars().nth((jamo as usize).checked_sub(first as usize)?);
    match jamo {
        '\u{1100}'..='\u{1112}' => at(INITIALS, '\u{1100}'),
        '\u{1161}'..='\u{1175}' => at(VOWELS, '\u{1161}'),
        '\u{11A8}'..='\u{11C2}' => at(FINALS, '\u{11A8}'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A vocabulary in which the id of a symbol is its index.
    fn vocabulary(tokens: &[&str]) -> Vocabulary {
        Vocabulary::of_tokens(tokens).unwrap()
    }

    fn ids(ids: &[usize]) -> Vec<Symbol> {
        ids.iter().map(|id| Symbol::Id(*id)).collect()
    }

    #[test]
    fn case_is_the_vocabularys() {
        let upper = vocabulary(&["<pad>", "|", "A", "B", "'"]);
        assert_eq!(symbols(&upper, "ab’A"), ids(&[2, 3, 4, 2]));
        assert_eq!(upper.delimiter(), Some(1));
        assert_eq!(symbols(&vocabulary(&["<pad>", "a", "b"]), "Ab"), ids(&[1, 2]));
        assert_eq!(vocabulary(&["<pad>", "a", "b"]).delimiter(), None);
    }

    #[test]
    fn hangul_is_spelt_as_the_vocabulary_has_it() {
        assert_eq!(symbols(&vocabulary(&["<pad>", "값", "이"]), "값이"), ids(&[1, 2]));
        let jamo = vocabulary(&["<pad>", "\u{1100}", "\u{1161}", "\u{11B9}"]);
        assert_eq!(symbols(&jamo, "값가"), ids(&[1, 2, 3, 1, 2]));
        let letters = vocabulary(&["<pad>", "ㄱ", "ㅏ", "ㅄ"]);
        assert_eq!(symbols(&letters, "값"), ids(&[1, 2, 3]));
        assert_eq!(symbols(&letters, "\u{1100}\u{1161}"), ids(&[1, 2]), "the composition of the text does not matter");
    }

    #[test]
    fn syllables_all_have_letters() {
        let distinct: std::collections::BTreeSet<char> = [INITIALS, VOWELS, FINALS].concat().chars().collect();
        let tokens: Vec<String> = distinct.into_iter().map(String::from).collect();
        let letters = vocabulary(&tokens.iter().map(String::as_str).collect::<Vec<_>>());
        for syllable in '가'..='힣' {
            let symbols = symbols(&letters, &syllable.to_string());
            assert!((2..4).contains(&symbols.len()) && !symbols.contains(&Symbol::Wildcard), "{syllable}");
        }
    }

    #[test]
    fn symbols_of_missing_letters_are_wildcards() {
        let vocabulary = vocabulary(&["<pad>", "|", "<unk>", "e", "a"]);
        assert_eq!(symbols(&vocabulary, "é,7…中"), [Symbol::Id(3), Symbol::Wildcard, Symbol::Wildcard]);
        assert_eq!(symbols(&vocabulary, "ae|ﬀ"), [Symbol::Id(4), Symbol::Id(3), Symbol::Wildcard]);
        assert!(symbols(&vocabulary, "?! <>").is_empty());
    }
}
