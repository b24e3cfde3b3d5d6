//! The Whisper network, with the tensor names of transformers' implementation.
//!
//! ```text
//! features [2 * positions, bands] -> encoder -> states [positions, width] -> keys and values of every decoder layer
//! tokens + cache                  -> decoder -> logits [vocabulary] of the last token
//! ```
//!
//! Windows are in the slots of a cache, each with its hypotheses in lanes. [`Backend`] is the interface of the three
//! networks, each with a cache type of its own: [`packed`] for a CPU, in any [`Precision`], [`fused`] for a GPU, and
//! [`plain`] in candle's operations for everything else. Decoding is compiled for each of them, so that nothing is
//! dispatched in a step.

mod fused;
mod packed;
mod plain;
#[cfg(test)]
mod tests;

use std::fmt::Debug;

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::VarBuilder;
use kernels::Isa;

use super::decoding::Decode;
use super::files::WhisperFiles;
use super::model_config::WhisperConfig;
use super::unit::MelWindow;
use crate::weights::Tensors;
use crate::{DeviceChoice, ModelError, Precision};

pub(super) use fused::Network as Fused;
pub(super) use packed::Network as Packed;

/// Encoder and decoder on one device.
pub(super) trait Backend: Debug + Send + Sync {
    /// The keys and values of the windows in the slots and of their hypotheses in lanes.
    type Cache: DecoderCache;

    /// Whether likely tokens are found on the device; the host finds them otherwise.
    const FINDS_TOKENS: bool;

    /// Where the network computes.
    fn device(&self) -> &Device;

    /// A cache of `slots` windows with `lanes` hypotheses each, of at most `tokens` tokens.
    fn cache(&self, slots: usize, lanes: usize, tokens: usize) -> Result<Self::Cache>;

    /// Encodes windows, each into its slot of the cache, whose lanes are empty then.
    fn admit(&self, windows: &[(usize, &MelWindow)], cache: &mut Self::Cache) -> Result<()>;

    /// Feeds the next `n` tokens of each row (`tokens` is `[rows * n]`, row by row; rows may have different lengths so
    /// far) and gives the logits (`[rows, vocabulary]`, f32) after the last token of each.
    fn step(&self, rows: &[Row], tokens: &[u32], cache: &mut Self::Cache) -> Result<Tensor>;

    /// Feeds a whole text at once, beside its window's lanes: logits (`[n, vocabulary]`, f32) after each token.
    fn logits(&self, text: Text<'_>, cache: &Self::Cache) -> Result<Tensor>;

    /// Feeds whole texts at once, beside their windows' lanes: for each, the alignment heads' cross-attention weights
    /// (`[heads, n, positions]`, f32).
    fn attention(&self, texts: &[Text<'_>], cache: &Self::Cache) -> Result<Vec<Tensor>>;

    /// The encoder's states (`[positions, width]`) of a window.
    #[cfg(test)]
    fn states_of(&self, window: &MelWindow) -> Result<Tensor>;
}

/// The windows in the slots, each with its hypotheses in lanes.
pub(super) trait DecoderCache {
    /// Windows that there is room for.
    fn slots(&self) -> usize;

    /// Grows to `slots` windows (it never shrinks) and keeps its contents.
    fn grow(&mut self, slots: usize) -> Result<()>;

    /// Forgets the tokens of a slot's lanes: its window is decoded again.
    fn clear(&mut self, slot: usize);

    /// Lane `i` of the slot continues from what lane `from[i]` had.
    fn reorder(&mut self, slot: usize, from: &[usize]) -> Result<()>;

    /// Tokens of a row so far.
    #[cfg(test)]
    fn len(&self, row: Row) -> usize;
}

/// One hypothesis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    /// Of its window.
    pub(super) slot: usize,
    /// Among the window's hypotheses.
    pub(super) lane: usize,
}

/// A whole text for a window, its prompt included.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text<'a> {
    /// The window's.
    pub(super) slot: usize,
    pub(super) tokens: &'a [u32],
}

/// Set to `off`, GPUs compute in candle's own operations: a way to tell whether our kernels are at fault.
const CUDA_KERNELS: &str = "EARWITNESS_CUDA_KERNELS";

/// Loads the network that suits a device and a precision.
///
/// # Errors
/// The device cannot be used or does not have the precision; the weights are unreadable or do not fit `config.json`.
pub(super) fn load(
    model: &WhisperFiles,
    choice: DeviceChoice,
    precision: Precision,
) -> std::result::Result<Box<dyn Decode>, ModelError> {
    let device = choice.open()?;
    let kernels = if device.is_cpu() { Some(precision.cpu()?) } else { None };
    let weights = model.files.weights();
    let fits = |network: Result<Box<dyn Decode>>| {
        let (model, expected) = (model.files.name().to_owned(), "config.json");
        network.map_err(|reason| ModelError::Tensor { model, expected, reason: reason.into() })
    };
    let heads = model.generation.alignment_heads(&model.config);
    if let Some(precision) = kernels.filter(|precision| packs(*precision)) {
        let opened = weights.open()?;
        let packed = Packed::new(&Tensors::new(&opened).pp("model"), &model.config, &heads, precision);
        return fits(packed.map(|network| Box::new(network) as Box<dyn Decode>));
    }
    let dtype = if device.is_cpu() { DType::F32 } else { precision.gpu()? };
    fits(unpacked(&weights.load(dtype, &device)?.pp("model"), &model.config, &heads))
}

/// Whether a CPU computes a precision with the kernels: in f32 they must have instructions for it.
fn packs(precision: kernels::CpuPrecision) -> bool {
    precision != kernels::CpuPrecision::F32 || !Isa::detect().is_portable()
}

/// The network of tensors that compute in their type, where they are.
fn unpacked(tensors: &VarBuilder<'_>, config: &WhisperConfig, heads: &[(usize, usize)]) -> Result<Box<dyn Decode>> {
    let device = tensors.device();
    let is_fused = !device.is_cpu()
        && fused::is_supported(device, config)
        && std::env::var_os(CUDA_KERNELS).is_none_or(|value| value != "off");
    Ok(if is_fused {
        Box::new(Fused::new(tensors, config, heads)?)
    } else {
        Box::new(plain::Network::new(tensors, config, heads)?)
    })
}
