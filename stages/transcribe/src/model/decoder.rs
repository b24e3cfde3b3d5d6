//! The decoder: one step takes the tokens that are new and gives the logits of the last.

use candle_core::{Device, Result, Tensor};
use candle_nn::{LayerNorm, Module, VarBuilder};

use super::attention::Attention;
use super::cache::{Audio, KeysAndValues, Lane};
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

    /// What cross-attention needs of one window's encoder states (`[1, positions, width]`).
    pub(super) fn hear(&self, states: &Tensor) -> Result<Audio> {
        let layer = |layer: &Layer| {
            let (keys, values) = layer.cross_attention.keys_and_values(states)?;
            Ok((keys.contiguous()?, values.contiguous()?))
        };
        Ok(Audio(self.layers.iter().map(layer).collect::<Result<_>>()?))
    }

    /// Feeds tokens after those of `lane`; gives the states `[1, n, width]` behind the last norm and the alignment
    /// heads' cross-attention weights `[1, heads, n, positions]`.
    pub(super) fn forward(&self, tokens: &[u32], lane: &mut Lane, audio: &Audio) -> Result<(Tensor, Tensor)> {
        let n = tokens.len();
        let device = self.embedding.device();
        let embedded = self.embedding.index_select(&Tensor::new(tokens, device)?, 0)?.unsqueeze(0)?;
        let mut x = embedded.broadcast_add(&self.positions.narrow(0, lane.len, n)?)?;
        let mask = if n > 1 { Some(causal_mask(n, lane.len, device)?) } else { None };
        let mut attention = Vec::new();
        let mut kept = Vec::with_capacity(self.layers.len());
        for (index, layer) in self.layers.iter().enumerate() {
            let (y, weights, tokens) = layer.forward(&x, lane.layers.get(index), &audio.0[index], mask.as_ref())?;
            x = y;
            kept.push(tokens);
            if let Some(heads) = &layer.alignment_heads {
                attention.push(weights.index_select(heads, 1)?);
            }
        }
        *lane = Lane { len: lane.len + n, layers: kept };
        Ok((self.norm.forward(&x)?, Tensor::cat(&attention, 1)?))
    }

    /// Logits `[n, vocabulary]` of states `[n, width]`.
    pub(super) fn logits(&self, states: &Tensor) -> Result<Tensor> {
        states.contiguous()?.matmul(&self.embedding.t()?)
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

    /// The layer's output, the weights of its cross-attention, and the tokens' keys and values with the new ones.
    fn forward(
        &self,
        x: &Tensor,
        before: Option<&KeysAndValues>,
        audio: &KeysAndValues,
        mask: Option<&Tensor>,
    ) -> Result<(Tensor, Tensor, KeysAndValues)> {
        let normed = self.self_norm.forward(x)?;
        let (keys, values) = self.self_attention.keys_and_values(&normed)?;
        let (keys, values) = match before {
            Some(before) => (Tensor::cat(&[&before.0, &keys], 2)?, Tensor::cat(&[&before.1, &values], 2)?),
            None => (keys.contiguous()?, values.contiguous()?),
        };
        let (attended, _) = self.self_attention.forward(&normed, &keys, &values, mask)?;
        let x = (x + attended)?;
        let (attended, weights) =
            self.cross_attention.forward(&self.cross_norm.forward(&x)?, &audio.0, &audio.1, None)?;
        Ok((self.mlp.forward(&(x + attended)?)?, weights, (keys, values)))
    }
}

/// `[n, len + n]`: minus infinity where a new token would see one after itself.
fn causal_mask(n: usize, len: usize, device: &Device) -> Result<Tensor> {
    let visible = |row: usize| (0..len + n).map(move |key| if key <= len + row { 0.0 } else { f32::NEG_INFINITY });
    Tensor::from_iter((0..n).flat_map(visible), device)?.reshape((n, len + n))
}
