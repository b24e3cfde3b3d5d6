//! The symbols of a Wav2Vec2ForCTC model, from `vocab.json` and `tokenizer_config.json`.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;
use serde_json::Value;

use crate::{ModelError, ModelFile};

/// Maximum number of ids without a token in `vocab.json`: those of special tokens, which other files add.
const UNNAMED: usize = 4;

/// The symbols of a model.
///
/// ```
/// use models::wav2vec2::Vocabulary;
///
/// let vocabulary = Vocabulary::of_tokens(&["<pad>", "a", "b"])?;
/// assert_eq!((vocabulary.id("b"), vocabulary.text(1)), (Some(2), Some("a")));
/// assert_eq!(vocabulary.id("<pad>"), None, "a special token");
/// # Ok::<(), models::ModelError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Vocabulary {
    /// Ids of the characters by text.
    ids: HashMap<String, usize>,
    /// Texts of the characters by id. Special tokens have no entry.
    texts: HashMap<usize, String>,
    delimiter: Option<usize>,
}

/// The special tokens, from `tokenizer_config.json`.
#[derive(Debug, Deserialize)]
#[serde(default)]
struct TokenizerConfig {
    word_delimiter_token: Token,
    pad_token: Token,
    unk_token: Token,
    bos_token: Token,
    eos_token: Token,
}

/// A token as a string or as an object with its content; null if there is none.
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
    /// Parses `vocab.json` and, if it exists, `tokenizer_config.json`, for a model with this number of symbols and this
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
        let texts = ids.iter().map(|(text, id)| (*id, text.clone())).collect();
        Ok(Self { ids, texts, delimiter })
    }

    /// The symbol that separates words, if the model has one.
    #[must_use]
    pub const fn delimiter(&self) -> Option<usize> {
        self.delimiter
    }

    /// The symbol of a character; `None` for special tokens.
    #[must_use]
    pub fn id(&self, character: &str) -> Option<usize> {
        self.ids.get(character).copied()
    }

    /// The character of a symbol; `None` for special tokens.
    #[must_use]
    pub fn text(&self, id: usize) -> Option<&str> {
        self.texts.get(&id).map(String::as_str)
    }

    /// A vocabulary of these tokens. The id of a token is its index, and the first token is the blank.
    ///
    /// # Errors
    /// [`ModelError::Field`] if they are not a valid vocabulary.
    pub fn of_tokens(tokens: &[&str]) -> Result<Self, ModelError> {
        let entries: HashMap<&str, usize> = tokens.iter().enumerate().map(|(id, token)| (*token, id)).collect();
        let bytes = serde_json::json!(entries).to_string().into_bytes();
        Self::parse(&ModelFile { path: "vocab.json".into(), bytes: bytes.into() }, None, (tokens.len(), 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(json: &str) -> ModelFile {
        ModelFile { path: "vocab.json".into(), bytes: json.as_bytes().to_vec().into() }
    }

    #[test]
    fn vocabulary_with_nested_languages_or_ids_out_of_range_is_refused_by_name() {
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
        assert_eq!(vocabulary.delimiter(), Some(0));
        assert_eq!(["a", "?", "_"].map(|token| vocabulary.id(token)), [Some(2), None, None]);
        assert_eq!([0, 1, 2].map(|id| vocabulary.text(id)), [None, None, Some("a")]);
    }
}
