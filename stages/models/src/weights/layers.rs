//! Converts stored weights to the kernels' packed layers, row by row, using all threads and without another copy.

use candle_core::Result;
use kernels::{CpuPrecision, Linear, Norm, WeightRows};

use super::check::WEIGHT;
use super::tensors::{Numbers, Tensors};

/// A linear layer as stored, before it is packed.
#[derive(Debug)]
pub struct LayerWeights<'a> {
    /// Matrices over the same input. Their outputs are concatenated.
    parts: Vec<Part<'a>>,
    bias: Vec<f32>,
    inputs: usize,
}

/// `[outputs, inputs]`.
#[derive(Debug)]
struct Part<'a> {
    numbers: Numbers<'a>,
    outputs: usize,
    /// For a convolution, the number of taps in each row, stored side by side for each input; otherwise 1.
    taps: usize,
    /// The factor that every weight is multiplied by.
    factor: f32,
}

impl<'a> LayerWeights<'a> {
    /// A layer from weights (`[outputs, inputs]`, row by row) and a bias per output.
    #[must_use]
    pub fn new(weight: Vec<f32>, bias: Vec<f32>, inputs: usize) -> Self {
        let part = Part { numbers: Numbers::Owned(weight), outputs: bias.len(), taps: 1, factor: 1.0 };
        Self { parts: vec![part], bias, inputs }
    }

    /// Reads the layer from `weight` (`[outputs, inputs]`, stored in a floating-point type or quantized) and `bias`.
    ///
    /// # Errors
    /// A tensor is missing or has another shape.
    pub fn read(tensors: &Tensors<'a>, inputs: usize, outputs: usize) -> Result<Self> {
        let weights = Self::without_bias(tensors, inputs, outputs)?;
        Ok(Self { bias: vector(tensors, "bias", outputs)?, ..weights })
    }

    /// See [`LayerWeights::read`]; the layer has no bias.
    ///
    /// # Errors
    /// A tensor is missing or has another shape.
    pub fn without_bias(tensors: &Tensors<'a>, inputs: usize, outputs: usize) -> Result<Self> {
        let numbers = tensors.numbers(WEIGHT, &[outputs, inputs])?;
        Ok(Self { parts: vec![Part { numbers, outputs, taps: 1, factor: 1.0 }], bias: vec![0.0; outputs], inputs })
    }

    /// Reads the `weight` (`[outputs, inputs, taps]`) of a convolution and, if it has one, its `bias`, as a layer over
    /// neighboring frames.
    ///
    /// # Errors
    /// A tensor is missing or has another shape.
    pub fn convolution(
        tensors: &Tensors<'a>,
        (inputs, taps): (usize, usize),
        outputs: usize,
        has_bias: bool,
    ) -> Result<Self> {
        let numbers = tensors.numbers(WEIGHT, &[outputs, inputs, taps])?;
        let bias = if has_bias { vector(tensors, "bias", outputs)? } else { vec![0.0; outputs] };
        Ok(Self { parts: vec![Part { numbers, outputs, taps, factor: 1.0 }], bias, inputs: taps * inputs })
    }

    /// Multiplies weights and bias by a factor.
    #[must_use]
    pub fn scaled(mut self, factor: f32) -> Self {
        self.parts.iter_mut().for_each(|part| part.factor *= factor);
        self.bias.iter_mut().for_each(|x| *x *= factor);
        self
    }

    /// Joins layers over the same input into one layer. Their outputs are concatenated.
    ///
    /// # Panics
    /// If `layers` is empty.
    #[must_use]
    pub fn side_by_side(layers: Vec<Self>) -> Self {
        let joined = |mut all: Self, next: Self| {
            all.parts.extend(next.parts);
            all.bias.extend(next.bias);
            all
        };
        layers.into_iter().reduce(joined).expect("at least one layer")
    }

    /// Packs the layer in a precision.
    #[must_use]
    pub fn pack(&self, precision: CpuPrecision) -> Linear {
        Linear::pack(self, Some(&self.bias), self.inputs, precision)
    }

    /// The part that contains an output, and the output's row in it.
    fn part(&self, mut output: usize) -> (&Part<'a>, usize) {
        for part in &self.parts {
            if output < part.outputs {
                return (part, output);
            }
            output -= part.outputs;
        }
        panic!("an output of the layer")
    }
}

impl WeightRows for LayerWeights<'_> {
    fn outputs(&self) -> usize {
        self.bias.len()
    }

    fn floats(&self, output: usize, out: &mut [f32]) {
        let (part, row) = self.part(output);
        part.numbers.read(row, out);
        if part.taps > 1 {
            let stored = out.to_vec();
            let inputs = out.len() / part.taps;
            for (tap, out) in out.chunks_exact_mut(inputs).enumerate() {
                out.iter_mut().zip(stored[tap..].iter().step_by(part.taps)).for_each(|(out, x)| *out = *x);
            }
        }
        if part.factor != 1.0 {
            out.iter_mut().for_each(|x| *x *= part.factor);
        }
    }

    fn levels(&self, output: usize) -> Option<(&[u8], f32)> {
        let (part, row) = self.part(output);
        match &part.numbers {
            Numbers::Levels(levels, scales) => {
                Some((&levels[row * self.inputs..][..self.inputs], scales[row] * part.factor))
            }
            _ => None,
        }
    }
}

/// Reads a layer norm's `weight` and `bias`.
///
/// # Errors
/// A tensor is missing or has another shape.
pub(crate) fn norm(tensors: &Tensors<'_>, width: usize, epsilon: f32) -> Result<Norm> {
    Ok(Norm { weight: vector(tensors, WEIGHT, width)?, bias: vector(tensors, "bias", width)?, epsilon })
}

/// Reads a one-dimensional tensor.
///
/// # Errors
/// The tensor is missing or has another length.
pub(crate) fn vector(tensors: &Tensors<'_>, name: &str, len: usize) -> Result<Vec<f32>> {
    tensors.floats(name, &[len])
}
