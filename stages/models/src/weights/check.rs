//! Checks of weights: the file contains exactly the tensors of the model's configuration, with plausible values.

use std::collections::HashSet;
use std::fmt;

use candle_core::safetensors::Load;
use candle_core::{DType, Device};
use rayon::prelude::*;
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::{OpenWeights, WeightsError};
use super::{SCALE, ZERO};

/// Bytes that one thread checks at a time.
const BLOCK: usize = 1 << 20;
/// The largest plausible magnitude of a weight: the maximum of f16, in which models are published. Random bytes soon
/// exceed it.
const LARGEST: f32 = 65_504.0;
/// The last part of the name of a matrix. A matrix of zeros means that the file was never filled in.
pub(crate) const WEIGHT: &str = "weight";

/// A tensor that a model must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorSpec {
    /// Its name in the file.
    pub name: String,
    /// Its dimensions.
    pub shape: Vec<usize>,
    /// Whether the tensor may be stored in 8 bits, with a `weight_scale` (see `SCALE`).
    pub quantizable: bool,
}

impl TensorSpec {
    /// A tensor that is stored in a floating-point type.
    #[must_use]
    pub fn floats(name: impl Into<String>, shape: &[usize]) -> Self {
        Self { name: name.into(), shape: shape.to_vec(), quantizable: false }
    }

    /// `NAME.weight` (`[outputs, inputs]`) in a floating-point type or in 8 bits.
    #[must_use]
    pub fn matrix(name: impl fmt::Display, outputs: usize, inputs: usize) -> Self {
        Self { name: format!("{name}.{WEIGHT}"), shape: vec![outputs, inputs], quantizable: true }
    }

    /// A linear layer: its matrix and `NAME.bias`.
    #[must_use]
    pub fn linear(name: impl fmt::Display, inputs: usize, outputs: usize) -> [Self; 2] {
        [Self::matrix(&name, outputs, inputs), Self::floats(format!("{name}.bias"), &[outputs])]
    }

    /// A normalization layer: `NAME.weight` and `NAME.bias`, each of length `width`.
    #[must_use]
    pub(crate) fn norm(name: impl fmt::Display, width: usize) -> [Self; 2] {
        [WEIGHT, "bias"].map(|part| Self::floats(format!("{name}.{part}"), &[width]))
    }

    /// The name of the tensor's scales if it is stored in 8 bits.
    fn scales(&self) -> Option<String> {
        let layer = self.name.strip_suffix(WEIGHT).filter(|_| self.quantizable)?;
        Some(format!("{layer}{SCALE}"))
    }
}

/// A fault of one tensor.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TensorFault {
    /// The file does not contain the tensor.
    #[error("is missing")]
    Missing,
    /// The model has no such tensor: the file or `config.json` is from another model.
    #[error("is not part of the model that config.json describes")]
    Unknown,
    /// Two shards contain the tensor.
    #[error("is in two files")]
    Twice,
    /// The shape differs from the configuration.
    #[error("has the shape {found:?}, config.json requires {expected:?}")]
    Shape {
        /// The shape in the file.
        found: Vec<usize>,
        /// The shape according to the configuration.
        expected: Vec<usize>,
    },
    /// The tensor is stored in a type that is not supported for it.
    #[error("is stored as {0}: F32, F16 or BF16 is expected, or U8 for a matrix with scales")]
    Type(String),
    /// There are scales, but the matrix is not stored in 8 bits.
    #[error("scales a matrix that is not in 8 bits")]
    NothingToScale,
    /// A value that is impossible for a weight.
    #[error("number {index} is {value}: no trained model has such a weight")]
    Number {
        /// Its index in the tensor.
        index: usize,
        /// NaN, infinite, or outside the range of f16.
        value: f32,
    },
    /// A scale is negative.
    #[error("number {index} is {value}: a scale cannot be negative")]
    NegativeScale {
        /// Its index in the tensor.
        index: usize,
        /// The scale.
        value: f32,
    },
    /// All values are zero.
    #[error("is zero throughout: the file was never filled in")]
    Zeros,
    /// The tensor differs from another one that it must equal.
    #[error("differs from {other}: only models that share the two are supported")]
    NotTied {
        /// The name of the other tensor.
        other: &'static str,
    },
}

impl OpenWeights {
    /// Checks that the weights contain every tensor of `specs`, in its shape and a supported type, and no other tensor
    /// except those that `may_be_there` accepts. Values are not read. The check stops at the first fault and consumes
    /// specs one by one, so that a configuration with an absurd number of layers costs nothing.
    ///
    /// # Errors
    /// [`WeightsError::Tensor`], which names file and tensor.
    pub fn check_tensors(
        &self,
        specs: impl IntoIterator<Item = TensorSpec>,
        may_be_there: impl Fn(&str) -> bool,
    ) -> Result<(), WeightsError> {
        let mut known = HashSet::new();
        for spec in specs {
            let scales = self.check_tensor(&spec).map_err(|fault| self.fault(&spec.name, fault))?;
            if let Some(scales) = &scales {
                let expected = TensorSpec::floats(scales.as_str(), &spec.shape[..1]);
                self.check_tensor(&expected).map_err(|fault| self.fault(scales, fault))?;
            }
            known.extend(scales);
            known.insert(spec.name);
        }
        let extra = self.names().find(|name| !known.contains(*name) && !may_be_there(name));
        match extra {
            None => Ok(()),
            Some(name) if name.ends_with(SCALE) => Err(self.fault(name, TensorFault::NothingToScale)),
            Some(name) => Err(self.fault(name, TensorFault::Unknown)),
        }
    }

    /// Checks one tensor. Returns the name of the scales that it needs.
    fn check_tensor(&self, spec: &TensorSpec) -> Result<Option<String>, TensorFault> {
        let tensor = self.tensor(&spec.name).ok_or(TensorFault::Missing)?;
        if tensor.shape() != spec.shape {
            return Err(TensorFault::Shape { found: tensor.shape().to_vec(), expected: spec.shape.clone() });
        }
        match (tensor.dtype(), spec.scales()) {
            (Dtype::F32 | Dtype::F16 | Dtype::BF16, _) => Ok(None),
            (Dtype::U8, Some(scales)) => Ok(Some(scales)),
            _ => Err(unsupported(&tensor)),
        }
    }

    /// Checks every value, using all threads: none is NaN, infinite or outside the range of f16, no matrix contains
    /// only zeros, and tensors in 8 bits have scales.
    ///
    /// # Errors
    /// [`WeightsError::Tensor`], which names file, tensor and index.
    pub fn check_values(&self) -> Result<(), WeightsError> {
        let tensors = self.tensors();
        let fault =
            |(name, tensor): &(String, TensorView<'_>)| value_fault(name, tensor).map(|fault| self.fault(name, fault));
        tensors.par_iter().find_map_first(fault).map_or(Ok(()), Err)
    }

    /// Checks that a tensor, if it exists, equals another one.
    ///
    /// # Errors
    /// [`WeightsError::Tensor`], which names the file and the tensor.
    pub fn check_tied(&self, name: &str, other: &'static str) -> Result<(), WeightsError> {
        let Some(tensor) = self.tensor(name) else { return Ok(()) };
        let same = |other: TensorView<'_>| {
            other.dtype() == tensor.dtype() && other.shape() == tensor.shape() && other.data() == tensor.data()
        };
        if self.tensor(other).is_some_and(same) {
            return Ok(());
        }
        Err(self.fault(name, TensorFault::NotTied { other }))
    }
}

fn unsupported(tensor: &TensorView<'_>) -> TensorFault {
    TensorFault::Type(format!("{:?}", tensor.dtype()))
}

/// The first impossible value of a tensor.
fn value_fault(name: &str, tensor: &TensorView<'_>) -> Option<TensorFault> {
    let data = tensor.data();
    let largest = |of_block: fn(&[u8]) -> u32| data.par_chunks(BLOCK).map(of_block).max().unwrap_or(0);
    let (largest, limit) = match tensor.dtype() {
        Dtype::F32 => (largest(largest_of_32), LARGEST.to_bits()),
        Dtype::BF16 => (largest(largest_of_16), LARGEST.to_bits() >> 16),
        Dtype::F16 => (largest(largest_of_16), 0x7BFF),
        Dtype::U8 => (largest(largest_level), u32::from(ZERO) - 1),
        _ => return Some(unsupported(tensor)),
    };
    if largest > limit {
        return number(tensor, |value| value.is_nan() || value.abs() > LARGEST);
    }
    let is_scale = name.ends_with(SCALE);
    if is_scale && let Some(TensorFault::Number { index, value }) = number(tensor, |value| value < 0.0) {
        return Some(TensorFault::NegativeScale { index, value });
    }
    (largest == 0 && name.ends_with(WEIGHT) && !data.is_empty()).then_some(TensorFault::Zeros)
}

/// The first value for which `wrong` returns true. For 8-bit tensors, the first level outside the symmetric range.
fn number(tensor: &TensorView<'_>, wrong: impl Fn(f32) -> bool) -> Option<TensorFault> {
    if tensor.dtype() == Dtype::U8 {
        let index = tensor.data().iter().position(|stored| *stored == 0)?;
        return Some(TensorFault::Number { index, value: -f32::from(ZERO) });
    }
    let values = tensor.load(&Device::Cpu).and_then(|values| values.to_dtype(DType::F32)?.flatten_all()?.to_vec1());
    let values: Vec<f32> = values.expect("floats as many as the header says");
    let index = values.iter().position(|value| wrong(*value))?;
    Some(TensorFault::Number { index, value: values[index] })
}

/// The bits of the largest magnitude of little-endian f32. Magnitudes have the same order as their bits, with NaN last.
fn largest_of_32(block: &[u8]) -> u32 {
    let (numbers, _) = block.as_chunks();
    numbers.iter().map(|bytes| u32::from_le_bytes(*bytes) as i32 & i32::MAX).fold(0, i32::max).cast_unsigned()
}

/// The bits of the largest magnitude of little-endian f16 or bf16.
fn largest_of_16(block: &[u8]) -> u32 {
    let (numbers, _) = block.as_chunks();
    let largest = numbers.iter().map(|bytes| u16::from_le_bytes(*bytes) as i16 & i16::MAX).fold(0, i16::max);
    u32::from(largest.cast_unsigned())
}

/// The largest magnitude of the stored levels.
fn largest_level(block: &[u8]) -> u32 {
    u32::from(block.iter().map(|stored| stored.abs_diff(ZERO)).fold(0, u8::max))
}
