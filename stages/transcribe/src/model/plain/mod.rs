//! The network in candle's own operations, on any device: what a GPU computes, and what the packed network is tested
//! against.

mod attention;
mod cache;
mod conv;
mod decoder;
mod encoder;
mod layers;

use candle_core::{Device, Result, Tensor};
use candle_nn::VarBuilder;

use self::decoder::Decoder;
use self::encoder::Encoder;
use super::Row;
use crate::config::WhisperConfig;
use crate::window::MelWindow;

pub(crate) use cache::{Audio, Cache};

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

    pub(super) fn hear(&self, windows: &[&MelWindow], positions: usize) -> Result<Vec<Audio>> {
        self.decoder.hear(&self.states(windows, positions)?)
    }

    pub(super) fn cache(&self, slots: usize, lanes: usize, tokens: usize) -> Result<Cache> {
        self.decoder.cache(slots, lanes, tokens)
    }

    pub(super) fn step(&self, rows: &[Row], tokens: &[u32], cache: &mut Cache) -> Result<Tensor> {
        self.decoder.step(rows, tokens, cache)
    }

    pub(super) fn attend(&self, slot: usize, tokens: &[u32], cache: &Cache) -> Result<(Tensor, Tensor)> {
        self.decoder.attend(slot, tokens, cache)
    }
}
