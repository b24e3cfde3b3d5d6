//! The numeric type that a model computes in.

use candle_core::DType;
use serde::{Deserialize, Serialize};

use crate::ModelError;

/// The numeric type that a model computes in. On a CPU, sums are f32 for every type.
///
/// ```
/// use models::Precision;
///
/// assert_eq!("bf16".parse(), Ok(Precision::Bf16));
/// assert_eq!(Precision::Int8.to_string(), "int8");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Single precision: equals the reference up to rounding.
    #[default]
    F32,
    /// 11-bit mantissa, values up to 65,504; on GPUs only.
    F16,
    /// 8-bit mantissa.
    Bf16,
    /// Matrices and their inputs are quantized to 8 bits; on CPUs only.
    Int8,
}

impl Precision {
    /// The name: `f32`, `f16`, `bf16`, `int8`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::Int8 => "int8",
        }
    }

    /// The corresponding type of the CPU kernels.
    pub(crate) fn cpu(self) -> Result<kernels::CpuPrecision, ModelError> {
        match self {
            Self::F32 => Ok(kernels::CpuPrecision::F32),
            Self::F16 => Err(self.refused("f32, bf16 or int8 is expected; f16 is for GPUs")),
            Self::Bf16 => Ok(kernels::CpuPrecision::Bf16),
            Self::Int8 => Ok(kernels::CpuPrecision::Int8),
        }
    }

    /// The tensor type on a GPU.
    pub(crate) fn gpu(self) -> Result<DType, ModelError> {
        match self {
            Self::F32 => Ok(DType::F32),
            Self::F16 => Ok(DType::F16),
            Self::Bf16 => Ok(DType::BF16),
            Self::Int8 => Err(self.refused("f32, f16 or bf16 is expected; int8 is for CPUs")),
        }
    }

    fn refused(self, expected: &'static str) -> ModelError {
        ModelError::Setting { setting: "precision".into(), value: self.name().to_owned(), expected }
    }
}

/// The error of an unknown precision name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown precision `{0}`; expected f32, f16, bf16 or int8")]
pub struct UnknownPrecision(String);

impl std::str::FromStr for Precision {
    type Err = UnknownPrecision;

    fn from_str(name: &str) -> Result<Self, UnknownPrecision> {
        [Self::F32, Self::F16, Self::Bf16, Self::Int8]
            .into_iter()
            .find(|precision| precision.name() == name)
            .ok_or_else(|| UnknownPrecision(name.to_owned()))
    }
}

impl std::fmt::Display for Precision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
