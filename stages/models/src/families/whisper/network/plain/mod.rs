//! The network in candle's own operations, on any device. It is the reference for the other networks, and the fallback
//! if neither of them has kernels.

mod attention;
pub(super) mod cache;
pub(super) mod conv;
mod decoder;
mod encoder;
pub(super) mod layers;

use candle_core::{Device, Result, Tensor};
use candle_nn::VarBuilder;

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

impl Network {
    /// Reads the tensors under `model`.
    pub(super) fn new(
        tensors: &VarBuilder<'_>,
        config: &WhisperConfig,
        alignment_heads: &[(usize, usize)],
    ) -> Result<Self> {
        Ok(Self {
            encoder: Encoder::new(&tensors.pp("encoder"), config)?,
            decoder: Decoder::new(&tensors.pp("decoder"), config, alignment_heads)?,
            device: tensors.device().clone(),
            bands: config.num_mel_bins,
            positions: config.max_source_positions,
        })
    }

    /// Encoder states `[batch, positions, width]` of windows.
    fn states(&self, windows: &[&MelWindow]) -> Result<Tensor> {
        let shape = (1, 2 * self.positions, self.bands);
        let mel = |window: &&MelWindow| {
            Tensor::from_slice(&window.features[..2 * self.positions * self.bands], shape, &self.device)
        };
        let batch = windows.iter().map(mel).collect::<Result<Vec<_>>>()?;
        self.encoder.forward(&Tensor::cat(&batch, 0)?)
    }
}

impl Backend for Network {
    type Cache = Cache;

    const FINDS_TOKENS: bool = false;

    fn device(&self) -> &Device {
        &self.device
    }

    fn cache(&self, slots: usize, lanes: usize, tokens: usize) -> Result<Cache> {
        self.decoder.cache(slots, lanes, tokens)
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
        let audio = self.decoder.kv_cache(&states)?;
        slots.into_iter().zip(audio).try_for_each(|(slot, audio)| cache.admit(slot, &audio))
    }

    fn step(&self, rows: &[Row], tokens: &[u32], cache: &mut Cache) -> Result<Tensor> {
        self.decoder.step(rows, tokens, cache)
    }

    fn logits(&self, text: Text<'_>, cache: &Cache) -> Result<Tensor> {
        Ok(self.decoder.attend(text, cache)?.0)
    }

    fn attention(&self, texts: &[Text<'_>], cache: &Cache) -> Result<Vec<Tensor>> {
        texts.iter().map(|text| Ok(self.decoder.attend(*text, cache)?.1)).collect()
    }

    fn states_of(&self, window: &MelWindow) -> Result<Tensor> {
        self.states(&[window])?.squeeze(0)
    }
}
