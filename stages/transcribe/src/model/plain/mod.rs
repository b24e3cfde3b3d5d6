//! The network in candle's own operations, on any device: what the other networks are tested against, and what computes
//! where neither has kernels.

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
use super::{Row, Text};
use crate::config::WhisperConfig;
use crate::window::MelWindow;

pub(crate) use cache::Cache;

/// Encoder and decoder in the type of their tensors.
#[derive(Debug)]
pub(crate) struct Network {
    encoder: Encoder,
    decoder: Decoder,
    device: Device,
    bands: usize,
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
        })
    }

    /// States `[batch, positions, width]` of windows.
    pub(super) fn states(&self, windows: &[&MelWindow], positions: usize) -> Result<Tensor> {
        let shape = (1, 2 * positions, self.bands);
        let mel = |window: &&MelWindow| {
            Tensor::from_slice(&window.features[..2 * positions * self.bands], shape, &self.device)
        };
        let batch = windows.iter().map(mel).collect::<Result<Vec<_>>>()?;
        self.encoder.forward(&Tensor::cat(&batch, 0)?)
    }

    /// Encodes windows into slots of the cache.
    pub(super) fn admit(&self, windows: &[(usize, &MelWindow)], positions: usize, cache: &mut Cache) -> Result<()> {
        let (slots, windows): (Vec<_>, Vec<_>) = windows.iter().copied().unzip();
        let audio = self.decoder.keys_values(&self.states(&windows, positions)?)?;
        slots.into_iter().zip(audio).try_for_each(|(slot, audio)| cache.admit(slot, &audio))
    }

    pub(super) fn cache(&self, slots: usize, lanes: usize, tokens: usize) -> Result<Cache> {
        self.decoder.cache(slots, lanes, tokens)
    }

    pub(super) fn step(&self, rows: &[Row], tokens: &[u32], cache: &mut Cache) -> Result<Tensor> {
        self.decoder.step(rows, tokens, cache)
    }

    pub(super) fn logits(&self, text: Text<'_>, cache: &Cache) -> Result<Tensor> {
        Ok(self.decoder.attend(text, cache)?.0)
    }

    pub(super) fn attention(&self, text: Text<'_>, cache: &Cache) -> Result<Tensor> {
        Ok(self.decoder.attend(text, cache)?.1)
    }
}
