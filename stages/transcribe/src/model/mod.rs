//! The Whisper network (Radford et al. 2022), with the tensor names of transformers' implementation.
//!
//! ```text
//! features [2 * positions, bands] -> encoder -> states [positions, width] -> keys and values of every decoder layer
//! tokens + cache                  -> decoder -> logits [vocabulary] of the last token
//! ```
//!
//! Windows lie in the slots of a [`Cache`], each with its hypotheses in lanes. There are three networks behind one
//! interface: [`packed`] for a CPU, in any [`Precision`], [`fused`] for a GPU, and [`plain`] in candle's operations for
//! everything else.

mod fused;
mod packed;
mod plain;
#[cfg(test)]
mod tests;

use candle_core::{Device, Result, Tensor, bail};
use candle_nn::VarBuilder;
use kernels::{Isa, Precision};
use nn::{OpenWeights, Tensors};

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
    Fused(Box<fused::Network>),
    Plain(Box<plain::Network>),
}

/// What the decoder keeps of the windows in its slots and of their hypotheses in lanes.
#[derive(Debug)]
pub(crate) enum Cache {
    /// Of the packed network.
    Packed(packed::Cache),
    /// Of the fused network.
    Fused(fused::Cache),
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

/// A whole text for a window, its prompt included.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text<'a> {
    /// The window's.
    pub(crate) slot: usize,
    pub(crate) tokens: &'a [u32],
}

/// Set to `off`, GPUs compute in candle's own operations: a way to tell whether our kernels are at fault.
const CUDA_KERNELS: &str = "EARWITNESS_CUDA_KERNELS";

impl Whisper {
    /// Whether a CPU computes a precision with the kernels: in f32 they must have instructions for it.
    pub(crate) fn packs(precision: Precision) -> bool {
        precision != Precision::F32 || !Isa::detect().is_portable()
    }

    /// The network for a CPU, packed straight from its weights as they are stored.
    pub(crate) fn packed(
        weights: &OpenWeights,
        config: &WhisperConfig,
        alignment_heads: &[(usize, usize)],
        precision: Precision,
    ) -> Result<Self> {
        let tensors = Tensors::new(weights).pp("model");
        let network = packed::Network::new(&tensors, config, alignment_heads, precision)?;
        let positions = config.max_source_positions;
        Ok(Self { network: Network::Packed(Box::new(network)), device: Device::Cpu, positions })
    }

    /// The network of tensors that compute in their type, where they are.
    pub(crate) fn new(
        tensors: &VarBuilder<'_>,
        config: &WhisperConfig,
        alignment_heads: &[(usize, usize)],
    ) -> Result<Self> {
        let tensors = tensors.pp("model");
        let device = tensors.device();
        let is_fused = !device.is_cpu()
            && fused::is_supported(device, config)
            && std::env::var_os(CUDA_KERNELS).is_none_or(|value| value != "off");
        let network = if is_fused {
            Network::Fused(Box::new(fused::Network::new(&tensors, config, alignment_heads)?))
        } else {
            Network::Plain(Box::new(plain::Network::new(&tensors, config, alignment_heads)?))
        };
        Ok(Self { network, device: device.clone(), positions: config.max_source_positions })
    }

    /// The fused network, on any device.
    #[cfg(test)]
    pub(crate) fn fused(
        tensors: &VarBuilder<'_>,
        config: &WhisperConfig,
        alignment_heads: &[(usize, usize)],
    ) -> Result<Self> {
        let network = fused::Network::new(&tensors.pp("model"), config, alignment_heads)?;
        let (device, positions) = (tensors.device().clone(), config.max_source_positions);
        Ok(Self { network: Network::Fused(Box::new(network)), device, positions })
    }

    /// Whether this is the fused network, whose device chooses tokens too.
    pub(crate) const fn is_fused(&self) -> bool {
        matches!(self.network, Network::Fused(_))
    }

    /// Where the network computes.
    pub(crate) const fn device(&self) -> &Device {
        &self.device
    }

    /// Returns unused device memory to the driver, after an out-of-memory error.
    pub(crate) fn release_memory(&self) -> Result<()> {
        kernels::fused::release(&self.device)
    }

    /// Encodes windows, each into its slot of the cache, whose lanes are empty then. A CPU takes them one after the
    /// other: the matrices are large enough alone.
    pub(crate) fn admit(&self, windows: &[(usize, &MelWindow)], cache: &mut Cache) -> Result<()> {
        match (&self.network, cache) {
            (Network::Packed(network), Cache::Packed(cache)) => {
                windows.iter().try_for_each(|(slot, window)| network.admit(*slot, window, cache))
            }
            (Network::Fused(network), Cache::Fused(cache)) => network.admit(windows, cache),
            (Network::Plain(network), Cache::Plain(cache)) => network.admit(windows, self.positions, cache),
            _ => bail!("another network's cache"),
        }
    }

    /// A cache of `slots` windows with `lanes` hypotheses each, of at most `tokens` tokens.
    pub(crate) fn cache(&self, slots: usize, lanes: usize, tokens: usize) -> Result<Cache> {
        Ok(match &self.network {
            Network::Packed(network) => Cache::Packed(network.cache(slots, lanes, tokens)),
            Network::Fused(network) => Cache::Fused(network.cache(slots, lanes, tokens)?),
            Network::Plain(network) => Cache::Plain(network.cache(slots, lanes, tokens)?),
        })
    }

    /// Feeds the next `n` tokens of each row (`tokens` is `[rows * n]`, row by row; rows may have different lengths so
    /// far) and gives the logits (`[rows, vocabulary]`, f32) after the last token of each.
    pub(crate) fn step(&self, rows: &[Row], tokens: &[u32], cache: &mut Cache) -> Result<Tensor> {
        match (&self.network, cache) {
            (Network::Packed(network), Cache::Packed(cache)) => network.step(rows, tokens, cache),
            (Network::Fused(network), Cache::Fused(cache)) => network.step(rows, tokens, cache),
            (Network::Plain(network), Cache::Plain(cache)) => network.step(rows, tokens, cache),
            _ => bail!("another network's cache"),
        }
    }

    /// Feeds a whole text at once, beside its window's lanes: logits (`[n, vocabulary]`, f32) after each token.
    pub(crate) fn logits(&self, text: Text<'_>, cache: &Cache) -> Result<Tensor> {
        match (&self.network, cache) {
            (Network::Packed(network), Cache::Packed(cache)) => network.logits(text, cache),
            (Network::Fused(network), Cache::Fused(cache)) => network.logits(text, cache),
            (Network::Plain(network), Cache::Plain(cache)) => network.logits(text, cache),
            _ => bail!("another network's cache"),
        }
    }

    /// Feeds whole texts at once, beside their windows' lanes: for each, the alignment heads' cross-attention weights
    /// (`[heads, n, positions]`, f32).
    pub(crate) fn attention(&self, texts: &[Text<'_>], cache: &Cache) -> Result<Vec<Tensor>> {
        match (&self.network, cache) {
            (Network::Packed(network), Cache::Packed(cache)) => {
                texts.iter().map(|text| network.attention(*text, cache)).collect()
            }
            (Network::Fused(network), Cache::Fused(cache)) => network.attention(texts, cache),
            (Network::Plain(network), Cache::Plain(cache)) => {
                texts.iter().map(|text| network.attention(*text, cache)).collect()
            }
            _ => bail!("another network's cache"),
        }
    }

    /// The encoder's states (`[positions, width]`) of a window.
    #[cfg(test)]
    pub(crate) fn states(&self, window: &MelWindow) -> Result<Tensor> {
        match &self.network {
            Network::Packed(network) => network.states(window),
            Network::Fused(network) => network.states(&[window])?.squeeze(0),
            Network::Plain(network) => network.states(&[window], self.positions)?.squeeze(0),
        }
    }
}

impl Cache {
    /// Windows that there is room for.
    pub(crate) const fn slots(&self) -> usize {
        match self {
            Self::Packed(cache) => cache.slots(),
            Self::Fused(cache) => cache.slots(),
            Self::Plain(cache) => cache.slots(),
        }
    }

    /// Grows to `slots` windows (it never shrinks) and keeps its contents.
    pub(crate) fn grow(&mut self, slots: usize) -> Result<()> {
        match self {
            Self::Packed(cache) => cache.grow(slots),
            Self::Fused(cache) => cache.grow(slots)?,
            Self::Plain(cache) => cache.grow(slots)?,
        }
        Ok(())
    }

    /// Forgets the tokens of a slot's lanes: its window is decoded again.
    pub(crate) fn clear(&mut self, slot: usize) {
        match self {
            Self::Packed(cache) => cache.clear(slot),
            Self::Fused(cache) => cache.clear(slot),
            Self::Plain(cache) => cache.clear(slot),
        }
    }

    /// Lane `i` of the slot goes on from what lane `from[i]` had.
    pub(crate) fn reorder(&mut self, slot: usize, from: &[usize]) -> Result<()> {
        match self {
            Self::Packed(cache) => cache.reorder(slot, from),
            Self::Fused(cache) => cache.reorder(slot, from),
            Self::Plain(cache) => cache.reorder(slot, from)?,
        }
        Ok(())
    }

    /// Tokens of a row so far.
    #[cfg(test)]
    pub(crate) fn len(&self, row: Row) -> usize {
        match self {
            Self::Packed(cache) => cache.len(row),
            Self::Fused(cache) => cache.len(row),
            Self::Plain(cache) => cache.len(row),
        }
    }
}
