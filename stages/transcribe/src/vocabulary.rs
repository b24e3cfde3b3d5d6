//! The vocabulary: special tokens by name, and the bytes of every token.

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
    /// `<|translate|>`; none in an English-only model.
    pub(crate) translate: Option<u32>,
    /// `<|startofprev|>`: what follows it, up to the start token, is text before the window.
    pub(crate) start_of_prev: u32,
    /// `<|notimestamps|>`.
    pub(crate) no_timestamps: u32,
    /// `<|0.00|>` and those that follow it by 20 ms each.
    pub(crate) timestamps: Range<u32>,
    /// `<|nospeech|>`, or `<|nocaptions|>` as it was called first.
    pub(crate) no_speech: u32,
    /// Codes and ids of the languages, by id; one (`en`, without a token) in an English-only model.
    pub(crate) languages: Vec<(String, Option<u32>)>,
    /// What the tokens are.
    pub(crate) bytes: TokenBytes,
    path: PathBuf,
    tokenizer: Tokenizer,
}

/// Bytes of every text token by id; none for special tokens and for ids without a token.
pub(crate) type TokenBytes = Arc<[Option<Vec<u8>>]>;

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
        let no_timestamps = id("<|notimestamps|>")?;
        Ok(Self {
            start: id("<|startoftranscript|>")?,
            end: id("<|endoftext|>")?,
            transcribe: if multilingual { Some(id("<|transcribe|>")?) } else { None },
            translate: if multilingual { Some(id("<|translate|>")?) } else { None },
            start_of_prev: id("<|startofprev|>")?,
            no_timestamps,
            timestamps: timestamps(&ids, no_timestamps),
            no_speech: id("<|nospeech|>").or_else(|_| id("<|nocaptions|>"))?,
            languages,
            bytes: token_bytes(&ids, vocab_size).into(),
            path: path.to_owned(),
            tokenizer,
        })
    }

    /// The tokens of a text that goes before a window: with a space before it, and without the tokenizer's specials.
    ///
    /// # Errors
    /// [`ModelError::Tokenizer`] where the tokenizer fails; [`ModelError::SpecialToken`] where the text spells one.
    pub(crate) fn encode(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        let text = text.trim();
        let encoded = self.tokenizer.encode_fast(format!(" {text}"), false);
        let encoded = encoded.map_err(|reason| ModelError::Tokenizer { path: self.path.clone(), reason })?;
        match encoded.get_ids().iter().find(|id| self.bytes(**id).is_empty()) {
            None => Ok(encoded.get_ids().to_vec()),
            Some(_) => Err(ModelError::SpecialToken { text: text.to_owned() }),
        }
    }

    /// The bytes of a text token; nothing for a special token.
    pub(crate) fn bytes(&self, id: u32) -> &[u8] {
        self.bytes.get(id as usize).and_then(Option::as_deref).unwrap_or_default()
    }

    /// Whether each id is text or the end token.
    pub(crate) fn choosable(&self) -> Vec<bool> {
        let mut choosable: Vec<bool> = self.bytes.iter().map(Option::is_some).collect();
        choosable[self.end as usize] = true;
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

/// The timestamps that follow `<|notimestamps|>` without a gap.
fn timestamps(ids: &HashMap<String, u32>, no_timestamps: u32) -> Range<u32> {
    let first = no_timestamps + 1;
    let names = (0..).map(|index| format!("<|{}.{:02}|>", index / 50, index % 50 * 2));
    let count = (first..).zip(names).take_while(|(id, name)| ids.get(name) == Some(id)).count();
    first..first + count as u32
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
    use crate::test_model;

    /// More tokens than the test model's tokenizer has.
    const SIZE: usize = 5000;

    fn small_vocabulary(vocab_size: usize, multilingual: Option<bool>) -> Result<Vocabulary, ModelError> {
        Vocabulary::parse(Path::new("tokenizer.json"), test_model::TOKENIZER, vocab_size, multilingual)
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
        let vocabulary = small_vocabulary(SIZE, None).unwrap();
        let choosable = vocabulary.choosable();
        assert!(choosable[4] && choosable[vocabulary.end as usize]);
        for id in (vocabulary.end + 1..SIZE as u32).chain([vocabulary.start]) {
            assert!(!choosable[id as usize], "{id}");
        }
        assert_eq!(vocabulary.bytes(vocabulary.start), b"");
    }

    #[test]
    fn timestamps_follow_their_marker_by_20_ms_each() {
        let vocabulary = small_vocabulary(SIZE, None).unwrap();
        assert_eq!(vocabulary.timestamps, vocabulary.no_timestamps + 1..vocabulary.no_timestamps + 502);
    }

    #[test]
    fn a_text_is_encoded_behind_a_space_and_spells_no_special_token() {
        let vocabulary = small_vocabulary(SIZE, None).unwrap();
        let tokens = vocabulary.encode("nine one \n").unwrap();
        let bytes: Vec<u8> = tokens.iter().flat_map(|token| vocabulary.bytes(*token).to_vec()).collect();
        assert_eq!(bytes, b" nine one");
        assert!(matches!(vocabulary.encode("a <|endoftext|>"), Err(ModelError::SpecialToken { .. })));
    }

    #[test]
    fn an_english_only_model_has_one_language_without_a_token() {
        let vocabulary = small_vocabulary(SIZE, Some(false)).unwrap();
        assert_eq!(vocabulary.languages, [("en".to_owned(), None)]);
        assert_eq!(vocabulary.transcribe, None);
    }

    #[test]
    fn a_vocabulary_that_outgrows_the_model_is_refused() {
        assert!(matches!(small_vocabulary(700, None), Err(ModelError::VocabularyTooLarge { vocab_size: 700, .. })));
    }
}
