//! Weights from their tensors into packed layers.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use kernels::{Linear, Norm, Precision, Quantised8};
use nn::quantised;

/// Epsilon of every layer norm.
const EPSILON: f32 = 1e-5;

/// A linear layer on its way from the file to the panels.
pub(super) struct Weights {
    matrix: Matrix,
    bias: Vec<f32>,
    inputs: usize,
}

/// `[outputs, inputs]`.
enum Matrix {
    F32(Vec<f32>),
    Int8(Quantised8),
}

impl Weights {
    /// Reads `weight` (`[outputs, inputs]`, stored in a floating type or quantised) and `bias`.
    pub(super) fn read(tensors: &VarBuilder<'_>, inputs: usize, outputs: usize) -> Result<Self> {
        let weights = Self::without_bias(tensors, inputs, outputs)?;
        Ok(Self { bias: values(&tensors.get(outputs, "bias")?)?, ..weights })
    }

    /// As [`Weights::read`], where there is no bias.
    pub(super) fn without_bias(tensors: &VarBuilder<'_>, inputs: usize, outputs: usize) -> Result<Self> {
        let weight = values(&tensors.get((outputs, inputs), "weight")?)?;
        let matrix = if tensors.contains_tensor(quantised::SCALE) {
            let levels = weight.into_iter().map(quantised::level).collect();
            Matrix::Int8(Quantised8 { levels, scales: values(&tensors.get(outputs, quantised::SCALE)?)? })
        } else {
            Matrix::F32(weight)
        };
        Ok(Self { matrix, bias: vec![0.0; outputs], inputs })
    }

    /// A convolution's `weight` (`[outputs, inputs, 3]`) and `bias`, as a layer over three neighbouring frames.
    pub(super) fn convolution(tensors: &VarBuilder<'_>, inputs: usize, outputs: usize) -> Result<Self> {
        let taps = tensors.get((outputs, inputs, 3), "weight")?.transpose(1, 2)?.contiguous()?;
        let bias = values(&tensors.get(outputs, "bias")?)?;
        Ok(Self { matrix: Matrix::F32(values(&taps)?), bias, inputs: 3 * inputs })
    }

    /// Weights and bias times a factor.
    pub(super) fn scaled(mut self, factor: f32) -> Self {
        let factors = match &mut self.matrix {
            Matrix::F32(weight) => weight,
            Matrix::Int8(weight) => &mut weight.scales,
        };
        factors.iter_mut().chain(&mut self.bias).for_each(|x| *x *= factor);
        self
    }

    /// Layers over the same input as one, whose outputs are theirs side by side.
    pub(super) fn side_by_side(parts: Vec<Self>) -> Self {
        let joined = |mut all: Self, next: Self| {
            match (&mut all.matrix, next.matrix) {
                (Matrix::F32(all), Matrix::F32(next)) => all.extend(next),
                (Matrix::Int8(all), Matrix::Int8(next)) => {
                    all.levels.extend(next.levels);
                    all.scales.extend(next.scales);
                }
                (matrix, next) => {
                    let mut both = dequantised(std::mem::replace(matrix, Matrix::F32(Vec::new())), all.inputs);
                    both.extend(dequantised(next, all.inputs));
                    *matrix = Matrix::F32(both);
                }
            }
            all.bias.extend(next.bias);
            all
        };
        parts.into_iter().reduce(joined).expect("at least one part")
    }

    /// The layer in a precision.
    pub(super) fn pack(self, precision: Precision) -> Linear {
        match self.matrix {
            Matrix::Int8(weight) if precision == Precision::Int8 => {
                Linear::quantised(&weight, Some(&self.bias), self.inputs)
            }
            matrix => Linear::new(&dequantised(matrix, self.inputs), Some(&self.bias), self.inputs, precision),
        }
    }
}

fn dequantised(matrix: Matrix, inputs: usize) -> Vec<f32> {
    match matrix {
        Matrix::F32(weight) => weight,
        Matrix::Int8(Quantised8 { levels, scales }) => {
            let rows = levels.chunks_exact(inputs).zip(scales);
            rows.flat_map(|(row, scale)| row.iter().map(move |level| f32::from(*level) * scale)).collect()
        }
    }
}

/// Reads a layer norm's `weight` and `bias`.
pub(super) fn norm(tensors: &VarBuilder<'_>, width: usize) -> Result<Norm> {
    let values = |name| values(&tensors.get(width, name)?);
    Ok(Norm { weight: values("weight")?, bias: values("bias")?, epsilon: EPSILON })
}

fn values(tensor: &Tensor) -> Result<Vec<f32>> {
    tensor.flatten_all()?.to_vec1()
}
