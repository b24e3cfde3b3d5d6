//! The Whisper network (Radford et al. 2022), with the tensor names of transformers' implementation.
//!
//! ```text
//! mel [2 positions, bands] -> encoder -> what the decoder's cross-attention needs
//! n tokens a row + cache   -> decoder -> logits [rows, vocabulary] of the last token
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

use crate::config::WhisperConfig;
use crate::window::MelWindow;

use cache::Lane;
pub(crate) use cache::{Audio, Cache};
use decoder::Decoder;
use encoder::Encoder;

/// One hypothesis of one window in a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) slot: usize,
    pub(crate) lane: usize,
}

/// Encoder and decoder on one device.
#[derive(Debug)]
pub(crate) struct Whisper {
    encoder: Encoder,
    decoder: Decoder,
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

    /// Where the network computes.
    pub(crate) const fn device(&self) -> &Device {
        &self.device
    }

    /// Encodes windows: per window, what the decoder's cross-attention needs of it.
    pub(crate) fn encode(&self, windows: &[&MelWindow]) -> Result<Vec<Audio>> {
        windows.iter().map(|window| self.decoder.hear(&self.states(window)?)).collect()
    }

    /// Encoder states `[1, positions, width]` of a window.
    pub(crate) fn states(&self, window: &MelWindow) -> Result<Tensor> {
        self.encoder.forward(&Tensor::from_slice(&window.features, self.mel_shape, &self.device)?)
    }

    /// A cache of `slots` windows with `lanes` hypotheses each, of at most `tokens` tokens.
    pub(crate) fn cache(&self, slots: usize, lanes: usize, tokens: usize) -> Result<Cache> {
        Ok(Cache::new(slots, lanes, tokens))
    }

    /// Feeds the next `n` tokens of each row (`tokens` is `[rows * n]`, row-major; rows may have different lengths so
    /// far) and gives the logits `[rows, vocabulary]` of each row's last token.
    pub(crate) fn step(&self, rows: &[Row], tokens: &[u32], cache: &mut Cache) -> Result<Tensor> {
        let n = tokens.len() / rows.len().max(1);
        let mut last = Vec::with_capacity(rows.len());
        for (row, tokens) in rows.iter().zip(tokens.chunks_exact(n)) {
            let mut lane = cache.lane(*row).clone();
            let (states, _) = self.decoder.forward(tokens, &mut lane, cache.audio(row.slot)?)?;
            cache.put(*row, lane)?;
            last.push(self.decoder.logits(&states.squeeze(0)?.narrow(0, n - 1, 1)?)?);
        }
        Tensor::cat(&last, 0)
    }

    /// Teacher-forced pass over `tokens` for the window in `slot`, whose lanes it leaves alone: logits
    /// `[n, vocabulary]` and the alignment heads' cross-attention weights `[heads, n, positions]`.
    pub(crate) fn attend(&self, slot: usize, tokens: &[u32], cache: &Cache) -> Result<(Tensor, Tensor)> {
        let (states, attention) = self.decoder.forward(tokens, &mut Lane::default(), cache.audio(slot)?)?;
        Ok((self.decoder.logits(&states.squeeze(0)?)?, attention.squeeze(0)?))
    }
}
