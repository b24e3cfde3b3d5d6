//! The convolutions of the encoder's stem, as matrix products over time-major input, without im2col copies or
//! transposes.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use kernels::ops::gelu;

use super::layers::transposed;

/// A convolution with a kernel of 3, padding 1 and stride 1 or 2, followed by GELU.
#[derive(Debug)]
pub(in crate::families::whisper::network) struct Conv {
    /// `[taps * inputs, outputs]`. The stride determines which neighboring taps form one product.
    products: Vec<Tensor>,
    bias: Tensor,
    stride: usize,
}

impl Conv {
    /// Reads `weight` (`[outputs, inputs, 3]`) and `bias`. `stride` is 1 or 2.
    pub(in crate::families::whisper::network) fn new(
        tensors: &VarBuilder<'_>,
        inputs: usize,
        outputs: usize,
        stride: usize,
    ) -> Result<Self> {
        let weight = tensors.get((outputs, inputs, 3), "weight")?;
        let tap = |tap: usize| transposed(&weight.narrow(2, tap, 1)?.squeeze(2)?);
        let taps = [tap(0)?, tap(1)?, tap(2)?];
        let products = match stride {
            1 => taps.into(),
            _ => vec![Tensor::cat(&taps[..2], 0)?, taps[2].clone()],
        };
        Ok(Self { products, bias: tensors.get(outputs, "bias")?, stride })
    }

    /// Maps `[batch, n, inputs]` to `[batch, n / stride, outputs]`. `n` must be a multiple of the stride.
    pub(in crate::families::whisper::network) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (batch, n, inputs) = x.dims3()?;
        let steps = n / self.stride;
        // With a stride of 2, a row contains two neighboring frames: the first two taps of one product, or the third
        // tap.
        let rows = x.pad_with_zeros(1, 1, 1)?.reshape((batch, (), self.stride * inputs))?;
        let mut sum: Option<Tensor> = None;
        for (offset, weight) in self.products.iter().enumerate() {
            let width = weight.dim(0)?;
            let rows = rows.narrow(1, offset, steps)?.narrow(2, 0, width)?.contiguous()?;
            let product = rows.reshape((batch * steps, width))?.matmul(weight)?;
            sum = Some(match sum {
                Some(sum) => (sum + product)?,
                None => product,
            });
        }
        let sum = sum.ok_or_else(|| candle_core::Error::msg("a convolution without taps"))?;
        gelu(&sum.broadcast_add(&self.bias)?)?.reshape((batch, steps, ()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{DType, Device};

    #[test]
    fn convolution_agrees_with_the_textbook() {
        for stride in [1, 2] {
            let weight = Tensor::randn(0f32, 1.0, (5, 4, 3), &Device::Cpu).unwrap();
            let bias = Tensor::randn(0f32, 1.0, 5, &Device::Cpu).unwrap();
            let x = Tensor::randn(0f32, 1.0, (2, 8, 4), &Device::Cpu).unwrap();
            let channels_first = x.transpose(1, 2).unwrap().contiguous().unwrap();
            let expected = channels_first.conv1d(&weight, 1, stride, 1, 1).unwrap().transpose(1, 2).unwrap();
            let expected = expected.broadcast_add(&bias).unwrap().gelu_erf().unwrap();
            let tensors = [("weight".to_owned(), weight), ("bias".to_owned(), bias)].into_iter().collect();
            let conv = Conv::new(&VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu), 4, 5, stride).unwrap();
            let difference = (conv.forward(&x).unwrap() - expected).unwrap().abs().unwrap();
            assert!(difference.max_all().unwrap().to_scalar::<f32>().unwrap() < 1e-5);
        }
    }
}
