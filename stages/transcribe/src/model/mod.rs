//! The Whisper network (Radford et al. 2022), with the tensor names of transformers' implementation.
//!
//! ```text
//! mel [batch, 2 positions, bands] -> encoder -> [batch, positions, width]
//! tokens [batch, n] + cache       -> decoder -> logits [batch, vocabulary] of the last token
//! ```
//!
//! Everything is computed in f32, whatever the type of the stored weights.

mod attention;
mod cache;
mod conv;
mod decoder;
mod encoder;
mod layers;
#[cfg(test)]
mod tests;

use candle_core::{Device, Result, Tensor};
use candle_nn::VarBuilder;
use rayon::prelude::*;

use crate::config::WhisperConfig;
use crate::window::MelWindow;

pub(crate) use cache::Cache;
pub(crate) use decoder::{Decoder, Step};
use encoder::Encoder;

/// Encoder and decoder on one device.
#[derive(Debug)]
pub(crate) struct Whisper {
    encoder: Encoder,
    /// The text side.
    pub(crate) decoder: Decoder,
    device: Device,
    mel_shape: (usize, usize, usize),
}

impl Whisper {
    /// Builds the network from its tensors. Cross-attention weights of `alignment_heads` (layer, head) are given out
    /// by every decoder step.
    pub(crate) fn new(
        tensors: &VarBuilder<'_>,
        config: &WhisperConfig,
        alignment_heads: &[(usize, usize)],
    ) -> Result<Self> {
        let tensors = tensors.pp("model");
        Ok(Self {
            encoder: Encoder::new(&tensors.pp("encoder"), config)?,
            decoder: Decoder::new(&tensors.pp("decoder"), config, alignment_heads)?,
            device: tensors.device().clone(),
            mel_shape: (1, config.mel_frames(), config.num_mel_bins),
        })
    }

    /// Encoder states `[batch, positions, width]` of a batch of windows.
    ///
    /// On a processor each window is encoded by itself, several at a time: the matrices are large enough alone, and
    /// the attention scores of a whole batch would outgrow the caches.
    pub(crate) fn encode(&self, windows: &[MelWindow]) -> Result<Tensor> {
        let mel = |window: &MelWindow| Tensor::from_slice(&window.features, self.mel_shape, &self.device);
        if self.device.is_cpu() {
            let states = windows.par_iter().map(|window| self.encoder.forward(&mel(window)?));
            return Tensor::cat(&states.collect::<Result<Vec<_>>>()?, 0);
        }
        let batch = windows.iter().map(mel).collect::<Result<Vec<_>>>()?;
        self.encoder.forward(&Tensor::cat(&batch, 0)?)
    }

    /// Feeds the next tokens of every row, as many for each, and gives the answer for the last.
    pub(crate) fn step(&self, tokens: &[Vec<u32>], cache: &mut Cache) -> Result<Step> {
        let shape = (tokens.len(), tokens.first().map_or(0, Vec::len));
        self.decoder.step(&Tensor::from_vec(tokens.concat(), shape, &self.device)?, cache)
    }
}
