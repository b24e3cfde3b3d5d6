//! The network on a processor: packed weights and the kernels for them.

mod cache;
mod decoder;
mod encoder;

use candle_core::{Device, Result, Tensor};
use kernels::probe::span;
use kernels::{Mlp, Norm, Precision};
use nn::{LayerWeights, Tensors};

use self::decoder::Decoder;
use self::encoder::Encoder;
use super::{Row, Text};
use crate::config::WhisperConfig;
use crate::window::MelWindow;

pub(crate) use cache::Cache;

/// Encoder and decoder with packed weights.
#[derive(Debug)]
pub(crate) struct Network {
    encoder: Encoder,
    decoder: Decoder,
}

impl Network {
    /// Packs the network from its tensors (under `model`), on all threads.
    pub(super) fn new(
        tensors: &Tensors<'_>,
        config: &WhisperConfig,
        alignment_heads: &[(usize, usize)],
        precision: Precision,
    ) -> Result<Self> {
        Ok(Self {
            encoder: Encoder::new(&tensors.pp("encoder"), config, precision)?,
            decoder: Decoder::new(&tensors.pp("decoder"), config, alignment_heads, precision)?,
        })
    }

    /// A window's states `[positions, width]`.
    #[cfg(test)]
    pub(super) fn states(&self, window: &MelWindow) -> Result<Tensor> {
        self.encoder.with_states(&window.features, |states, norm| {
            let of_width = |values: &[f32]| Tensor::new(values, states.device());
            candle_nn::ops::layer_norm(states, &of_width(&norm.weight)?, &of_width(&norm.bias)?, norm.epsilon)
        })
    }

    /// Encodes a window into a slot of the cache.
    pub(super) fn admit(&self, slot: usize, window: &MelWindow, cache: &mut Cache) -> Result<()> {
        let keys_values = |states: &Tensor, norm: &Norm| {
            span("cross_keys_values", &Device::Cpu, || self.decoder.keys_values(states, norm))
        };
        cache.admit(slot, self.encoder.with_states(&window.features, keys_values)?);
        Ok(())
    }

    pub(super) fn cache(&self, slots: usize, lanes: usize, tokens: usize) -> Cache {
        self.decoder.cache(slots, lanes, tokens)
    }

    pub(super) fn step(&self, rows: &[Row], tokens: &[u32], cache: &mut Cache) -> Result<Tensor> {
        self.decoder.step(rows, tokens, cache)
    }

    pub(super) fn logits(&self, text: Text<'_>, cache: &Cache) -> Result<Tensor> {
        self.decoder.logits_after(cache.audio(text.slot)?, text.tokens)
    }

    pub(super) fn attention(&self, text: Text<'_>, cache: &Cache) -> Result<Tensor> {
        self.decoder.attention(cache.audio(text.slot)?, text.tokens)
    }
}

/// Reads queries (scaled), keys and values of a self-attention, side by side.
fn queries_keys_values<'a>(tensors: &Tensors<'a>, width: usize, heads: usize) -> Result<LayerWeights<'a>> {
    Ok(LayerWeights::side_by_side(vec![
        LayerWeights::read(&tensors.pp("q_proj"), width, width)?.scaled(query_scale(width, heads)),
        LayerWeights::without_bias(&tensors.pp("k_proj"), width, width)?,
        LayerWeights::read(&tensors.pp("v_proj"), width, width)?,
    ]))
}

/// Reads a layer norm.
fn norm(tensors: &Tensors<'_>, width: usize) -> Result<Norm> {
    nn::norm(tensors, width, 1e-5)
}

/// 1 / sqrt(width of a head).
fn query_scale(width: usize, heads: usize) -> f32 {
    ((width / heads) as f32).sqrt().recip()
}

/// Reads `final_layer_norm`, `fc1` and `fc2`.
fn mlp(tensors: &Tensors<'_>, width: usize, hidden: usize, precision: Precision) -> Result<Mlp> {
    Ok(Mlp {
        norm: norm(&tensors.pp("final_layer_norm"), width)?,
        up: LayerWeights::read(&tensors.pp("fc1"), width, hidden)?.pack(precision),
        down: LayerWeights::read(&tensors.pp("fc2"), hidden, width)?.pack(precision),
    })
}
