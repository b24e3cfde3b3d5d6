//! The network for GPUs: cuBLAS matrix products, with the kernels of [`kernels::fused`] between them.
//!
//! All activations are rows, as matrix products produce them: `[windows * positions, width]` in the encoder and
//! `[queries, width]` in the decoder. A query is one new token of one hypothesis; hypotheses may have different
//! lengths. Nothing is transposed, padded or masked. On a CPU, the same network runs on the reference implementations
//! of the kernels, for tests.

mod cache;
mod decoder;
mod encoder;
mod layers;

use candle_core::{Device, Result, Tensor};
use candle_nn::VarBuilder;
use kernels::fused;
use kernels::probe::span;

use self::decoder::Decoder;
use self::encoder::Encoder;
use super::{Backend, Row, StatesObserver, Text, observe_each};
use crate::families::whisper::model_config::WhisperConfig;
use crate::families::whisper::unit::MelWindow;

pub(in crate::families::whisper) use cache::Cache;

/// Encoder and decoder. They compute in the type of their tensors.
#[derive(Debug)]
pub(in crate::families::whisper) struct Network {
    encoder: Encoder,
    decoder: Decoder,
    device: Device,
    bands: usize,
    positions: usize,
}

/// Whether this network supports a device and a model.
pub(super) fn is_supported(device: &Device, config: &WhisperConfig) -> bool {
    let has_heads = |heads: usize| config.d_model == heads * fused::HEAD_WIDTH;
    let has_widths = |hidden: usize| config.d_model <= fused::WIDEST && hidden.is_multiple_of(fused::VECTOR);
    fused::is_supported(device)
        && has_heads(config.encoder_attention_heads)
        && has_heads(config.decoder_attention_heads)
        && has_widths(config.encoder_ffn_dim)
        && has_widths(config.decoder_ffn_dim)
}

impl Network {
    /// Reads the tensors under `model`.
    pub(in crate::families::whisper) fn new(
        tensors: &VarBuilder<'_>,
        config: &WhisperConfig,
        alignment_heads: &[(usize, usize)],
    ) -> Result<Self> {
        fused::prepare(tensors.device())?;
        Ok(Self {
            encoder: Encoder::new(&tensors.pp("encoder"), config)?,
            decoder: Decoder::new(&tensors.pp("decoder"), config, alignment_heads)?,
            device: tensors.device().clone(),
            bands: config.num_mel_bins,
            positions: config.max_source_positions,
        })
    }

    /// Encoder states `[windows, positions, width]` of windows.
    fn states(&self, windows: &[&MelWindow]) -> Result<Tensor> {
        let frames = 2 * self.positions;
        // Each window is copied to the device separately: concatenating them on the host took longer than the copy.
        let features = |window: &&MelWindow| {
            let features = &window.features[..frames * self.bands];
            Tensor::from_slice(features, (1, frames, self.bands), &self.device)
        };
        let mel = span("encoder.input", &self.device, || {
            Tensor::cat(&windows.iter().map(features).collect::<Result<Vec<_>>>()?, 0)
        })?;
        self.encoder.forward(&mel)
    }
}

impl Backend for Network {
    type Cache = Cache;

    const FINDS_TOKENS: bool = true;

    fn device(&self) -> &Device {
        &self.device
    }

    fn cache(&self, slots: usize, lanes: usize, tokens: usize) -> Result<Cache> {
        self.decoder.cache(slots, lanes, tokens, self.positions)
    }

    fn admit(
        &self,
        windows: &[(usize, &MelWindow)],
        cache: &mut Cache,
        observe: Option<&mut StatesObserver<'_>>,
    ) -> Result<()> {
        let (slots, windows): (Vec<_>, Vec<_>) = windows.iter().copied().unzip();
        let states = self.states(&windows)?;
        observe_each(observe, &states)?;
        self.decoder.admit(&slots, &states, cache)
    }

    fn step(&self, rows: &[Row], tokens: &[u32], cache: &mut Cache) -> Result<Tensor> {
        self.decoder.step(rows, tokens, cache)
    }

    fn logits(&self, text: Text<'_>, cache: &Cache) -> Result<Tensor> {
        self.decoder.logits_after(text, cache)
    }

    fn attention(&self, texts: &[Text<'_>], cache: &Cache) -> Result<Vec<Tensor>> {
        self.decoder.attention(texts, cache)
    }

    fn states_of(&self, window: &MelWindow) -> Result<Tensor> {
        self.states(&[window])?.squeeze(0)
    }
}
