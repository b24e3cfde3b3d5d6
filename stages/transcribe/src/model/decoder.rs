//! The decoder: one step takes the tokens that are new and gives the logits of the last.

use candle_core::{Device, Result, Tensor};
use candle_nn::{LayerNorm, Module, VarBuilder};

use super::attention::Attention;
use super::cache::{Cache, LayerCache};
use super::layers::{Mlp, layer_norm};
use crate::config::WhisperConfig;

/// The text side of the network.
#[derive(Debug)]
pub(crate) struct Decoder {
    /// `[vocabulary, width]`; the output layer is its transpose.
    embedding: Tensor,
    /// `[positions, width]`.
    positions: Tensor,
    layers: Vec<Layer>,
    norm: LayerNorm,
}

#[derive(Debug)]
struct Layer {
    self_norm: LayerNorm,
    self_attention: Attention,
    cross_norm: LayerNorm,
    cross_attention: Attention,
    /// Cross-attention heads whose weights are given out (u32), where this layer has any.
    alignment_heads: Option<Tensor>,
    mlp: Mlp,
}

/// The answer of one step.
#[derive(Debug)]
pub(crate) struct Step {
    /// `[batch, vocabulary]`, of the last token.
    pub(crate) logits: Tensor,
    /// `[batch, alignment heads, n, positions of the encoder]`: cross-attention weights, rows sum to 1.
    pub(crate) attention: Tensor,
}

impl Decoder {
    /// Reads the tensors under `model.decoder`.
    pub(super) fn new(
        tensors: &VarBuilder<'_>,
        config: &WhisperConfig,
        alignment_heads: &[(usize, usize)],
    ) -> Result<Self> {
        let width = config.d_model;
        let heads_of = |layer: usize| -> Vec<u32> {
            alignment_heads.iter().filter(|head| head.0 == layer).map(|head| head.1 as u32).collect()
        };
        let layer = |index: usize| Layer::new(&tensors.pp("layers").pp(index), config, &heads_of(index));
        Ok(Self {
            embedding: tensors.get((config.vocab_size, width), "embed_tokens.weight")?,
            positions: tensors.get((config.max_target_positions, width), "embed_positions.weight")?,
            layers: (0..config.decoder_layers).map(layer).collect::<Result<_>>()?,
            norm: layer_norm(&tensors.pp("layer_norm"), width)?,
        })
    }

    /// The cache of a batch of encoder states (`[batch, positions, width]`), with room for `capacity` tokens.
    pub(crate) fn start(&self, states: &Tensor, capacity: usize) -> Result<Cache> {
        let layer = |layer: &Layer| {
            let (keys, values) = layer.cross_attention.keys_and_values(states)?;
            LayerCache::new((keys.contiguous()?, values.contiguous()?), capacity)
        };
        Ok(Cache { layers: self.layers.iter().map(layer).collect::<Result<_>>()?, len: 0 })
    }

    /// Feeds the next tokens (`[batch, n]`, u32) of every row.
    pub(crate) fn step(&self, tokens: &Tensor, cache: &mut Cache) -> Result<Step> {
        let (batch, n) = tokens.dims2()?;
        let embedded = self.embedding.index_select(&tokens.flatten_all()?, 0)?.reshape((batch, n, ()))?;
        let mut x = embedded.broadcast_add(&self.positions.narrow(0, cache.len, n)?)?;
        let mask = if n > 1 { Some(causal_mask(n, cache.len, x.device())?) } else { None };
        let mut attention = Vec::new();
        for (layer, cached) in self.layers.iter().zip(&cache.layers) {
            let weights;
            (x, weights) = layer.forward(&x, cached, cache.len, mask.as_ref())?;
            if let Some(heads) = &layer.alignment_heads {
                attention.push(weights.index_select(heads, 1)?);
            }
        }
        cache.len += n;
        let last = self.norm.forward(&x.narrow(1, n - 1, 1)?.squeeze(1)?.contiguous()?)?;
        Ok(Step { logits: last.matmul(&self.embedding.t()?)?, attention: Tensor::cat(&attention, 1)? })
    }
}

impl Layer {
    fn new(tensors: &VarBuilder<'_>, config: &WhisperConfig, alignment_heads: &[u32]) -> Result<Self> {
        let (width, heads) = (config.d_model, config.decoder_attention_heads);
        let alignment_heads = match alignment_heads {
            [] => None,
            heads => Some(Tensor::new(heads, tensors.device())?),
        };
        Ok(Self {
            self_norm: layer_norm(&tensors.pp("self_attn_layer_norm"), width)?,
            self_attention: Attention::new(&tensors.pp("self_attn"), width, heads)?,
            cross_norm: layer_norm(&tensors.pp("encoder_attn_layer_norm"), width)?,
            cross_attention: Attention::new(&tensors.pp("encoder_attn"), width, heads)?,
            alignment_heads,
            mlp: Mlp::new(tensors, width, config.decoder_ffn_dim)?,
        })
    }

    /// The layer's output and the weights of its cross-attention.
    fn forward(&self, x: &Tensor, cached: &LayerCache, len: usize, mask: Option<&Tensor>) -> Result<(Tensor, Tensor)> {
        let normed = self.self_norm.forward(x)?;
        let (keys, values) = cached.append(&self.self_attention.keys_and_values(&normed)?, len)?;
        let (attended, _) = self.self_attention.forward(&normed, &keys, &values, mask)?;
        let x = (x + attended)?;
        let (keys, values) = &cached.audio;
        let (attended, weights) = self.cross_attention.forward(&self.cross_norm.forward(&x)?, keys, values, None)?;
        Ok((self.mlp.forward(&(x + attended)?)?, weights))
    }
}

/// `[n, len + n]`: minus infinity where a new token would see one after itself.
fn causal_mask(n: usize, len: usize, device: &Device) -> Result<Tensor> {
    let visible = |row: usize| (0..len + n).map(move |key| if key <= len + row { 0.0 } else { f32::NEG_INFINITY });
    Tensor::from_iter((0..n).flat_map(visible), device)?.reshape((n, len + n))
}
