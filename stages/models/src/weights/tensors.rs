//! Tensors as they are stored, looked up under a prefix, without a copy.

use std::fmt::Display;

use candle_core::{Device, Error, Result, Tensor};
use kernels::dequantize;
use safetensors::Dtype;

use super::OpenWeights;
use super::SCALE;
use super::check::WEIGHT;

/// Tensors of opened weights under a prefix.
#[derive(Clone)]
pub struct Tensors<'a> {
    weights: &'a OpenWeights,
    /// Empty, or with a dot at its end.
    prefix: String,
}

/// The numbers of a tensor.
#[derive(Debug, Clone)]
pub(crate) enum Numbers<'a> {
    /// In memory.
    Owned(Vec<f32>),
    /// Little-endian f32.
    F32(&'a [u8]),
    /// Little-endian f16.
    F16(&'a [u8]),
    /// Little-endian bf16.
    Bf16(&'a [u8]),
    /// Levels (128 stands for zero) and a scale for each row.
    Levels(&'a [u8], Vec<f32>),
}

impl<'a> Tensors<'a> {
    /// All tensors.
    #[must_use]
    pub const fn new(weights: &'a OpenWeights) -> Self {
        Self { weights, prefix: String::new() }
    }

    /// Those whose names begin with this and a dot.
    #[must_use]
    pub fn pp(&self, name: impl Display) -> Self {
        Self { weights: self.weights, prefix: format!("{}{name}.", self.prefix) }
    }

    /// Whether there is a tensor of this name.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.weights.tensor(&format!("{}{name}", self.prefix)).is_some()
    }

    /// A tensor's numbers as f32, in its own order.
    ///
    /// # Errors
    /// It is missing, has another shape, or is not stored in a floating type.
    pub fn floats(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let mut out = vec![0.0; shape.iter().product()];
        self.numbers(name, shape)?.read(0, &mut out);
        Ok(out)
    }

    /// A tensor of f32 on the CPU.
    ///
    /// # Errors
    /// As [`Tensors::floats`].
    pub fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor> {
        Tensor::from_vec(self.floats(name, shape)?, shape, &Device::Cpu)
    }

    /// A tensor's numbers as they are stored.
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
    /// Writes the row `index` of as many numbers as there is room for in `out`.
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
