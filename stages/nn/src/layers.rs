//! Weights from their tensors into the kernels' packed layers.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use kernels::{Linear, Norm, Precision, Quantised8};

use crate::quantised;

/// A linear layer on its way from the file to the panels.
#[derive(Debug)]
pub struct LayerWeights {
    matrix: Matrix,
    bias: Vec<f32>,
    inputs: usize,
}

/// `[outputs, inputs]`.
#[derive(Debug)]
enum Matrix {
    F32(Vec<f32>),
    Int8(Quantised8),
}

impl LayerWeights {
    /// Weights (`[outputs, inputs]`, row by row) and a bias for each output.
    #[must_use]
    pub const fn new(weight: Vec<f32>, bias: Vec<f32>, inputs: usize) -> Self {
        Self { matrix: Matrix::F32(weight), bias, inputs }
    }

    /// Reads `weight` (`[outputs, inputs]`, stored in a floating type or quantised) and `bias`.
    ///
    /// # Errors
    /// A tensor is missing or has another shape.
    pub fn read(tensors: &VarBuilder<'_>, inputs: usize, outputs: usize) -> Result<Self> {
        let weights = Self::without_bias(tensors, inputs, outputs)?;
        Ok(Self { bias: vector(tensors, "bias", outputs)?, ..weights })
    }

    /// As [`LayerWeights::read`], where there is no bias.
    ///
    /// # Errors
    /// A tensor is missing or has another shape.
    pub fn without_bias(tensors: &VarBuilder<'_>, inputs: usize, outputs: usize) -> Result<Self> {
        let weight = values(&tensors.get((outputs, inputs), "weight")?)?;
        let matrix = if tensors.contains_tensor(quantised::SCALE) {
            let levels = weight.into_iter().map(quantised::level).collect();
            Matrix::Int8(Quantised8 { levels, scales: vector(tensors, quantised::SCALE, outputs)? })
        } else {
            Matrix::F32(weight)
        };
        Ok(Self { matrix, bias: vec![0.0; outputs], inputs })
    }

    /// A convolution's `weight` (`[outputs, inputs, taps]`) and, if it has one, `bias`, as a layer over neighbouring
    /// frames.
    ///
    /// # Errors
    /// A tensor is missing or has another shape.
    pub fn convolution(
        tensors: &VarBuilder<'_>,
        (inputs, taps): (usize, usize),
        outputs: usize,
        has_bias: bool,
    ) -> Result<Self> {
        let weight = tensors.get((outputs, inputs, taps), "weight")?.transpose(1, 2)?.contiguous()?;
        let bias = if has_bias { vector(tensors, "bias", outputs)? } else { vec![0.0; outputs] };
        Ok(Self::new(values(&weight)?, bias, taps * inputs))
    }

    /// Weights and bias times a factor.
    #[must_use]
    pub fn scaled(mut self, factor: f32) -> Self {
        let factors = match &mut self.matrix {
            Matrix::F32(weight) => weight,
            Matrix::Int8(weight) => &mut weight.scales,
        };
        factors.iter_mut().chain(&mut self.bias).for_each(|x| *x *= factor);
        self
    }

    /// Layers over the same input as one, whose outputs are theirs side by side.
    ///
    /// # Panics
    /// Of no layers.
    #[must_use]
    pub fn side_by_side(parts: Vec<Self>) -> Self {
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
    #[must_use]
    pub fn pack(self, precision: Precision) -> Linear {
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
///
/// # Errors
/// A tensor is missing or has another shape.
pub fn norm(tensors: &VarBuilder<'_>, width: usize, epsilon: f32) -> Result<Norm> {
    Ok(Norm { weight: vector(tensors, "weight", width)?, bias: vector(tensors, "bias", width)?, epsilon })
}

/// Reads a tensor of one dimension.
///
/// # Errors
/// It is missing or has another length.
pub fn vector(tensors: &VarBuilder<'_>, name: &str, len: usize) -> Result<Vec<f32>> {
    values(&tensors.get(len, name)?)
}

fn values(tensor: &Tensor) -> Result<Vec<f32>> {
    tensor.flatten_all()?.to_vec1()
}
