//! The model's own configuration files: `config.json`, `generation_config.json`, `preprocessor_config.json`.

use std::path::Path;

use nn::parse_json;
use serde::Deserialize;
use stage_core::SAMPLE_RATE_HZ;

use crate::ModelError;
use crate::mel::{HOP, N_FFT};

/// Shape of the network, from `config.json`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct WhisperConfig {
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
}

const fn median_filter_width() -> usize {
    7
}

impl WhisperConfig {
    /// Parses and checks `config.json`.
    pub(crate) fn parse(path: &Path, bytes: &[u8]) -> Result<Self, ModelError> {
        let config: Self = parse_json(path, bytes)?;
        let field =
            |field, value: String, expected| Err(ModelError::Field { path: path.to_owned(), field, value, expected });
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
        if config.max_target_positions < 8 {
            let value = config.max_target_positions.to_string();
            return field("max_target_positions", value, "at least 8 is expected: a prompt and some text");
        }
        for heads in [config.encoder_attention_heads, config.decoder_attention_heads] {
            if !config.d_model.is_multiple_of(heads) {
                return field("d_model", config.d_model.to_string(), "a multiple of the number of heads is expected");
            }
        }
        if config.activation_function != "gelu" {
            return field("activation_function", config.activation_function, "only `gelu` is supported");
        }
        if config.scale_embedding {
            return field("scale_embedding", "true".into(), "only `false` is supported");
        }
        if config.median_filter_width.is_multiple_of(2) {
            let value = config.median_filter_width.to_string();
            return field("median_filter_width", value, "an odd number is expected");
        }
        Ok(config)
    }

    /// Mel frames of a whole window: twice the encoder's positions.
    pub(crate) const fn mel_frames(&self) -> usize {
        2 * self.max_source_positions
    }
}

/// What decoding is told, from `generation_config.json`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct GenerationConfig {
    pub(crate) is_multilingual: Option<bool>,
    #[serde(default)]
    suppress_tokens: Option<Vec<u32>>,
    #[serde(default)]
    begin_suppress_tokens: Option<Vec<u32>>,
    #[serde(default)]
    alignment_heads: Option<Vec<(usize, usize)>>,
}

impl GenerationConfig {
    /// Parses and checks `generation_config.json`.
    pub(crate) fn parse(path: &Path, bytes: &[u8], model: &WhisperConfig) -> Result<Self, ModelError> {
        let config: Self = parse_json(path, bytes)?;
        let inside =
            |(layer, head): &(usize, usize)| *layer < model.decoder_layers && *head < model.decoder_attention_heads;
        match config.alignment_heads.iter().flatten().find(|head| !inside(head)) {
            None => Ok(config),
            Some(head) => Err(ModelError::Field {
                path: path.to_owned(),
                field: "alignment_heads",
                value: format!("{head:?}"),
                expected: "[layer, head] of the decoder is expected",
            }),
        }
    }

    /// Tokens that are never chosen.
    pub(crate) fn suppressed(&self) -> &[u32] {
        self.suppress_tokens.as_deref().unwrap_or_default()
    }

    /// Tokens that are not chosen first.
    pub(crate) fn suppressed_at_begin(&self) -> &[u32] {
        self.begin_suppress_tokens.as_deref().unwrap_or_default()
    }

    /// (layer, head) of the cross-attention heads that follow the speech: those on record, else all of the upper half
    /// of the decoder, as Whisper has it.
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
    feature_size: Option<usize>,
    sampling_rate: Option<usize>,
    n_fft: Option<usize>,
    hop_length: Option<usize>,
}

/// Checks that `preprocessor_config.json` describes Whisper's front end with this model's number of mel bands.
pub(crate) fn check_preprocessor(path: &Path, bytes: &[u8], model: &WhisperConfig) -> Result<(), ModelError> {
    let config: PreprocessorConfig = parse_json(path, bytes)?;
    for (field, value, expected, text) in [
        ("feature_size", config.feature_size, model.num_mel_bins, "num_mel_bins of config.json is expected"),
        ("sampling_rate", config.sampling_rate, SAMPLE_RATE_HZ as usize, "16000 is expected"),
        ("n_fft", config.n_fft, N_FFT, "400 is expected"),
        ("hop_length", config.hop_length, HOP, "160 is expected"),
    ] {
        match value {
            Some(value) if value != expected => {
                let (path, value) = (path.to_owned(), value.to_string());
                return Err(ModelError::Field { path, field, value, expected: text });
            }
            _ => {}
        }
    }
    Ok(())
}
