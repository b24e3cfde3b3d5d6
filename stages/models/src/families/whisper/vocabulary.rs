//! The vocabulary: special tokens by name, and the bytes of every token.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use serde::Deserialize;
use tokenizers::Tokenizer;

use super::model_config::{ENGLISH_ONLY_TOKENS, WhisperConfig};
use super::vocabulary_fault::VocabularyFault;
use crate::{ModelError, ModelFile};

/// A vocabulary may be padded to a multiple of this, with fewer than [`PADDING`] tokens that are never generated.
const PADDED_TO: usize = 8;
const PADDING: usize = 128;

/// Whisper's special tokens, found by name, and the bytes of the text tokens.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    /// `<|startoftranscript|>`: the first token of every prompt.
    pub(crate) start: u32,
    /// `<|endoftext|>`.
    pub(crate) end: u32,
    /// `<|transcribe|>`; `None` for an English-only model.
    pub(crate) transcribe: Option<u32>,
    /// `<|translate|>`; `None` for an English-only model.
    pub(crate) translate: Option<u32>,
    /// `<|startofprev|>`: the tokens between it and the start token are text before the window.
    pub(crate) start_of_prev: u32,
    /// `<|notimestamps|>`.
    pub(crate) no_timestamps: u32,
    /// `<|0.00|>` and the following tokens in steps of 20 ms, up to the length of a window. Empty if the model has no
    /// timestamps.
    pub(crate) timestamps: Range<u32>,
    /// `<|nospeech|>`, or `<|nocaptions|>` in older tokenizers.
    pub(crate) no_speech: u32,
    /// Codes and ids of the languages, sorted by id. An English-only model has a single one (`en`) without a token.
    pub(crate) languages: Vec<(String, Option<u32>)>,
    /// The bytes of the tokens.
    pub(crate) bytes: TokenBytes,
    ids: HashMap<String, u32>,
    file: ModelFile,
    tokenizer: OnceLock<Tokenizer>,
}

/// The part of `tokenizer.json` that is always read. Parsing the whole tokenizer, which only prompts need, takes ten
/// times as long.
#[derive(Deserialize)]
struct TokenizerFile {
    #[serde(default)]
    added_tokens: Vec<AddedToken>,
    model: Bpe,
}

#[derive(Deserialize)]
struct AddedToken {
    id: u32,
    content: String,
}

#[derive(Deserialize)]
struct Bpe {
    vocab: HashMap<String, u32>,
    #[serde(default)]
    merges: Vec<Merge>,
}

/// Two tokens that are merged: as one text with a space between them, or as two texts.
#[derive(Deserialize)]
#[serde(untagged)]
enum Merge {
    Text(String),
    Pair(String, String),
}

impl Merge {
    /// The merged token.
    fn token(&self) -> String {
        match self {
            Self::Text(text) => text.replacen(' ', "", 1),
            Self::Pair(first, second) => format!("{first}{second}"),
        }
    }
}

/// Bytes of every text token by id. `None` for special tokens and for ids without a token.
pub(crate) type TokenBytes = Arc<[Option<Vec<u8>>]>;

impl Vocabulary {
    /// Parses `tokenizer.json`, looks up the special tokens of Whisper, and checks that the tokenizer fits a model of
    /// this vocabulary size and window. If `multilingual` is `None`, a model with language tokens is treated as
    /// multilingual, unless its vocabulary size is that of the English-only models.
    pub(crate) fn parse(
        file: ModelFile,
        model: &WhisperConfig,
        multilingual: Option<bool>,
    ) -> Result<Self, ModelError> {
        let (path, vocab_size) = (file.path.clone(), model.vocab_size);
        let fault = |fault: VocabularyFault| fault.in_file(&path);
        let TokenizerFile { added_tokens, model: bpe } = file.json()?;
        let ids = all_ids(bpe.vocab, added_tokens).map_err(fault)?;
        let highest_id = ids.values().copied().max().unwrap_or(0);
        if highest_id as usize >= vocab_size {
            return Err(fault(VocabularyFault::TooLarge { highest_id, vocab_size }));
        }
        let id = |token: &str| {
            let missing = || fault(VocabularyFault::MissingToken(token.to_owned()));
            ids.get(token).copied().ok_or_else(missing)
        };
        let mut languages = languages(&ids);
        let english_only = vocab_size == ENGLISH_ONLY_TOKENS || languages.is_empty();
        let multilingual = multilingual.unwrap_or(!english_only);
        if !multilingual {
            languages = vec![("en".to_owned(), None)];
        } else if languages.is_empty() {
            return Err(fault(VocabularyFault::MissingToken("<|en|>".to_owned())));
        }
        let no_timestamps = id("<|notimestamps|>")?;
        let (start, end) = (id("<|startoftranscript|>")?, id("<|endoftext|>")?);
        let special = |token| if multilingual { id(token).map(Some) } else { Ok(None) };
        let (transcribe, translate) = (special("<|transcribe|>")?, special("<|translate|>")?);
        let start_of_prev = id("<|startofprev|>")?;
        let no_speech = id("<|nospeech|>").or_else(|_| id("<|nocaptions|>"))?;
        check_bytes(&ids).map_err(fault)?;
        check_order(&ids, &bpe.merges).map_err(fault)?;
        let timestamps = timestamps(&ids, no_timestamps, model).map_err(fault)?;
        let bytes = token_bytes(&ids, vocab_size).into();
        Ok(Self {
            start,
            end,
            transcribe,
            translate,
            start_of_prev,
            no_timestamps,
            timestamps,
            no_speech,
            languages,
            bytes,
            ids,
            file,
            tokenizer: OnceLock::new(),
        })
    }

    /// The id of a token.
    pub(crate) fn id(&self, token: &str) -> Option<u32> {
        self.ids.get(token).copied()
    }

    /// The whole tokenizer, which is parsed on first use.
    ///
    /// # Errors
    /// [`ModelError::Tokenizer`] if it cannot be parsed.
    pub(crate) fn tokenizer(&self) -> Result<&Tokenizer, ModelError> {
        if let Some(tokenizer) = self.tokenizer.get() {
            return Ok(tokenizer);
        }
        let tokenizer = Tokenizer::from_bytes(&self.file.bytes).map_err(|reason| self.unusable(reason))?;
        Ok(self.tokenizer.get_or_init(|| tokenizer))
    }

    fn unusable(&self, reason: tokenizers::Error) -> ModelError {
        ModelError::Tokenizer { path: self.file.path.clone(), reason }
    }

    /// The tokens of text before a window, with a leading space, and without the special tokens that the tokenizer
    /// adds.
    ///
    /// # Errors
    /// [`ModelError::Tokenizer`] if the tokenizer fails; [`ModelError::SpecialToken`] if the text contains a special
    /// token.
    pub(crate) fn encode(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        let text = text.trim();
        let encoded = self.tokenizer()?.encode_fast(format!(" {text}"), false);
        let encoded = encoded.map_err(|reason| self.unusable(reason))?;
        match encoded.get_ids().iter().find(|id| self.bytes(**id).is_empty()) {
            None => Ok(encoded.get_ids().to_vec()),
            Some(_) => Err(ModelError::SpecialToken { text: text.to_owned() }),
        }
    }

    /// The bytes of a text token; empty for a special token.
    pub(crate) fn bytes(&self, id: u32) -> &[u8] {
        self.bytes.get(id as usize).and_then(Option::as_deref).unwrap_or_default()
    }

    /// For each id, whether it is a text token or the end token.
    pub(crate) fn selectable(&self) -> Vec<bool> {
        let mut selectable: Vec<bool> = self.bytes.iter().map(Option::is_some).collect();
        selectable[self.end as usize] = true;
        selectable
    }
}

/// `en` for `<|en|>`: two or three lowercase letters.
fn language_code(token: &str) -> Option<&str> {
    let code = special_name(token)?;
    (matches!(code.len(), 2 | 3) && code.bytes().all(|b| b.is_ascii_lowercase())).then_some(code)
}

/// `en` for `<|en|>`.
fn special_name(token: &str) -> Option<&str> {
    token.strip_prefix("<|")?.strip_suffix("|>")
}

/// The ids of all tokens: those of the model and added tokens. Ids of added tokens are read from the file, because the
/// tokenizers crate assigns other ids if the file's ids have a gap.
fn all_ids(
    mut ids: HashMap<String, u32>,
    added_tokens: Vec<AddedToken>,
) -> Result<HashMap<String, u32>, VocabularyFault> {
    for AddedToken { id, content } in added_tokens {
        match ids.insert(content.clone(), id) {
            Some(other) if other != id => return Err(VocabularyFault::TwoIds(content, other, id)),
            _ => {}
        }
    }
    let mut by_id = HashMap::with_capacity(ids.len());
    for (token, id) in &ids {
        if let Some(other) = by_id.insert(*id, token) {
            let (first, second) = if other < token { (other, token) } else { (token, other) };
            return Err(VocabularyFault::SameId(first.clone(), second.clone(), *id));
        }
    }
    Ok(ids)
}

/// Codes and ids of the languages, sorted by id.
fn languages(ids: &HashMap<String, u32>) -> Vec<(String, Option<u32>)> {
    let code = |(token, id): (&String, &u32)| language_code(token).map(|code| (code.to_owned(), Some(*id)));
    let mut languages: Vec<_> = ids.iter().filter_map(code).collect();
    languages.sort_by_key(|(_, id)| *id);
    languages
}

/// Checks that every byte is a token, so that every text can be encoded.
fn check_bytes(ids: &HashMap<String, u32>) -> Result<(), VocabularyFault> {
    let missing = byte_alphabet()
        .into_iter()
        .filter(|(character, _)| !ids.contains_key(character.encode_utf8(&mut [0; 4]) as &str));
    missing.map(|(_, byte)| byte).min().map_or(Ok(()), |byte| Err(VocabularyFault::NoByte(byte)))
}

/// Checks that tokens are numbered in the order of their merges, as byte pair encoding does it. Another order means
/// that ids were changed, which would change the text.
fn check_order(ids: &HashMap<String, u32>, merges: &[Merge]) -> Result<(), VocabularyFault> {
    let made = merges.iter().filter_map(|merge| ids.get_key_value(&merge.token()));
    let mut last = None;
    for (token, id) in made {
        if last.is_some_and(|last| last >= *id) {
            return Err(VocabularyFault::Order(token.clone(), *id));
        }
        last = Some(*id);
    }
    Ok(())
}

/// The timestamps of a window. They follow `<|notimestamps|>` in steps of 20 ms; older folders do not name them. Empty
/// if the vocabulary ends at `<|notimestamps|>`. Every other id must have a token, except for a few that pad the
/// vocabulary.
fn timestamps(
    ids: &HashMap<String, u32>,
    no_timestamps: u32,
    model: &WhisperConfig,
) -> Result<Range<u32>, VocabularyFault> {
    let by_id: HashMap<u32, &str> = ids.iter().map(|(token, id)| (*id, token.as_str())).collect();
    let first = no_timestamps + 1;
    let (found, expected) = (model.vocab_size - first as usize, model.max_source_positions + 1);
    let timestamps = match found {
        0 => first..first,
        _ if found < expected => return Err(VocabularyFault::Timestamps { found, expected }),
        // Named timestamps beyond the window are included.
        _ => {
            let is_named = |index: &usize| ids.get(&timestamp_name(*index)) == Some(&(first + *index as u32));
            first..first + (expected..).take_while(is_named).last().map_or(expected, |last| last + 1) as u32
        }
    };
    for (index, id) in timestamps.clone().enumerate() {
        let expected = timestamp_name(index);
        let elsewhere = ids.get(&expected).filter(|other| **other != id).map(|other| (expected.as_str(), *other));
        let other = by_id.get(&id).filter(|token| **token != expected).map(|token| (*token, id));
        if let Some((token, id)) = elsewhere.or(other) {
            return Err(VocabularyFault::NotTimestamp { token: token.to_owned(), id, expected });
        }
    }
    if let Some(id) = (0..no_timestamps).find(|id| !by_id.contains_key(id)) {
        return Err(VocabularyFault::NoToken(id));
    }
    let unnamed = (timestamps.end..model.vocab_size as u32).filter(|id| !by_id.contains_key(id)).count();
    let padded = model.vocab_size.is_multiple_of(PADDED_TO) && unnamed < PADDING;
    if unnamed == 0 || padded { Ok(timestamps) } else { Err(VocabularyFault::TooSmall(unnamed)) }
}

/// The name of a timestamp: `<|0.04|>` for index 2, in steps of 20 ms.
fn timestamp_name(index: usize) -> String {
    format!("<|{}.{:02}|>", index / 50, index % 50 * 2)
}

/// Bytes by id of every token that is not special.
fn token_bytes(ids: &HashMap<String, u32>, vocab_size: usize) -> Vec<Option<Vec<u8>>> {
    let byte_of = byte_alphabet();
    let mut bytes = vec![None; vocab_size];
    for (token, id) in ids.iter().filter(|(token, _)| special_name(token).is_none()) {
        let mapped: Option<Vec<u8>> = token.chars().map(|c| byte_of.get(&c).copied()).collect();
        bytes[*id as usize] = Some(mapped.unwrap_or_else(|| token.as_bytes().to_vec()));
    }
    bytes
}

/// GPT-2's byte-level alphabet: printable Latin-1 bytes represent themselves, all others are mapped to characters from
/// U+0100 on.
fn byte_alphabet() -> HashMap<char, u8> {
    let printable = |byte: &u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    let itself = (0..=u8::MAX).filter(printable).map(|byte| (char::from(byte), byte));
    let moved = ('\u{100}'..).zip((0..=u8::MAX).filter(|byte| !printable(byte)));
    itself.chain(moved).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const CONFIG: &[u8] = include_bytes!("../../../../../fixtures/models/test-tiny/config.json");
    const TOKENIZER: &[u8] = include_bytes!("../../../../../fixtures/models/test-tiny/tokenizer.json");

    /// The small model's `config.json` with another vocabulary size.
    fn config(vocab_size: usize) -> WhisperConfig {
        let mut config: Value = serde_json::from_slice(CONFIG).unwrap();
        config["vocab_size"] = json!(vocab_size);
        WhisperConfig::parse("config.json".as_ref(), config.to_string().as_bytes()).unwrap()
    }

    fn small_size() -> usize {
        serde_json::from_slice::<Value>(CONFIG).unwrap()["vocab_size"].as_u64().unwrap() as usize
    }

    fn parse(vocab_size: usize, multilingual: Option<bool>, tokenizer: &[u8]) -> Result<Vocabulary, ModelError> {
        let file = ModelFile { path: "tokenizer.json".into(), bytes: tokenizer.to_vec().into() };
        Vocabulary::parse(file, &config(vocab_size), multilingual)
    }

    fn small_vocabulary(multilingual: Option<bool>) -> Vocabulary {
        parse(small_size(), multilingual, TOKENIZER).unwrap()
    }

    /// The fault of a changed copy of the model's tokenizer, if any.
    fn fault(vocab_size: usize, change: impl FnOnce(&mut Value)) -> Option<VocabularyFault> {
        let mut tokenizer = serde_json::from_slice(TOKENIZER).unwrap();
        change(&mut tokenizer);
        match parse(vocab_size, None, tokenizer.to_string().as_bytes()) {
            Ok(_) => None,
            Err(ModelError::Vocabulary { reason, .. }) => {
                Some(reason.downcast_ref::<VocabularyFault>().unwrap().clone())
            }
            Err(other) => panic!("{other}"),
        }
    }

    /// Removes the added tokens for whose name `unwanted` returns true.
    fn remove(tokenizer: &mut Value, unwanted: impl Fn(&str) -> bool) {
        let tokens = tokenizer["added_tokens"].as_array_mut().unwrap();
        tokens.retain(|token| !unwanted(token["content"].as_str().unwrap()));
    }

    /// Whether a name is that of a timestamp: `<|12.34|>`.
    fn is_timestamp(name: &str) -> bool {
        special_name(name).is_some_and(|name| name.parse::<f64>().is_ok())
    }

    #[test]
    fn byte_alphabet_covers_every_byte_once() {
        let mut bytes: Vec<u8> = byte_alphabet().into_values().collect();
        bytes.sort_unstable();
        assert_eq!(bytes, (0..=u8::MAX).collect::<Vec<_>>());
        assert_eq!(byte_alphabet()[&'Ġ'], b' ');
    }

    #[test]
    fn tokens_that_are_selectable_are_text_and_the_end_token() {
        let vocabulary = small_vocabulary(None);
        let selectable = vocabulary.selectable();
        assert!(selectable[4] && selectable[vocabulary.end as usize]);
        for id in (vocabulary.end + 1..selectable.len() as u32).chain([vocabulary.start]) {
            assert!(!selectable[id as usize], "{id}");
        }
        assert_eq!(vocabulary.bytes(vocabulary.start), b"");
    }

    #[test]
    fn timestamps_follow_their_marker_by_20_ms_each_to_the_windows_end() {
        let vocabulary = small_vocabulary(None);
        let positions = config(small_size()).max_source_positions as u32;
        assert_eq!(vocabulary.timestamps, vocabulary.no_timestamps + 1..vocabulary.no_timestamps + positions + 2);
    }

    #[test]
    fn timestamps_without_names_or_with_gaps_have_the_same_ids() {
        let named = small_vocabulary(None);
        for unwanted in [&is_timestamp as &dyn Fn(&str) -> bool, &|name| is_timestamp(name) && name.contains(".1")] {
            let mut tokenizer = serde_json::from_slice(TOKENIZER).unwrap();
            remove(&mut tokenizer, unwanted);
            let found = parse(small_size(), None, tokenizer.to_string().as_bytes()).unwrap();
            assert_eq!(found.timestamps, named.timestamps);
            assert_eq!(found.selectable(), named.selectable());
        }
    }

    #[test]
    fn timestamps_are_none_where_the_vocabulary_ends_before_them() {
        let mut tokenizer = serde_json::from_slice(TOKENIZER).unwrap();
        remove(&mut tokenizer, is_timestamp);
        let size = small_vocabulary(None).no_timestamps as usize + 1;
        assert!(parse(size, None, tokenizer.to_string().as_bytes()).unwrap().timestamps.is_empty());
        let few = fault(size + 100, |tokenizer| remove(tokenizer, is_timestamp));
        assert!(matches!(few, Some(VocabularyFault::Timestamps { found: 100, .. })), "{few:?}");
    }

    #[test]
    fn timestamps_that_are_elsewhere_are_a_fault() {
        let moved = |token: &mut Value, name: &str, id: u64| {
            if token["content"] == name {
                token["id"] = json!(id);
            }
        };
        let first = u64::from(small_vocabulary(None).timestamps.start);
        let swapped = fault(small_size(), |tokenizer| {
            for token in tokenizer["added_tokens"].as_array_mut().unwrap() {
                moved(token, "<|0.02|>", first + 2);
                moved(token, "<|0.04|>", first + 1);
            }
        });
        assert!(matches!(swapped, Some(VocabularyFault::NotTimestamp { .. })), "{swapped:?}");
        let renamed = fault(small_size(), |tokenizer| {
            let tokens = tokenizer["added_tokens"].as_array_mut().unwrap();
            tokens.iter_mut().filter(|token| token["content"] == "<|0.02|>").for_each(|token| {
                token["content"] = json!("<|laughter|>");
            });
        });
        assert!(matches!(renamed, Some(VocabularyFault::NotTimestamp { .. })), "{renamed:?}");
    }

    #[test]
    fn ids_that_were_changed_are_a_fault() {
        let vocab = |tokenizer: &mut Value, change: &dyn Fn(&mut serde_json::Map<String, Value>)| {
            change(tokenizer["model"]["vocab"].as_object_mut().unwrap());
        };
        let swap = |vocab: &mut serde_json::Map<String, Value>| {
            let [a, b] = ["Ġt", "Ġs"].map(|token| vocab[token].clone());
            (vocab["Ġt"], vocab["Ġs"]) = (b, a);
        };
        let found = fault(small_size(), |tokenizer| vocab(tokenizer, &swap));
        assert!(matches!(found, Some(VocabularyFault::Order(..))), "{found:?}");
        let same = |vocab: &mut serde_json::Map<String, Value>| vocab["Ġt"] = vocab["Ġs"].clone();
        let found = fault(small_size(), |tokenizer| vocab(tokenizer, &same));
        assert!(matches!(found, Some(VocabularyFault::SameId(..))), "{found:?}");
        let without = |vocab: &mut serde_json::Map<String, Value>| drop(vocab.remove("a"));
        let found = fault(small_size(), |tokenizer| vocab(tokenizer, &without));
        assert_eq!(found, Some(VocabularyFault::NoByte(b'a')));
        let found = fault(small_size(), |tokenizer| remove(tokenizer, |name| name == " [unclear]"));
        assert!(matches!(found, Some(VocabularyFault::NoToken(_))), "{found:?}");
    }

    #[test]
    fn padding_of_a_vocabulary_is_allowed_and_an_unknown_rest_is_not() {
        let unnamed = |size| fault(size, |_| {});
        let padded = small_size().next_multiple_of(64);
        assert_eq!(unnamed(padded), None);
        assert_eq!(unnamed(padded + 1), Some(VocabularyFault::TooSmall(padded + 1 - small_size())));
    }

    #[test]
    fn encode_puts_a_space_before_a_text_and_refuses_special_tokens() {
        let vocabulary = small_vocabulary(None);
        let tokens = vocabulary.encode("nine one \n").unwrap();
        let bytes: Vec<u8> = tokens.iter().flat_map(|token| vocabulary.bytes(*token).to_vec()).collect();
        assert_eq!(bytes, b" nine one");
        assert!(matches!(vocabulary.encode("a <|endoftext|>"), Err(ModelError::SpecialToken { .. })));
    }

    #[test]
    fn english_only_models_have_one_language_without_a_token() {
        let vocabulary = small_vocabulary(Some(false));
        assert_eq!(vocabulary.languages, [("en".to_owned(), None)]);
        assert_eq!(vocabulary.transcribe, None);
    }

    #[test]
    fn vocabularies_larger_than_the_model_are_a_fault() {
        let error = parse(700, None, TOKENIZER).unwrap_err();
        assert!(error.to_string().contains("but the model has 700 tokens"), "{error}");
    }
}
