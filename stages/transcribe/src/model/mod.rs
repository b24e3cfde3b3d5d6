//! The Whisper network (Radford et al. 2022), with the tensor names of transformers' implementation.
//!
//! ```text
//! features [2 * positions, bands] -> encoder -> states [positions, width] -> keys and values of every decoder layer
//! tokens + cache                  -> decoder -> logits [vocabulary] of the last token
//! ```
//!
//! Windows lie in the slots of a [`Cache`], each with its hypotheses in lanes. There are two networks with one face:
//! [`packed`] for a processor, in any [`Precision`], and [`plain`] in candle's operations for everything else.

mod packed;
mod plain;
#[cfg(test)]
mod tests;

use candle_core::{Device, Result, Tensor, bail};
use candle_nn::VarBuilder;
use kernels::{Isa, Precision};

use crate::config::WhisperConfig;
use crate::window::MelWindow;

/// Encoder and decoder on one device.
#[derive(Debug)]
pub(crate) struct Whisper {
    network: Network,
    device: Device,
    positions: usize,
}

#[derive(Debug)]
enum Network {
    Packed(Box<packed::Network>),
    Plain(Box<plain::Network>),
}

/// What the decoder needs of one window: its keys and values in every layer.
#[derive(Debug)]
pub(crate) enum Audio {
    /// Of the packed network.
    Packed(packed::Audio),
    /// Of the plain network.
    Plain(plain::Audio),
}

/// What the decoder keeps of the windows in its slots and of their hypotheses in lanes.
#[derive(Debug)]
pub(crate) enum Cache {
    /// Of the packed network.
    Packed(packed::Cache),
    /// Of the plain network.
    Plain(plain::Cache),
}

/// One hypothesis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    /// Of its window.
    pub(crate) slot: usize,
    /// Among the window's hypotheses.
    pub(crate) lane: usize,
}

impl Whisper {
    /// Builds the network from its tensors: with `kernels`, they are f32 on a processor and are packed in that
    /// precision; without, and for f32 on a processor that the kernels have no instructions for, candle computes in
    /// their type.
    pub(crate) fn new(
        tensors: &VarBuilder<'_>,
        config: &WhisperConfig,
        alignment_heads: &[(usize, usize)],
        kernels: Option<Precision>,
    ) -> Result<Self> {
        let tensors = tensors.pp("model");
        let candle_is_better = |precision: &Precision| *precision == Precision::F32 && Isa::detect() == Isa::Portable;
        let network = match kernels.filter(|precision| !candle_is_better(precision)) {
            Some(precision) => {
                Network::Packed(Box::new(packed::Network::new(&tensors, config, alignment_heads, precision)?))
            }
            None => Network::Plain(Box::new(plain::Network::new(&tensors, config, alignment_heads)?)),
        };
        Ok(Self { network, device: tensors.device().clone(), positions: config.max_source_positions })
    }

    /// Whether the kernels compute, and each window may have a length of its own.
    pub(crate) const fn is_packed(&self) -> bool {
        matches!(self.network, Network::Packed(_))
    }

    /// Where the network computes.
    pub(crate) const fn device(&self) -> &Device {
        &self.device
    }

    /// Encodes windows: per window, what the decoder's cross-attention needs of it. A processor takes them one after
    /// the other: the matrices are large enough alone. With `padding` the packed network hears so many positions behind
    /// a window and no more; others always hear all.
    pub(crate) fn encode(&self, windows: &[&MelWindow], padding: Option<usize>) -> Result<Vec<Audio>> {
        match &self.network {
            Network::Packed(network) => {
                let heard = |window: &MelWindow| padding.map_or(self.positions, |padding| window.positions + padding);
                let hear = |window: &&MelWindow| network.hear(window, heard(window).min(self.positions));
                windows.iter().map(|window| Ok(Audio::Packed(hear(window)?))).collect()
            }
            Network::Plain(network) => {
                Ok(network.hear(windows, self.positions)?.into_iter().map(Audio::Plain).collect())
            }
        }
    }

    /// A cache of `slots` windows with `lanes` hypotheses each, of at most `tokens` tokens.
    pub(crate) fn cache(&self, slots: usize, lanes: usize, tokens: usize) -> Result<Cache> {
        Ok(match &self.network {
            Network::Packed(network) => Cache::Packed(network.cache(slots, lanes, tokens)),
            Network::Plain(network) => Cache::Plain(network.cache(slots, lanes, tokens)?),
        })
    }

    /// Feeds the next `n` tokens of each row (`tokens` is `[rows * n]`, row by row; rows may have different lengths so
    /// far) and gives the logits (`[rows, vocabulary]`, f32) after the last token of each.
    pub(crate) fn step(&self, rows: &[Row], tokens: &[u32], cache: &mut Cache) -> Result<Tensor> {
        match (&self.network, cache) {
            (Network::Packed(network), Cache::Packed(cache)) => network.step(rows, tokens, cache),
            (Network::Plain(network), Cache::Plain(cache)) => network.step(rows, tokens, cache),
            _ => bail!("another network's cache"),
        }
    }

    /// Feeds all tokens of a hypothesis for the window in `slot` at once, beside its lanes: logits (`[n, vocabulary]`)
    /// after each, and the alignment heads' cross-attention weights (`[heads, n, positions]`), both f32.
    pub(crate) fn attend(&self, slot: usize, tokens: &[u32], cache: &Cache) -> Result<(Tensor, Tensor)> {
        match (&self.network, cache) {
            (Network::Packed(network), Cache::Packed(cache)) => network.attend(slot, tokens, cache),
            (Network::Plain(network), Cache::Plain(cache)) => network.attend(slot, tokens, cache),
            _ => bail!("another network's cache"),
        }
    }

    /// The encoder's states (`[positions, width]`) of a window.
    #[cfg(test)]
    pub(crate) fn states(&self, window: &MelWindow) -> Result<Tensor> {
        match &self.network {
            Network::Packed(network) => network.states(window, self.positions),
            Network::Plain(network) => network.states(&[window], self.positions)?.squeeze(0),
        }
    }
}

impl Cache {
    /// Puts a window into a slot; its lanes are empty.
    pub(crate) fn admit(&mut self, slot: usize, audio: Audio) -> Result<()> {
        match (self, audio) {
            (Self::Packed(cache), Audio::Packed(audio)) => cache.admit(slot, audio),
            (Self::Plain(cache), Audio::Plain(audio)) => cache.admit(slot, &audio)?,
            _ => bail!("another network's window"),
        }
        Ok(())
    }

    /// Forgets the tokens of a slot's lanes: its window is decoded again.
    pub(crate) fn clear(&mut self, slot: usize) {
        match self {
            Self::Packed(cache) => cache.clear(slot),
            Self::Plain(cache) => cache.clear(slot),
        }
    }

    /// Lane `i` of the slot goes on from what lane `from[i]` had.
    pub(crate) fn reorder(&mut self, slot: usize, from: &[usize]) -> Result<()> {
        match self {
            Self::Packed(cache) => cache.reorder(slot, from),
            Self::Plain(cache) => cache.reorder(slot, from)?,
        }
        Ok(())
    }

    /// Tokens of a row so far.
    #[cfg(test)]
    pub(crate) fn len(&self, row: Row) -> usize {
        match self {
            Self::Packed(cache) => cache.len(row),
            Self::Plain(cache) => cache.len(row),
        }
    }
}
