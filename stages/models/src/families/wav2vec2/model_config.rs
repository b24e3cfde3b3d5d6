//! The model's own configuration files: `config.json` and `preprocessor_config.json`.

use serde::Deserialize;
use stage_core::SAMPLE_RATE_HZ;

use crate::{ModelError, ModelFile};

/// Widths of the published base and large models. Their heads have width 64, which cannot be derived from tensor
/// shapes.
const PUBLISHED_WIDTHS: [usize; 2] = [768, 1024];
const HEAD_WIDTH: usize = 64;
/// Maximum number of samples between two frames.
const LONGEST_HOP: usize = SAMPLE_RATE_HZ as usize;

/// The shape of the network, from `config.json`. Missing fields have the defaults of transformers, which describe the
/// base model.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub(super) struct Wav2Vec2Config {
    model_type: String,
    pub(super) vocab_size: usize,
    pub(super) hidden_size: usize,
    pub(super) intermediate_size: usize,
    pub(super) num_hidden_layers: usize,
    pub(super) num_attention_heads: usize,
    pub(super) conv_dim: Vec<usize>,
    pub(super) conv_kernel: Vec<usize>,
    pub(super) conv_stride: Vec<usize>,
    pub(super) conv_bias: bool,
    pub(super) feat_extract_norm: FeatureNorm,
    pub(super) do_stable_layer_norm: bool,
    pub(super) num_conv_pos_embeddings: usize,
    pub(super) num_conv_pos_embedding_groups: usize,
    pub(super) layer_norm_eps: f64,
    pub(super) pad_token_id: u32,
    feat_extract_activation: String,
    hidden_act: String,
    add_adapter: bool,
    adapter_attn_dim: Option<usize>,
    /// Topology that the model was trained with. This key is an Earwitness extension.
    #[serde(rename = "earwitness_topology")]
    pub(super) topology: Topology,
}

/// The norms between the convolutions of the feature extractor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum FeatureNorm {
    /// One norm, after the first convolution, of each channel over time (base).
    Group,
    /// A norm after every convolution, of each frame over the channels (large, XLSR).
    Layer,
}

/// Which symbols a frame may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Topology {
    /// Connectionist temporal classification: a blank may occur between any two symbols and must occur between equal
    /// ones.
    #[default]
    Ctc,
    /// Every frame of a word has one of its characters. Blank is the silence between words.
    Frames,
}

impl Default for Wav2Vec2Config {
    fn default() -> Self {
        Self {
            model_type: "wav2vec2".to_owned(),
            vocab_size: 32,
            hidden_size: 768,
            intermediate_size: 3072,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            conv_dim: vec![512; 7],
            conv_kernel: vec![10, 3, 3, 3, 3, 2, 2],
            conv_stride: vec![5, 2, 2, 2, 2, 2, 2],
            conv_bias: false,
            feat_extract_norm: FeatureNorm::Group,
            do_stable_layer_norm: false,
            num_conv_pos_embeddings: 128,
            num_conv_pos_embedding_groups: 16,
            layer_norm_eps: 1e-5,
            pad_token_id: 0,
            feat_extract_activation: "gelu".to_owned(),
            hidden_act: "gelu".to_owned(),
            add_adapter: false,
            adapter_attn_dim: None,
            topology: Topology::Ctc,
        }
    }
}

impl Wav2Vec2Config {
    /// Parses and checks `config.json`.
    pub(super) fn parse(file: &ModelFile) -> Result<Self, ModelError> {
        let config: Self = file.json()?;
        match config.fault() {
            None => Ok(config),
            Some((field, value, expected)) => {
                Err(ModelError::Field { path: file.path.clone(), field, value, expected })
            }
        }
    }

    /// The first unsupported field: its name, its value and the supported values.
    fn fault(&self) -> Option<(&'static str, String, &'static str)> {
        const ONE: &str = "at least 1 is expected";
        let convolutions = [&self.conv_dim, &self.conv_kernel, &self.conv_stride];
        let text = |what: &dyn std::fmt::Debug| format!("{what:?}");
        let faults = [
            (self.model_type != "wav2vec2", "model_type", text(&self.model_type), "\"wav2vec2\" is expected"),
            (self.vocab_size == 0, "vocab_size", text(&self.vocab_size), ONE),
            (self.hidden_size == 0, "hidden_size", text(&self.hidden_size), ONE),
            (self.intermediate_size == 0, "intermediate_size", text(&self.intermediate_size), ONE),
            (
                self.num_attention_heads == 0 || !self.hidden_size.is_multiple_of(self.num_attention_heads),
                "num_attention_heads",
                text(&self.num_attention_heads),
                "a divisor of hidden_size is expected",
            ),
            (
                PUBLISHED_WIDTHS.contains(&self.hidden_size)
                    && self.num_attention_heads * HEAD_WIDTH != self.hidden_size,
                "num_attention_heads",
                text(&self.num_attention_heads),
                "heads that are 64 wide are expected at this hidden_size",
            ),
            (
                self.num_conv_pos_embedding_groups == 0
                    || !self.hidden_size.is_multiple_of(self.num_conv_pos_embedding_groups),
                "num_conv_pos_embedding_groups",
                text(&self.num_conv_pos_embedding_groups),
                "a divisor of hidden_size is expected",
            ),
            (self.num_conv_pos_embeddings == 0, "num_conv_pos_embeddings", "0".to_owned(), ONE),
            (
                self.conv_dim.is_empty()
                    || convolutions.iter().any(|list| list.len() != self.conv_dim.len() || list.contains(&0)),
                "conv_dim, conv_kernel, conv_stride",
                text(&convolutions),
                "as many positive numbers in each are expected",
            ),
            (
                self.conv_stride.iter().zip(&self.conv_kernel).any(|(stride, kernel)| stride > kernel),
                "conv_stride",
                text(&self.conv_stride),
                "at most conv_kernel is expected: no sample is skipped",
            ),
            (
                self.conv_stride
                    .iter()
                    .try_fold(1, |hop: usize, stride| hop.checked_mul(*stride))
                    .is_none_or(|hop| hop > LONGEST_HOP),
                "conv_stride",
                text(&self.conv_stride),
                "frames at most a second apart are expected",
            ),
            (
                !(self.layer_norm_eps > 0.0 && self.layer_norm_eps < 1.0),
                "layer_norm_eps",
                text(&self.layer_norm_eps),
                "a small positive number is expected",
            ),
            (
                self.pad_token_id as usize >= self.vocab_size,
                "pad_token_id",
                text(&self.pad_token_id),
                "below vocab_size",
            ),
            (
                self.feat_extract_activation != "gelu",
                "feat_extract_activation",
                text(&self.feat_extract_activation),
                "only \"gelu\" is supported",
            ),
            (self.hidden_act != "gelu", "hidden_act", text(&self.hidden_act), "only \"gelu\" is supported"),
            (self.add_adapter, "add_adapter", "true".to_owned(), "only false is supported"),
            (
                self.adapter_attn_dim.is_some(),
                "adapter_attn_dim",
                text(&self.adapter_attn_dim),
                "models with an adapter for each language are not supported: null is expected",
            ),
        ];
        faults.into_iter().find(|(wrong, ..)| *wrong).map(|(_, field, value, expected)| (field, value, expected))
    }

    /// Samples between two frames.
    pub(super) fn hop(&self) -> usize {
        self.conv_stride.iter().product()
    }

    /// Samples in the receptive field of one frame.
    pub(super) fn receptive_field(&self) -> usize {
        let layers = self.conv_kernel.iter().zip(&self.conv_stride).rev();
        layers.fold(1, |field, (kernel, stride)| (field - 1) * stride + kernel)
    }

    /// Frames that the network computes from this many samples.
    pub(super) fn frames(&self, samples: usize) -> usize {
        let layers = self.conv_kernel.iter().zip(&self.conv_stride);
        layers.fold(samples, |len, (kernel, stride)| if len < *kernel { 0 } else { (len - kernel) / stride + 1 })
    }
}

/// How samples are prepared for the network, from `preprocessor_config.json`. `return_attention_mask` is ignored:
/// windows are never padded, so each is encoded as if it were alone.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub(super) struct Preprocessor {
    /// Whether each window is normalized to mean 0 and variance 1.
    pub(super) do_normalize: bool,
    sampling_rate: u32,
}

impl Default for Preprocessor {
    fn default() -> Self {
        Self { do_normalize: true, sampling_rate: SAMPLE_RATE_HZ }
    }
}

impl Preprocessor {
    /// Parses and checks `preprocessor_config.json`.
    pub(super) fn parse(file: &ModelFile) -> Result<Self, ModelError> {
        let config: Self = file.json()?;
        if config.sampling_rate == SAMPLE_RATE_HZ {
            return Ok(config);
        }
        let (path, value) = (file.path.clone(), config.sampling_rate.to_string());
        Err(ModelError::Field { path, field: "sampling_rate", value, expected: "16000 is expected" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<Wav2Vec2Config, ModelError> {
        Wav2Vec2Config::parse(&ModelFile { path: "config.json".into(), bytes: json.as_bytes().to_vec().into() })
    }

    #[test]
    fn config_of_an_empty_file_is_the_layout_of_base() {
        let config = parse("{}").unwrap();
        assert_eq!((config.hop(), config.receptive_field()), (320, 400));
        assert_eq!([399, 400, 719, 720, 16_000].map(|samples| config.frames(samples)), [0, 1, 1, 2, 49]);
        assert_eq!(config.topology, Topology::Ctc);
    }

    #[test]
    fn config_names_what_is_not_supported() {
        for (json, named) in [
            (r#"{"model_type": "hubert"}"#, "model_type"),
            (r#"{"hidden_act": "relu"}"#, "hidden_act"),
            (r#"{"num_attention_heads": 7}"#, "num_attention_heads"),
            (r#"{"conv_dim": [512]}"#, "conv_dim"),
            (r#"{"adapter_attn_dim": 16}"#, "adapter_attn_dim"),
            (r#"{"pad_token_id": 32}"#, "pad_token_id"),
            (r#"{"earwitness_topology": "words"}"#, "words"),
        ] {
            let error = stage_core::full_message(&parse(json).unwrap_err());
            assert!(error.contains(named) && error.starts_with("config.json"), "{json}: {error}");
        }
    }
}
