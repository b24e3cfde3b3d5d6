//! The model's own configuration files: `config.json`, `generation_config.json`, `preprocessor_config.json`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::files::parse_json;
use serde::Deserialize;
use stage_core::SAMPLE_RATE_HZ;

use super::vocabulary_fault::VocabularyFault;
use crate::ModelError;

use crate::families::whisper::mel::{HOP, N_FFT};

/// Widths of the published models. Their heads all have width 64, which cannot be derived from tensor shapes.
const PUBLISHED_WIDTHS: [usize; 5] = [384, 512, 768, 1024, 1280];
const HEAD_WIDTH: usize = 64;
/// Vocabulary size of the published English-only models.
pub(crate) const ENGLISH_ONLY_TOKENS: usize = 51_864;
/// Limit of the width of the median filter over attention weights, in positions: 2 s.
const MEDIAN_FILTER_LIMIT: usize = 100;

/// The shape of the network, from `config.json`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct WhisperConfig {
    model_type: Option<String>,
    pub(crate) vocab_size: usize,
    pub(crate) num_mel_bins: usize,
    pub(crate) d_model: usize,
    pub(crate) encoder_layers: usize,
    pub(crate) encoder_attention_heads: usize,
    pub(crate) encoder_ffn_dim: usize,
    pub(crate) decoder_layers: usize,
    pub(crate) decoder_attention_heads: usize,
    pub(crate) decoder_ffn_dim: usize,
    pub(crate) max_source_positions: usize,
    pub(crate) max_target_positions: usize,
    activation_function: String,
    #[serde(default)]
    scale_embedding: bool,
    #[serde(default = "median_filter_width")]
    pub(crate) median_filter_width: usize,
    #[serde(flatten)]
    start_and_end: StartAndEnd,
}

/// Token ids that may be in both `config.json` and `generation_config.json`.
#[derive(Debug, Clone, Deserialize)]
struct StartAndEnd {
    eos_token_id: Option<TokenIds>,
    decoder_start_token_id: Option<TokenIds>,
}

/// One id or several.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum TokenIds {
    One(u32),
    Several(Vec<u32>),
}

/// A token id from a configuration file. It must match the tokenizer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TokenReference {
    /// The field that contains the id.
    pub(crate) field: String,
    /// The token's name in the tokenizer.
    pub(crate) token: String,
    /// The ids in the field, one of which the token must have.
    pub(crate) ids: Vec<u32>,
}

impl TokenReference {
    fn new(field: impl Into<String>, token: impl Into<String>, ids: impl Into<Vec<u32>>) -> Self {
        Self { field: field.into(), token: token.into(), ids: ids.into() }
    }
}

impl StartAndEnd {
    fn references(&self) -> impl Iterator<Item = TokenReference> {
        let reference = |field: &str, token: &str, ids: &Option<TokenIds>| {
            let ids = match ids.as_ref()? {
                TokenIds::One(id) => vec![*id],
                TokenIds::Several(ids) => ids.clone(),
            };
            Some(TokenReference::new(field, token, ids))
        };
        [
            reference("eos_token_id", "<|endoftext|>", &self.eos_token_id),
            reference("decoder_start_token_id", "<|startoftranscript|>", &self.decoder_start_token_id),
        ]
        .into_iter()
        .flatten()
    }
}

const fn median_filter_width() -> usize {
    7
}

impl WhisperConfig {
    /// Parses and checks `config.json`.
    pub(crate) fn parse(path: &Path, bytes: &[u8]) -> Result<Self, ModelError> {
        let config: Self = parse_json(path, bytes)?;
        let field = |field, value: String, expected| Err(unexpected(path, field, value, expected));
        for (name, value) in [
            ("vocab_size", config.vocab_size),
            ("num_mel_bins", config.num_mel_bins),
            ("d_model", config.d_model),
            ("encoder_layers", config.encoder_layers),
            ("encoder_attention_heads", config.encoder_attention_heads),
            ("encoder_ffn_dim", config.encoder_ffn_dim),
            ("decoder_layers", config.decoder_layers),
            ("decoder_attention_heads", config.decoder_attention_heads),
            ("decoder_ffn_dim", config.decoder_ffn_dim),
            ("max_source_positions", config.max_source_positions),
        ] {
            if value == 0 {
                return field(name, value.to_string(), "at least 1 is expected");
            }
        }
        if let Some(other) = config.model_type.as_ref().filter(|name| *name != "whisper") {
            return field("model_type", other.clone(), "`whisper` is expected");
        }
        if config.max_target_positions < 8 {
            let value = config.max_target_positions.to_string();
            return field("max_target_positions", value, "at least 8 is expected: a prompt and some text");
        }
        for heads in [config.encoder_attention_heads, config.decoder_attention_heads] {
            if !config.d_model.is_multiple_of(heads) {
                return field("d_model", config.d_model.to_string(), "a multiple of the number of heads is expected");
            }
            if PUBLISHED_WIDTHS.contains(&config.d_model) && config.d_model / heads != HEAD_WIDTH {
                let heads = "the published models of this width have heads of width 64";
                return field("d_model", config.d_model.to_string(), heads);
            }
        }
        if config.activation_function != "gelu" {
            return field("activation_function", config.activation_function, "only `gelu` is supported");
        }
        if config.scale_embedding {
            return field("scale_embedding", "true".into(), "only `false` is supported");
        }
        if config.median_filter_width.is_multiple_of(2) || config.median_filter_width > MEDIAN_FILTER_LIMIT {
            let value = config.median_filter_width.to_string();
            return field("median_filter_width", value, "an odd number up to 99 is expected");
        }
        Ok(config)
    }

    /// The tokens that `config.json` refers to by id.
    pub(crate) fn token_references(&self) -> Vec<TokenReference> {
        self.start_and_end.references().collect()
    }

    /// Mel frames of a full window: twice the number of encoder positions.
    pub(crate) const fn mel_frames(&self) -> usize {
        2 * self.max_source_positions
    }
}

/// The error of a field with an unsupported value.
fn unexpected(path: &Path, field: &'static str, value: String, expected: &'static str) -> ModelError {
    ModelError::Field { path: path.to_owned(), field, value, expected }
}

/// The decoding settings of the model, from `generation_config.json`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct GenerationConfig {
    pub(crate) is_multilingual: Option<bool>,
    #[serde(default)]
    suppress_tokens: Option<Vec<u32>>,
    #[serde(default)]
    begin_suppress_tokens: Option<Vec<u32>>,
    #[serde(default)]
    alignment_heads: Option<Vec<(usize, usize)>>,
    #[serde(flatten)]
    start_and_end: StartAndEnd,
    no_timestamps_token_id: Option<u32>,
    prev_sot_token_id: Option<u32>,
    #[serde(default)]
    lang_to_id: Option<BTreeMap<String, u32>>,
    #[serde(default)]
    task_to_id: Option<BTreeMap<String, u32>>,
}

impl GenerationConfig {
    /// Parses and checks `generation_config.json`.
    pub(crate) fn parse(path: &Path, bytes: &[u8], model: &WhisperConfig) -> Result<Self, ModelError> {
        let config: Self = parse_json(path, bytes)?;
        let inside =
            |(layer, head): &(usize, usize)| *layer < model.decoder_layers && *head < model.decoder_attention_heads;
        if let Some(head) = config.alignment_heads.iter().flatten().find(|head| !inside(head)) {
            let expected = "[layer, head] of the decoder is expected";
            return Err(unexpected(path, "alignment_heads", format!("{head:?}"), expected));
        }
        for (field, tokens) in
            [("suppress_tokens", config.suppressed()), ("begin_suppress_tokens", config.suppressed_at_begin())]
        {
            if let Some(token) = tokens.iter().find(|token| **token as usize >= model.vocab_size) {
                return Err(unexpected(path, field, token.to_string(), "ids below vocab_size are expected"));
            }
            // The published models suppress about a hundred tokens.
            if tokens.iter().collect::<BTreeSet<_>>().len() > model.vocab_size / 2 {
                let value = format!("a list of {} tokens", tokens.len());
                return Err(unexpected(path, field, value, "at most half of the vocabulary is expected"));
            }
        }
        if config.is_multilingual == Some(true) && model.vocab_size == ENGLISH_ONLY_TOKENS {
            let expected = "a model with 51,864 tokens is English-only";
            return Err(unexpected(path, "is_multilingual", "true".to_owned(), expected));
        }
        Ok(config)
    }

    /// The tokens that `generation_config.json` refers to by id.
    pub(crate) fn token_references(&self) -> Vec<TokenReference> {
        let one = |field: &str, token: &str, id: Option<u32>| Some(TokenReference::new(field, token, [id?]));
        let no_timestamps = one("no_timestamps_token_id", "<|notimestamps|>", self.no_timestamps_token_id);
        let previous = one("prev_sot_token_id", "<|startofprev|>", self.prev_sot_token_id);
        let languages = self
            .lang_to_id
            .iter()
            .flatten()
            .map(|(token, id)| TokenReference::new(format!("lang_to_id: {token}"), token.as_str(), [*id]));
        let tasks = self
            .task_to_id
            .iter()
            .flatten()
            .map(|(task, id)| TokenReference::new(format!("task_to_id: {task}"), format!("<|{task}|>"), [*id]));
        self.start_and_end.references().chain(no_timestamps).chain(previous).chain(languages).chain(tasks).collect()
    }

    /// Tokens that are never generated.
    pub(crate) fn suppressed(&self) -> &[u32] {
        self.suppress_tokens.as_deref().unwrap_or_default()
    }

    /// Tokens that must not begin a text.
    pub(crate) fn suppressed_at_begin(&self) -> &[u32] {
        self.begin_suppress_tokens.as_deref().unwrap_or_default()
    }

    /// (layer, head) of the cross-attention heads that follow the speech. If the file lists none, all heads in the
    /// upper half of the decoder's layers, as in Whisper.
    pub(crate) fn alignment_heads(&self, model: &WhisperConfig) -> Vec<(usize, usize)> {
        match self.alignment_heads.as_deref() {
            Some(heads) if !heads.is_empty() => heads.to_vec(),
            _ => (model.decoder_layers / 2..model.decoder_layers)
                .flat_map(|layer| (0..model.decoder_attention_heads).map(move |head| (layer, head)))
                .collect(),
        }
    }
}

/// The front end that the model was trained with, from `preprocessor_config.json`.
#[derive(Debug, Deserialize)]
struct PreprocessorConfig {
    feature_extractor_type: Option<String>,
    feature_size: Option<usize>,
    sampling_rate: Option<usize>,
    n_fft: Option<usize>,
    hop_length: Option<usize>,
    chunk_length: Option<f64>,
    n_samples: Option<usize>,
    nb_max_frames: Option<usize>,
    do_normalize: Option<bool>,
}

/// Checks that `preprocessor_config.json` describes Whisper's front end with this model's window and number of mel
/// bands.
pub(crate) fn check_preprocessor(path: &Path, bytes: &[u8], model: &WhisperConfig) -> Result<(), ModelError> {
    const WINDOW: &str = "the window of config.json is expected: 0.02 s for each of max_source_positions";
    let config: PreprocessorConfig = parse_json(path, bytes)?;
    if let Some(other) = config.feature_extractor_type.filter(|name| name != "WhisperFeatureExtractor") {
        return Err(unexpected(path, "feature_extractor_type", other, "`WhisperFeatureExtractor` is expected"));
    }
    if config.do_normalize == Some(true) {
        return Err(unexpected(path, "do_normalize", "true".to_owned(), "only `false` is supported"));
    }
    let frames = model.mel_frames();
    for (field, value, expected, text) in [
        ("feature_size", config.feature_size, model.num_mel_bins, "num_mel_bins of config.json is expected"),
        ("sampling_rate", config.sampling_rate, SAMPLE_RATE_HZ as usize, "16000 is expected"),
        ("n_fft", config.n_fft, N_FFT, "400 is expected"),
        ("hop_length", config.hop_length, HOP, "160 is expected"),
        ("n_samples", config.n_samples, frames * HOP, WINDOW),
        ("nb_max_frames", config.nb_max_frames, frames, WINDOW),
    ] {
        if let Some(value) = value.filter(|value| *value != expected) {
            return Err(unexpected(path, field, value.to_string(), text));
        }
    }
    let window_s = (frames * HOP) as f64 / f64::from(SAMPLE_RATE_HZ);
    match config.chunk_length.filter(|seconds| *seconds != window_s) {
        Some(seconds) => Err(unexpected(path, "chunk_length", seconds.to_string(), WINDOW)),
        None => Ok(()),
    }
}

/// Checks that the tokenizer has the tokens of a configuration file under the ids in that file.
///
/// # Errors
/// [`ModelError::Vocabulary`] for the first token that is missing or has another id.
pub(crate) fn check_references(
    path: &Path,
    references: Vec<TokenReference>,
    tokenizer: &Path,
    id: impl Fn(&str) -> Option<u32>,
) -> Result<(), ModelError> {
    let elsewhere = references.into_iter().map(|reference| (id(&reference.token), reference));
    match elsewhere.into_iter().find(|(found, reference)| found.is_none_or(|found| !reference.ids.contains(&found))) {
        None => Ok(()),
        Some((found, TokenReference { field, token, ids })) => {
            let tokenizer = tokenizer.to_owned();
            Err(VocabularyFault::Mismatch { field, ids, token, found, tokenizer }.in_file(path))
        }
    }
}
