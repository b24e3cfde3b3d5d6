//! The encoder: two convolutions, stored position embeddings, pre-norm layers.

use candle_core::{Result, Tensor};
use candle_nn::{LayerNorm, Module, VarBuilder};

use super::attention::Attention;
use super::conv::Conv;
use super::layers::{Mlp, layer_norm};
use crate::families::whisper::model_config::WhisperConfig;

/// The encoder of the network.
#[derive(Debug)]
pub(super) struct Encoder {
    conv1: Conv,
    conv2: Conv,
    /// `[positions, width]`.
    positions: Tensor,
    layers: Vec<Layer>,
    norm: LayerNorm,
}

#[derive(Debug)]
struct Layer {
    norm: LayerNorm,
    attention: Attention,
    mlp: Mlp,
}

impl Encoder {
    /// Reads the tensors under `model.encoder`.
    pub(super) fn new(tensors: &VarBuilder<'_>, config: &WhisperConfig) -> Result<Self> {
        let width = config.d_model;
        let layer = |index: usize| {
            let tensors = tensors.pp("layers").pp(index);
            Ok(Layer {
                norm: layer_norm(&tensors.pp("self_attn_layer_norm"), width)?,
                attention: Attention::new(&tensors.pp("self_attn"), width, config.encoder_attention_heads)?,
                mlp: Mlp::new(&tensors, width, config.encoder_ffn_dim)?,
            })
        };
        Ok(Self {
            conv1: Conv::new(&tensors.pp("conv1"), config.num_mel_bins, width, 1)?,
            conv2: Conv::new(&tensors.pp("conv2"), width, width, 2)?,
            positions: tensors.get((config.max_source_positions, width), "embed_positions.weight")?,
            layers: (0..config.encoder_layers).map(layer).collect::<Result<_>>()?,
            norm: layer_norm(&tensors.pp("layer_norm"), width)?,
        })
    }

    /// Computes states `[batch, positions, width]` from log-mel features `[batch, 2 * positions, bands]`.
    pub(super) fn forward(&self, mel: &Tensor) -> Result<Tensor> {
        let mel = mel.to_dtype(self.positions.dtype())?;
        let x = self.conv2.forward(&self.conv1.forward(&mel)?)?;
        let x = x.broadcast_add(&self.positions.narrow(0, 0, x.dim(1)?)?)?;
        let x = self.layers.iter().try_fold(x, |x, layer| layer.forward(&x))?;
        self.norm.forward(&x)
    }
}

impl Layer {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let normed = self.norm.forward(x)?;
        let (keys, values) = self.attention.keys_and_values(&normed)?;
        let (mixed, _) = self.attention.attend(&self.attention.queries(&normed)?, (&keys, &values), None)?;
        self.mlp.forward(&(x + self.attention.project(&mixed)?)?)
    }
}
