//! The network of the phone head: from the encoder's states to log-probabilities, in candle's operations on the device of
//! the states.

use candle_core::{D, DType, Device, Result, Tensor};

use super::config::PhoneHeadConfig;
use crate::Tensors;

/// The network with its weights in f32 on one device.
#[derive(Debug)]
pub(crate) struct Network {
    input: Layer,
    blocks: Vec<Block>,
    output: Layer,
    /// Number of phones among the outputs, with silence; the others are letters.
    phones: usize,
}

/// A block with a residual connection: a depthwise convolution over time, then two layers.
#[derive(Debug)]
struct Block {
    /// `[taps, width]`.
    taps: Tensor,
    /// `[width]`.
    bias: Tensor,
    up: Layer,
    down: Layer,
}

#[derive(Debug)]
struct Layer {
    /// `[inputs, outputs]`.
    weight: Tensor,
    /// `[outputs]`.
    bias: Tensor,
}

impl Network {
    /// Reads the tensors and moves them to a device.
    pub(super) fn new(tensors: &Tensors<'_>, config: &PhoneHeadConfig, device: &Device) -> Result<Self> {
        let PhoneHeadConfig { width, kernel, states_width, .. } = *config;
        let layer = |name: &str, inputs: usize, outputs: usize| -> Result<Layer> {
            let tensors = tensors.pp(name);
            let weight = tensors.tensor("weight", &[outputs, inputs])?.t()?.contiguous()?;
            let bias = tensors.tensor("bias", &[outputs])?;
            Ok(Layer { weight: weight.to_device(device)?, bias: bias.to_device(device)? })
        };
        let block = |index: usize| {
            let name = format!("blocks.{index}");
            let mix = tensors.pp(&name).pp("mix");
            let taps = mix.tensor("weight", &[width, 1, kernel])?.squeeze(1)?.t()?.contiguous()?;
            Ok(Block {
                taps: taps.to_device(device)?,
                bias: mix.tensor("bias", &[width])?.to_device(device)?,
                up: layer(&format!("{name}.up"), width, width)?,
                down: layer(&format!("{name}.down"), width, width)?,
            })
        };
        Ok(Self {
            input: layer("input", states_width, width)?,
            blocks: (0..config.blocks).map(block).collect::<Result<_>>()?,
            output: layer("output", width, config.symbols())?,
            phones: config.phones.len(),
        })
    }

    /// Log-probabilities (natural; `[frames, phones + letters]`, without silence, f32) from the states of a window
    /// (`[frames, width]`). Phones and letters are two distributions, each under the condition that there is speech:
    /// speech activity tells better where there is none.
    pub(super) fn logprobs(&self, states: &Tensor) -> Result<Vec<f32>> {
        let mut x = self.input.forward(&states.to_dtype(DType::F32)?)?.gelu_erf()?;
        for block in &self.blocks {
            let mixed = block.up.forward(&block.mix(&x)?)?.gelu_erf()?;
            x = (x + block.down.forward(&mixed)?)?;
        }
        let logits = self.output.forward(&x)?;
        let letters = logits.dim(D::Minus1)? - self.phones;
        let given_speech = |first: usize, count: usize| {
            candle_nn::ops::log_softmax(&logits.narrow(D::Minus1, first + 1, count - 1)?, D::Minus1)
        };
        let both = [given_speech(0, self.phones)?, given_speech(self.phones, letters)?];
        Tensor::cat(&both, D::Minus1)?.flatten_all()?.to_vec1()
    }
}

impl Block {
    /// Weights neighboring frames for each channel; frames outside the window are zero.
    fn mix(&self, x: &Tensor) -> Result<Tensor> {
        let (frames, taps) = (x.dim(0)?, self.taps.dim(0)?);
        let padded = x.pad_with_zeros(0, taps / 2, taps / 2)?;
        let mut mixed = self.bias.broadcast_as(x.shape())?.contiguous()?;
        for tap in 0..taps {
            mixed = (mixed + padded.narrow(0, tap, frames)?.broadcast_mul(&self.taps.narrow(0, tap, 1)?)?)?;
        }
        Ok(mixed)
    }
}

impl Layer {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x.matmul(&self.weight)?.broadcast_add(&self.bias)
    }
}
