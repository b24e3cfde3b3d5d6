//! Characters of a text to symbols of a model's vocabulary. The vocabulary decides how: upper or lower case, Hangul by
//! syllables, by conjoining jamo (NFD) or by letters, accents or none.

use std::collections::{HashMap, HashSet};

use nn::ModelFile;
use serde::Deserialize;
use serde_json::Value;
use unicode_normalization::UnicodeNormalization;

use crate::ModelError;
use crate::emissions::Symbol;

/// Compatibility letters of the conjoining jamo: initials, vowels, finals.
const INITIALS: &str = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ";
const VOWELS: &str = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ";
const FINALS: &str = "ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ";

/// Ids that may have no token in `vocab.json`: those of special tokens, which other files add.
const UNNAMED: usize = 4;

/// The symbols of a model.
#[derive(Debug, Clone)]
pub(crate) struct Vocabulary {
    ids: HashMap<String, usize>,
    delimiter: Option<usize>,
}

/// The symbols that stand for no character, from `tokenizer_config.json`.
#[derive(Debug, Deserialize)]
#[serde(default)]
struct TokenizerConfig {
    word_delimiter_token: Token,
    pad_token: Token,
    unk_token: Token,
    bos_token: Token,
    eos_token: Token,
}

/// A token as a text or as an object with its content; null where there is none.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Token {
    Text(String),
    Object { content: String },
    None,
}

impl Token {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Object { content: text } => Some(text),
            Self::None => None,
        }
    }
}

impl Default for TokenizerConfig {
    fn default() -> Self {
        let token = |text: &str| Token::Text(text.to_owned());
        Self {
            word_delimiter_token: token("|"),
            pad_token: token("<pad>"),
            unk_token: token("<unk>"),
            bos_token: token("<s>"),
            eos_token: token("</s>"),
        }
    }
}

impl Vocabulary {
    /// Parses `vocab.json` and, where there is one, `tokenizer_config.json`, for a model with so many symbols and this
    /// padding token (the blank).
    pub(crate) fn parse(
        file: &ModelFile,
        tokenizer: Option<&ModelFile>,
        (vocab_size, pad): (usize, usize),
    ) -> Result<Self, ModelError> {
        let field =
            |field, value: String, expected| ModelError::Field { path: file.path.clone(), field, value, expected };
        let entries: HashMap<String, Value> = file.json()?;
        let mut ids = HashMap::new();
        for (token, id) in entries {
            if id.is_object() {
                return Err(field(
                    "vocabulary",
                    format!("{token:?} an object"),
                    "one language is expected, not nested ones",
                ));
            }
            let inside = id.as_u64().map(|id| id as usize).filter(|id| *id < vocab_size);
            let id = inside
                .ok_or_else(|| field("vocabulary", format!("{token:?}: {id}"), "an id below vocab_size is expected"))?;
            ids.insert(token, id);
        }
        let tokenizer: TokenizerConfig = tokenizer.map(ModelFile::json).transpose()?.unwrap_or_default();
        let named: HashSet<usize> = ids.values().copied().collect();
        if named.len() < ids.len() || vocab_size - named.len() > UNNAMED {
            let (tokens, named) = (ids.len(), named.len());
            let expected = "a token for each id below vocab_size is expected: this is another model's vocabulary";
            return Err(field("vocabulary", format!("{tokens} tokens with {named} ids"), expected));
        }
        if let Some(id) = tokenizer.pad_token.text().and_then(|token| ids.get(token)).filter(|id| **id != pad) {
            let expected = "pad_token_id of config.json is expected: this is another model's vocabulary";
            return Err(field("pad_token", id.to_string(), expected));
        }
        let delimiter = tokenizer.word_delimiter_token.text().and_then(|token| ids.get(token)).copied();
        let TokenizerConfig { word_delimiter_token, pad_token, unk_token, bos_token, eos_token } = &tokenizer;
        let special: HashSet<&str> = [word_delimiter_token, pad_token, unk_token, bos_token, eos_token]
            .iter()
            .filter_map(|token| token.text())
            .collect();
        ids.retain(|token, _| !special.contains(token.as_str()));
        Ok(Self { ids, delimiter })
    }

    /// The symbol that stands between words, if the model has one.
    pub(crate) const fn delimiter(&self) -> Option<Symbol> {
        match self.delimiter {
            Some(id) => Some(Symbol::Id(id)),
            None => None,
        }
    }

    /// The symbols of a text; a letter or digit that the vocabulary lacks is a wildcard. White space and punctuation
    /// have no sound and no symbol, unless the vocabulary has one for them.
    pub(crate) fn symbols(&self, text: &str) -> Vec<Symbol> {
        text.nfc().flat_map(|character| self.symbols_of(character)).collect()
    }

    fn symbols_of(&self, character: char) -> Vec<Symbol> {
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
        match spellings.iter().find_map(|spelling| self.known(spelling)) {
            Some(symbols) => symbols,
            None if character.is_alphanumeric() => vec![Symbol::Wildcard],
            None => Vec::new(),
        }
    }

    /// The symbols of characters that the vocabulary all has.
    fn known(&self, characters: &[char]) -> Option<Vec<Symbol>> {
        let id = |character: &char| self.ids.get(character.to_string().as_str()).map(|id| Symbol::Id(*id));
        if characters.is_empty() { None } else { characters.iter().map(id).collect() }
    }
}

/// The compatibility letter of a conjoining jamo.
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

    fn file(json: &str) -> ModelFile {
        ModelFile { path: "vocab.json".into(), bytes: json.as_bytes().to_vec().into() }
    }

    /// A vocabulary whose symbols have the ids of their places.
    fn vocabulary(tokens: &[&str]) -> Vocabulary {
        let entries: HashMap<&str, usize> = tokens.iter().enumerate().map(|(id, token)| (*token, id)).collect();
        Vocabulary::parse(&file(&serde_json::to_string(&entries).unwrap()), None, (tokens.len(), 0)).unwrap()
    }

    fn ids(ids: &[usize]) -> Vec<Symbol> {
        ids.iter().map(|id| Symbol::Id(*id)).collect()
    }

    #[test]
    fn case_is_the_vocabularys() {
        let upper = vocabulary(&["<pad>", "|", "A", "B", "'"]);
        assert_eq!(upper.symbols("ab’A"), ids(&[2, 3, 4, 2]));
        assert_eq!(upper.delimiter(), Some(Symbol::Id(1)));
        assert_eq!(vocabulary(&["<pad>", "a", "b"]).symbols("Ab"), ids(&[1, 2]));
        assert_eq!(vocabulary(&["<pad>", "a", "b"]).delimiter(), None);
    }

    #[test]
    fn hangul_is_spelt_as_the_vocabulary_has_it() {
        assert_eq!(vocabulary(&["<pad>", "값", "이"]).symbols("값이"), ids(&[1, 2]));
        let jamo = vocabulary(&["<pad>", "\u{1100}", "\u{1161}", "\u{11B9}"]);
        assert_eq!(jamo.symbols("값가"), ids(&[1, 2, 3, 1, 2]));
        let letters = vocabulary(&["<pad>", "ㄱ", "ㅏ", "ㅄ"]);
        assert_eq!(letters.symbols("값"), ids(&[1, 2, 3]));
        assert_eq!(letters.symbols("\u{1100}\u{1161}"), ids(&[1, 2]), "however the text is composed");
    }

    #[test]
    fn every_syllable_has_letters() {
        let distinct: std::collections::BTreeSet<char> = [INITIALS, VOWELS, FINALS].concat().chars().collect();
        let tokens: Vec<String> = distinct.into_iter().map(String::from).collect();
        let letters = vocabulary(&tokens.iter().map(String::as_str).collect::<Vec<_>>());
        for syllable in '가'..='힣' {
            let symbols = letters.symbols(&syllable.to_string());
            assert!((2..4).contains(&symbols.len()) && !symbols.contains(&Symbol::Wildcard), "{syllable}");
        }
    }

    #[test]
    fn what_is_missing_is_a_wildcard_and_punctuation_nothing() {
        let vocabulary = vocabulary(&["<pad>", "|", "<unk>", "e", "a"]);
        assert_eq!(vocabulary.symbols("é,7…中"), [Symbol::Id(3), Symbol::Wildcard, Symbol::Wildcard]);
        assert_eq!(vocabulary.symbols("ae|ﬀ"), [Symbol::Id(4), Symbol::Id(3), Symbol::Wildcard]);
        assert!(vocabulary.symbols("?! <>").is_empty());
    }

    #[test]
    fn nested_languages_and_ids_out_of_range_are_refused_by_name() {
        let error = Vocabulary::parse(&file(r#"{"eng": {"a": 1}}"#), None, (9, 0)).unwrap_err().to_string();
        assert!(error.contains("vocab.json") && error.contains("eng"), "{error}");
        let error = Vocabulary::parse(&file(r#"{"a": 9}"#), None, (9, 0)).unwrap_err().to_string();
        assert!(error.contains("\"a\": 9"), "{error}");
    }

    #[test]
    fn vocabularies_of_other_models_are_refused() {
        let parse = |json| Vocabulary::parse(&file(json), None, (8, 0)).unwrap_err().to_string();
        for (json, named) in [
            (r#"{"a": 0, "b": 1, "c": 2}"#, "3 tokens with 3 ids"),
            (r#"{"a": 0, "b": 1, "c": 2, "d": 3, "e": 4, "f": 4}"#, "6 tokens with 5 ids"),
            (r#"{"a": 0, "b": 1, "c": 2, "<pad>": 3}"#, "pad_token is 3"),
        ] {
            assert!(parse(json).contains(named), "{json}: {}", parse(json));
        }
    }

    #[test]
    fn special_tokens_have_the_names_of_the_tokenizer() {
        let tokenizer = file(r#"{"word_delimiter_token": {"content": "_"}, "unk_token": "?", "bos_token": null}"#);
        let vocabulary = Vocabulary::parse(&file(r#"{"_": 0, "?": 1, "a": 2}"#), Some(&tokenizer), (3, 0)).unwrap();
        assert_eq!(vocabulary.delimiter(), Some(Symbol::Id(0)));
        assert_eq!(vocabulary.symbols("a?_"), ids(&[2]));
    }
}
