//! The sounds of words, as symbols of the phone head: Hangul by the rules of pronunciation, Latin script by its letters.

mod korean;

use std::collections::HashMap;

use stage_core::PhoneSet;
use unicode_normalization::UnicodeNormalization;

use crate::emissions::Symbol;
use crate::hangul::is_syllable;

/// Consonant at the start of a syllable that has no sound.
const SILENT: char = 'ㅇ';

/// Ids of the symbols by their names.
#[derive(Debug)]
pub(crate) struct Phones {
    phones: HashMap<String, usize>,
    letters: HashMap<char, usize>,
}

impl Phones {
    /// The ids of a set: phones first, then letters.
    pub(crate) fn new(set: &PhoneSet) -> Self {
        let letter = |(at, name): (usize, &String)| {
            let mut characters = name.chars();
            let only = characters.next().filter(|_| characters.next().is_none())?;
            Some((only, set.phones.len() + at))
        };
        Self {
            phones: set.phones.iter().enumerate().map(|(id, name)| (name.clone(), id)).collect(),
            letters: set.letters.iter().enumerate().filter_map(letter).collect(),
        }
    }

    /// The sounds of a word. A letter or digit that has no symbol is a wildcard; marks have no sound.
    pub(crate) fn symbols(&self, word: &str) -> Vec<Symbol> {
        let characters: Vec<char> = word.nfc().flat_map(char::to_lowercase).collect();
        let mut symbols = Vec::new();
        for run in characters.chunk_by(|a, b| is_syllable(*a) == is_syllable(*b)) {
            if is_syllable(run[0]) {
                symbols.extend(self.of_hangul(&run.iter().collect::<String>()));
            } else {
                symbols.extend(run.iter().flat_map(|character| self.of_character(*character)));
            }
        }
        symbols
    }

    fn of_hangul(&self, run: &str) -> Vec<Symbol> {
        let mut symbols = Vec::new();
        for syllable in korean::pronounce(run) {
            if syllable.initial != SILENT {
                symbols.push(self.phone(&syllable.initial.to_string()));
            }
            symbols.push(self.phone(&merged(syllable.vowel).to_string()));
            symbols.extend(syllable.coda.map(|coda| self.phone(&format!("{coda}."))));
        }
        symbols
    }

    fn phone(&self, name: &str) -> Symbol {
        self.phones.get(name).map_or(Symbol::Wildcard, |id| Symbol::Id(*id))
    }

    fn of_character(&self, character: char) -> Vec<Symbol> {
        let plain = if character == '’' { '\'' } else { character };
        let base = [plain].into_iter().nfkd().find_map(|c| self.letters.get(&c));
        match self.letters.get(&plain).or(base) {
            Some(id) => vec![Symbol::Id(*id)],
            None if character.is_alphanumeric() => vec![Symbol::Wildcard],
            None => Vec::new(),
        }
    }
}

/// Vowels that sound alike for most speakers are one phone.
const fn merged(vowel: char) -> char {
    match vowel {
        'ㅐ' => 'ㅔ',
        'ㅒ' => 'ㅖ',
        'ㅙ' | 'ㅚ' => 'ㅞ',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phones() -> Phones {
        let names = |text: &str| text.split(' ').map(ToOwned::to_owned).collect();
        Phones::new(&PhoneSet {
            phones: names("<sil> ㄱ ㄴ ㅁ ㅎ ㅏ ㅔ ㅣ ㄷ ㄱ. ㄴ. ㅁ."),
            letters: names("<sil> a e p ' <other>"),
        })
    }

    fn ids(ids: &[usize]) -> Vec<Symbol> {
        ids.iter().map(|id| Symbol::Id(*id)).collect()
    }

    #[test]
    fn symbols_of_hangul_are_its_sounds() {
        assert_eq!(phones().symbols("합니다"), [ids(&[4, 5, 11, 2, 7, 8, 5])].concat());
        assert_eq!(phones().symbols("내,아기"), ids(&[2, 6, 5, 1, 7]), "no sound for a silent initial or a mark");
    }

    #[test]
    fn symbols_of_latin_script_are_its_letters() {
        assert_eq!(phones().symbols("Pé’a"), ids(&[15, 14, 16, 13]));
        assert_eq!(phones().symbols("A가"), [ids(&[13]), ids(&[1, 5])].concat());
    }

    #[test]
    fn symbols_that_are_missing_are_wildcards() {
        assert_eq!(phones().symbols("z7中"), [Symbol::Wildcard; 3]);
        assert!(phones().symbols("…!?").is_empty());
    }
}
