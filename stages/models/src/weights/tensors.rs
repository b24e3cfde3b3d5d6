//! Stored tensors, looked up under a prefix without copying.

use std::fmt::Display;

use candle_core::{Device, Error, Result, Tensor};
use kernels::dequantize;
use safetensors::Dtype;

use super::OpenWeights;
use super::SCALE;
use super::check::WEIGHT;

/// Tensors of opened weights under a common name prefix.
#[derive(Clone)]
pub struct Tensors<'a> {
    weights: &'a OpenWeights,
    /// Empty, or ends with a dot.
    prefix: String,
}

/// The values of a tensor.
#[derive(Debug, Clone)]
pub(crate) enum Numbers<'a> {
    /// In memory, as f32.
    Owned(Vec<f32>),
    /// Little-endian f32.
    F32(&'a [u8]),
    /// Little-endian f16.
    F16(&'a [u8]),
    /// Little-endian bf16.
    Bf16(&'a [u8]),
    /// Levels (128 represents zero) and a scale per row.
    Levels(&'a [u8], Vec<f32>),
}

impl<'a> Tensors<'a> {
    /// All tensors.
    #[must_use]
    pub const fn new(weights: &'a OpenWeights) -> Self {
        Self { weights, prefix: String::new() }
    }

    /// The tensors whose names begin with `name` and a dot.
    #[must_use]
    pub fn pp(&self, name: impl Display) -> Self {
        Self { weights: self.weights, prefix: format!("{}{name}.", self.prefix) }
    }

    /// Whether a tensor with this name exists.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.weights.tensor(&format!("{}{name}", self.prefix)).is_some()
    }

    /// The values of a tensor as f32, in stored order.
    ///
    /// # Errors
    /// The tensor is missing, has another shape, or is not stored in a floating-point type.
    pub fn floats(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let mut out = vec![0.0; shape.iter().product()];
        self.numbers(name, shape)?.read(0, &mut out);
        Ok(out)
    }

    /// A tensor as f32 on the CPU.
    ///
    /// # Errors
    /// See [`Tensors::floats`].
    pub fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor> {
        Tensor::from_vec(self.floats(name, shape)?, shape, &Device::Cpu)
    }

    /// The values of a tensor as stored.
    pub(crate) fn numbers(&self, name: &str, shape: &[usize]) -> Result<Numbers<'a>> {
        let full = format!("{}{name}", self.prefix);
        let tensor = self.weights.tensor(&full).ok_or_else(|| Error::msg(format!("{full} is missing")))?;
        if tensor.shape() != shape {
            let found = tensor.shape();
            return Err(Error::msg(format!("{full} has the shape {found:?}, {shape:?} is expected")));
        }
        match tensor.dtype() {
            Dtype::F32 => Ok(Numbers::F32(tensor.data())),
            Dtype::F16 => Ok(Numbers::F16(tensor.data())),
            Dtype::BF16 => Ok(Numbers::Bf16(tensor.data())),
            Dtype::U8 if name == WEIGHT => Ok(Numbers::Levels(tensor.data(), self.floats(SCALE, &shape[..1])?)),
            other => Err(Error::msg(format!("{full} is stored as {other:?}"))),
        }
    }
}

impl Numbers<'_> {
    /// Reads row `index` into `out`. Rows have the length of `out`.
    pub(crate) fn read(&self, index: usize, out: &mut [f32]) {
        let row = index * out.len()..(index + 1) * out.len();
        match self {
            Self::Owned(numbers) => out.copy_from_slice(&numbers[row]),
            Self::F32(bytes) => {
                let numbers = bytes[4 * row.start..4 * row.end].as_chunks().0;
                out.iter_mut().zip(numbers).for_each(|(out, bytes)| *out = f32::from_le_bytes(*bytes));
            }
            Self::F16(bytes) => {
                let numbers = bytes[2 * row.start..2 * row.end].as_chunks().0;
                out.iter_mut().zip(numbers).for_each(|(out, bytes)| *out = half::f16::from_le_bytes(*bytes).to_f32());
            }
            Self::Bf16(bytes) => {
                let numbers = bytes[2 * row.start..2 * row.end].as_chunks().0;
                out.iter_mut().zip(numbers).for_each(|(out, bytes)| *out = half::bf16::from_le_bytes(*bytes).to_f32());
            }
            Self::Levels(levels, scales) => dequantize(&levels[row], scales[index], out),
        }
    }
}
