//! The Whisper network, with the tensor names of transformers' implementation.
//!
//! ```text
//! features [2 * positions, bands] -> encoder -> states [positions, width] -> keys and values of every decoder layer
//! tokens + cache                  -> decoder -> logits [vocabulary] of the last token
//! ```
//!
//! Windows occupy the slots of a cache, each with its hypotheses in lanes. [`Backend`] is the interface of the three
//! networks, which have their own cache types: [`packed`] for CPUs, in any [`Precision`], [`fused`] for GPUs, and
//! [`plain`] in candle's operations for everything else. Decoding is compiled separately for each of them, so that
//! steps need no dynamic dispatch.

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
use crate::{Compute, ModelError};

pub(super) use fused::Network as Fused;
pub(super) use packed::Network as Packed;

/// Receives the index of a window and its encoder states (`[positions, width]`).
pub(super) type StatesObserver<'a> = dyn FnMut(usize, &Tensor) -> Result<()> + 'a;

/// Encoder and decoder on one device.
pub(super) trait Backend: Debug + Send + Sync {
    /// The keys and values of the windows in the slots and of their hypotheses in lanes.
    type Cache: DecoderCache;

    /// Whether the device finds the most likely tokens. Otherwise the host does.
    const FINDS_TOKENS: bool;

    /// The device of the network.
    fn device(&self) -> &Device;

    /// Creates a cache of `slots` windows, each with `lanes` hypotheses of at most `tokens` tokens.
    fn cache(&self, slots: usize, lanes: usize, tokens: usize) -> Result<Self::Cache>;

    /// Encodes windows into their slots of the cache and clears the lanes of these slots. `observe`, if any, receives
    /// the index of each window and its encoder states (`[positions, width]`).
    fn admit(
        &self,
        windows: &[(usize, &MelWindow)],
        cache: &mut Self::Cache,
        observe: Option<&mut StatesObserver<'_>>,
    ) -> Result<()>;

    /// Feeds the next `n` tokens of each row. `tokens` is `[rows * n]`, row by row; rows may have different lengths.
    /// Returns the logits (`[rows, vocabulary]`, f32) after the last token of each row.
    fn step(&self, rows: &[Row], tokens: &[u32], cache: &mut Self::Cache) -> Result<Tensor>;

    /// Feeds a whole text at once, without changing the lanes of its window. Returns the logits (`[n, vocabulary]`,
    /// f32) after each token.
    fn logits(&self, text: Text<'_>, cache: &Self::Cache) -> Result<Tensor>;

    /// Feeds whole texts at once, without changing the lanes of their windows. Returns the cross-attention weights of
    /// the alignment heads (`[heads, n, positions]`, f32) for each text.
    fn attention(&self, texts: &[Text<'_>], cache: &Self::Cache) -> Result<Vec<Tensor>>;

    /// The encoder states (`[positions, width]`) of a window.
    fn states_of(&self, window: &MelWindow) -> Result<Tensor>;
}

/// Passes the states of each window of a batch (`[windows, positions, width]`) to an observer, one by one, so that what
/// it computes does not depend on the batch.
fn observe_each(observe: Option<&mut StatesObserver<'_>>, states: &Tensor) -> Result<()> {
    let Some(observe) = observe else { return Ok(()) };
    (0..states.dim(0)?).try_for_each(|index| observe(index, &states.get(index)?))
}

/// The windows in the slots, each with its hypotheses in lanes.
pub(super) trait DecoderCache {
    /// Number of windows that the cache has room for.
    fn slots(&self) -> usize;

    /// Grows the cache to `needed` windows and keeps its contents. A cache whose contents must move to grow may take
    /// more at once, up to `limit` windows. It never shrinks.
    fn grow(&mut self, needed: usize, limit: usize) -> Result<()>;

    /// Clears the tokens of a slot's lanes, so that its window can be decoded again.
    fn clear(&mut self, slot: usize);

    /// Lane `i` of the slot continues with the previous contents of lane `from[i]`.
    fn reorder(&mut self, slot: usize, from: &[usize]) -> Result<()>;

    /// Number of tokens in a row.
    #[cfg(test)]
    fn len(&self, row: Row) -> usize;
}

/// One hypothesis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    /// The slot of its window.
    pub(super) slot: usize,
    /// Its index among the window's hypotheses.
    pub(super) lane: usize,
}

/// A whole text for a window, including its prompt.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text<'a> {
    /// The slot of the window.
    pub(super) slot: usize,
    pub(super) tokens: &'a [u32],
}

/// If set to `off`, GPUs use candle's operations. This shows whether a problem is caused by the fused kernels.
const CUDA_KERNELS: &str = "EARWITNESS_CUDA_KERNELS";

/// Loads the network for a device and a precision.
///
/// # Errors
/// The device cannot be used or does not support the precision; the weights are unreadable or do not match
/// `config.json`.
pub(super) fn load(
    model: &WhisperFiles,
    Compute { device, precision }: Compute,
) -> std::result::Result<Box<dyn Decode>, ModelError> {
    let device = device.open()?;
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

/// Whether the CPU kernels are used for a precision. For f32, the CPU must have the required instructions.
fn packs(precision: kernels::CpuPrecision) -> bool {
    precision != kernels::CpuPrecision::F32 || !Isa::detect().is_portable()
}

/// The network in candle's operations. It computes in the type of its tensors, on their device.
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
