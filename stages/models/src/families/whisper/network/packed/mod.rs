//! The network for CPUs: packed weights and the kernels for them.

mod cache;
mod decoder;
mod encoder;

use candle_core::{Device, Result, Tensor};
use kernels::probe::span;
use kernels::{CpuPrecision, Mlp, Norm};

use self::decoder::Decoder;
use self::encoder::Encoder;
use super::{Backend, Row, StatesObserver, Text};
use crate::families::whisper::model_config::WhisperConfig;
use crate::families::whisper::unit::MelWindow;
use crate::weights::{LayerWeights, Tensors};

pub(in crate::families::whisper) use cache::Cache;

/// Encoder and decoder with packed weights.
#[derive(Debug)]
pub(in crate::families::whisper) struct Network {
    encoder: Encoder,
    decoder: Decoder,
}

impl Network {
    /// Packs the tensors under `model`, using all threads.
    pub(in crate::families::whisper) fn new(
        tensors: &Tensors<'_>,
        config: &WhisperConfig,
        alignment_heads: &[(usize, usize)],
        precision: CpuPrecision,
    ) -> Result<Self> {
        Ok(Self {
            encoder: Encoder::new(&tensors.pp("encoder"), config, precision)?,
            decoder: Decoder::new(&tensors.pp("decoder"), config, alignment_heads, precision)?,
        })
    }
}

impl Backend for Network {
    type Cache = Cache;

    const FINDS_TOKENS: bool = false;

    fn device(&self) -> &Device {
        &Device::Cpu
    }

    fn cache(&self, slots: usize, lanes: usize, tokens: usize) -> Result<Cache> {
        Ok(self.decoder.cache(slots, lanes, tokens))
    }

    /// Windows are encoded one after the other, because the matrices of one window are large enough.
    fn admit(
        &self,
        windows: &[(usize, &MelWindow)],
        cache: &mut Cache,
        mut observe: Option<&mut StatesObserver<'_>>,
    ) -> Result<()> {
        for (index, (slot, window)) in windows.iter().enumerate() {
            let audio = self.encoder.with_states(&window.features, |states, norm| {
                if let Some(observe) = &mut observe {
                    observe(index, &normalized(states, norm)?)?;
                }
                span("cross_kv_cache", &Device::Cpu, || self.decoder.kv_cache(states, norm))
            })?;
            cache.admit(*slot, audio);
        }
        Ok(())
    }

    fn step(&self, rows: &[Row], tokens: &[u32], cache: &mut Cache) -> Result<Tensor> {
        self.decoder.step(rows, tokens, cache)
    }

    fn logits(&self, text: Text<'_>, cache: &Cache) -> Result<Tensor> {
        self.decoder.logits_after(cache.audio(text.slot)?, text.tokens)
    }

    fn attention(&self, texts: &[Text<'_>], cache: &Cache) -> Result<Vec<Tensor>> {
        texts.iter().map(|text| self.decoder.attention(cache.audio(text.slot)?, text.tokens)).collect()
    }

    fn states_of(&self, window: &MelWindow) -> Result<Tensor> {
        self.encoder.with_states(&window.features, normalized)
    }
}

/// The encoder's states after its final norm.
fn normalized(states: &Tensor, norm: &Norm) -> Result<Tensor> {
    let of_width = |values: &[f32]| Tensor::new(values, states.device());
    candle_nn::ops::layer_norm(states, &of_width(&norm.weight)?, &of_width(&norm.bias)?, norm.epsilon)
}

/// Reads queries (scaled), keys and values of a self-attention, concatenated.
fn queries_kv_cache<'a>(tensors: &Tensors<'a>, width: usize, heads: usize) -> Result<LayerWeights<'a>> {
    Ok(LayerWeights::side_by_side(vec![
        LayerWeights::read(&tensors.pp("q_proj"), width, width)?.scaled(query_scale(width, heads)),
        LayerWeights::without_bias(&tensors.pp("k_proj"), width, width)?,
        LayerWeights::read(&tensors.pp("v_proj"), width, width)?,
    ]))
}

/// Reads a layer norm.
fn norm(tensors: &Tensors<'_>, width: usize) -> Result<Norm> {
    crate::weights::norm(tensors, width, 1e-5)
}

/// 1 / sqrt(width of a head).
fn query_scale(width: usize, heads: usize) -> f32 {
    ((width / heads) as f32).sqrt().recip()
}

/// Reads `final_layer_norm`, `fc1` and `fc2`.
fn mlp(tensors: &Tensors<'_>, width: usize, hidden: usize, precision: CpuPrecision) -> Result<Mlp> {
    Ok(Mlp {
        norm: norm(&tensors.pp("final_layer_norm"), width)?,
        up: LayerWeights::read(&tensors.pp("fc1"), width, hidden)?.pack(precision),
        down: LayerWeights::read(&tensors.pp("fc2"), hidden, width)?.pack(precision),
    })
}
