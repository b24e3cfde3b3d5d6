//! The stateless part of Silero VAD: short-time Fourier transform and convolutions, from frames to features.
//!
//! A frame has so few positions in time (4, 4, 2, 1, 1) that each position of a convolution is one matrix product over
//! all frames. Frames are rows, so a position is a range of their columns, and unfolding needs no copy.

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;

use super::{HIDDEN, SEEN};

/// Samples of one Fourier transform.
const FFT: usize = 256;
const BINS: usize = FFT / 2 + 1;
/// Kernel size of the convolutions, in positions.
const TAPS: usize = 3;

/// The layers. Their weights are transposed, so that rows times weights are outputs.
#[derive(Debug)]
pub(super) struct Encoder {
    /// `[256, 258]`: windowed cosines, then windowed sines.
    basis: Tensor,
    convolutions: [Convolution; 4],
}

impl Encoder {
    pub(super) fn load(tensors: &VarBuilder<'_>) -> candle_core::Result<Self> {
        let basis = tensors.get((2 * BINS, 1, FFT), "stft_conv.weight")?;
        let layer = |inputs, outputs, stride, name| Convolution::load(&tensors.pp(name), inputs, outputs, stride);
        Ok(Self {
            basis: basis.squeeze(1)?.t()?.contiguous()?,
            convolutions: [
                layer(BINS, 128, 1, "conv1")?,
                layer(128, 64, 2, "conv2")?,
                layer(64, 64, 2, "conv3")?,
                layer(64, HIDDEN, 1, "conv4")?,
            ],
        })
    }

    /// Computes features `[n, 128]` from frames `[n, SEEN]` (see [`SEEN`]).
    pub(super) fn forward(&self, frames: &Tensor) -> candle_core::Result<Tensor> {
        let starts = (0..=SEEN - FFT).step_by(FFT / 2);
        let spectra = starts.map(|start| self.magnitudes(&frames.narrow(1, start, FFT)?));
        let spectra = spectra.collect::<candle_core::Result<Vec<_>>>()?;
        let [last] = &self.convolutions.iter().try_fold(spectra, |positions, layer| layer.forward(&positions))?[..]
        else {
            candle_core::bail!("the last convolution leaves one position")
        };
        Ok(last.clone())
    }

    /// Magnitudes `[n, 129]` of the spectra of windows `[n, 256]`.
    fn magnitudes(&self, windows: &Tensor) -> candle_core::Result<Tensor> {
        let spectrum = windows.matmul(&self.basis)?;
        (spectrum.narrow(1, 0, BINS)?.sqr()? + spectrum.narrow(1, BINS, BINS)?.sqr()?)?.sqrt()
    }
}

/// A convolution with a kernel of 3, zero padding of 1, and a ReLU.
#[derive(Debug)]
struct Convolution {
    /// `[3 * inputs, outputs]`.
    weight: Tensor,
    /// `[outputs]`.
    bias: Tensor,
    inputs: usize,
    stride: usize,
}

impl Convolution {
    fn load(tensors: &VarBuilder<'_>, inputs: usize, outputs: usize, stride: usize) -> candle_core::Result<Self> {
        let weight = tensors.get((outputs, inputs, TAPS), "weight")?;
        Ok(Self {
            weight: weight.permute((2, 1, 0))?.contiguous()?.reshape((TAPS * inputs, outputs))?,
            bias: tensors.get(outputs, "bias")?,
            inputs,
            stride,
        })
    }

    /// Maps positions, each `[n, inputs]`, to positions, each `[n, outputs]`.
    fn forward(&self, positions: &[Tensor]) -> candle_core::Result<Vec<Tensor>> {
        let outside = Tensor::zeros((positions[0].dim(0)?, self.inputs), DType::F32, &Device::Cpu)?;
        let padded: Vec<&Tensor> = [&outside].into_iter().chain(positions).chain([&outside]).collect();
        let rows = Tensor::cat(&padded, 1)?;
        (0..positions.len())
            .step_by(self.stride)
            .map(|at| {
                let seen = rows.narrow(1, at * self.inputs, TAPS * self.inputs)?;
                seen.matmul(&self.weight)?.broadcast_add(&self.bias)?.relu()
            })
            .collect()
    }
}
