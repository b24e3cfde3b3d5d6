//! The vocabulary: special tokens by name, and the bytes of every token.

use std::collections::HashMap;
use std::path::Path;

use tokenizers::Tokenizer;

use crate::ModelError;

/// Whisper's special tokens, found by name, and the bytes of the text tokens.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    /// `<|startoftranscript|>`: the first token of every prompt.
    pub(crate) start: u32,
    /// `<|endoftext|>`.
    pub(crate) end: u32,
    /// `<|transcribe|>`; none in an English-only model.
    pub(crate) transcribe: Option<u32>,
    /// `<|notimestamps|>`; every id above it is a timestamp.
    pub(crate) no_timestamps: u32,
    /// `<|nospeech|>`, or `<|nocaptions|>` as it was called first.
    pub(crate) no_speech: u32,
    /// Codes and ids of the languages, by id; one (`en`, without a token) in an English-only model.
    pub(crate) languages: Vec<(String, Option<u32>)>,
    /// Bytes of every text token by id; none for special tokens and for ids without a token.
    bytes: Vec<Option<Vec<u8>>>,
}

impl Vocabulary {
    /// Parses `tokenizer.json` and looks up what Whisper needs. Without `multilingual` on record, a model with
    /// language tokens is taken as multilingual.
    pub(crate) fn parse(
        path: &Path,
        bytes: &[u8],
        vocab_size: usize,
        multilingual: Option<bool>,
    ) -> Result<Self, ModelError> {
        let tokenizer =
            Tokenizer::from_bytes(bytes).map_err(|reason| ModelError::Tokenizer { path: path.to_owned(), reason })?;
        let ids = tokenizer.get_vocab(true);
        let highest_id = ids.values().copied().max().unwrap_or(0);
        if highest_id as usize >= vocab_size {
            return Err(ModelError::VocabularyTooLarge { path: path.to_owned(), highest_id, vocab_size });
        }
        let id = |token: &str| {
            let missing = || ModelError::MissingToken { path: path.to_owned(), token: token.to_owned() };
            ids.get(token).copied().ok_or_else(missing)
        };
        let mut languages: Vec<_> = ids
            .iter()
            .filter_map(|(token, id)| language_code(token).map(|code| (code.to_owned(), Some(*id))))
            .collect();
        languages.sort_by_key(|(_, id)| *id);
        let multilingual = multilingual.unwrap_or(!languages.is_empty());
        if !multilingual {
            languages = vec![("en".to_owned(), None)];
        } else if languages.is_empty() {
            return Err(ModelError::MissingToken { path: path.to_owned(), token: "<|en|>".to_owned() });
        }
        Ok(Self {
            start: id("<|startoftranscript|>")?,
            end: id("<|endoftext|>")?,
            transcribe: if multilingual { Some(id("<|transcribe|>")?) } else { None },
            no_timestamps: id("<|notimestamps|>")?,
            no_speech: id("<|nospeech|>").or_else(|_| id("<|nocaptions|>"))?,
            languages,
            bytes: token_bytes(&ids, vocab_size),
        })
    }

    /// The bytes of a text token; nothing for a special token.
    pub(crate) fn bytes(&self, id: u32) -> &[u8] {
        self.bytes.get(id as usize).and_then(Option::as_deref).unwrap_or_default()
    }

    /// Whether each id may be chosen: text and the end token, without those that the model's configuration suppresses.
    pub(crate) fn choosable(&self, suppressed: &[u32]) -> Vec<bool> {
        let mut choosable: Vec<bool> = self.bytes.iter().map(Option::is_some).collect();
        choosable[self.end as usize] = true;
        for id in suppressed {
            if let Some(choosable) = choosable.get_mut(*id as usize) {
                *choosable = false;
            }
        }
        choosable
    }
}

/// `en` of `<|en|>`: two or three lower-case letters.
fn language_code(token: &str) -> Option<&str> {
    let code = special_name(token)?;
    (matches!(code.len(), 2 | 3) && code.bytes().all(|b| b.is_ascii_lowercase())).then_some(code)
}

/// `en` of `<|en|>`.
fn special_name(token: &str) -> Option<&str> {
    token.strip_prefix("<|")?.strip_suffix("|>")
}

/// Bytes of every token that is no special one, by id.
fn token_bytes(ids: &HashMap<String, u32>, vocab_size: usize) -> Vec<Option<Vec<u8>>> {
    let byte_of = byte_alphabet();
    let mut bytes = vec![None; vocab_size];
    for (token, id) in ids.iter().filter(|(token, _)| special_name(token).is_none()) {
        let mapped: Option<Vec<u8>> = token.chars().map(|c| byte_of.get(&c).copied()).collect();
        bytes[*id as usize] = Some(mapped.unwrap_or_else(|| token.as_bytes().to_vec()));
    }
    bytes
}

/// GPT-2's byte-level alphabet: printable Latin-1 stands for itself, every other byte for a character from U+0100 on.
fn byte_alphabet() -> HashMap<char, u8> {
    let printable = |byte: &u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    let itself = (0..=u8::MAX).filter(printable).map(|byte| (char::from(byte), byte));
    let moved = ('\u{100}'..).zip((0..=u8::MAX).filter(|byte| !printable(byte)));
    itself.chain(moved).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded;

    fn embedded_vocabulary(vocab_size: usize, multilingual: Option<bool>) -> Result<Vocabulary, ModelError> {
        Vocabulary::parse(Path::new("tokenizer.json"), embedded::TOKENIZER, vocab_size, multilingual)
    }

    #[test]
    fn the_byte_alphabet_covers_every_byte_once() {
        let mut bytes: Vec<u8> = byte_alphabet().into_values().collect();
        bytes.sort_unstable();
        assert_eq!(bytes, (0..=u8::MAX).collect::<Vec<_>>());
        assert_eq!(byte_alphabet()[&'Ġ'], b' ');
    }

    #[test]
    fn only_text_and_the_end_token_may_be_chosen() {
        let vocabulary = embedded_vocabulary(1000, None).unwrap();
        let choosable = vocabulary.choosable(&[3]);
        assert!(!choosable[3] && choosable[4] && choosable[vocabulary.end as usize]);
        for id in (vocabulary.end + 1..1000).chain([vocabulary.start]) {
            assert!(!choosable[id as usize], "{id}");
        }
        assert_eq!(vocabulary.bytes(vocabulary.start), b"");
    }

    #[test]
    fn an_english_only_model_has_one_language_without_a_token() {
        let vocabulary = embedded_vocabulary(1000, Some(false)).unwrap();
        assert_eq!(vocabulary.languages, [("en".to_owned(), None)]);
        assert_eq!(vocabulary.transcribe, None);
    }

    #[test]
    fn a_vocabulary_that_outgrows_the_model_is_refused() {
        assert!(matches!(embedded_vocabulary(700, None), Err(ModelError::VocabularyTooLarge { vocab_size: 700, .. })));
    }
}
