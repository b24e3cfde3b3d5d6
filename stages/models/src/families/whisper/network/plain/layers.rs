//! Layers that encoder and decoder share.

use crate::weights;
use candle_core::{Result, Tensor};
use candle_nn::{LayerNorm, Module, VarBuilder};
use kernels::ops::gelu;

/// Epsilon of every layer norm.
pub(in crate::families::whisper::network) const EPSILON: f64 = 1e-5;

/// A matrix product over the last dimension. The weights are stored in the layout of the product.
#[derive(Debug)]
pub(super) struct Linear {
    /// `[inputs, outputs]`, contiguous.
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Linear {
    /// Reads `weight` (`[outputs, inputs]`) and `bias`, both multiplied by `scale`.
    pub(super) fn scaled(tensors: &VarBuilder<'_>, inputs: usize, outputs: usize, scale: f64) -> Result<Self> {
        let weight = transposed(&matrix(tensors, inputs, outputs)?)?;
        let bias = tensors.get(outputs, "bias")?;
        Ok(Self { weight: (weight * scale)?, bias: Some((bias * scale)?) })
    }

    /// Reads `weight` (`[outputs, inputs]`) and `bias`.
    pub(super) fn new(tensors: &VarBuilder<'_>, inputs: usize, outputs: usize) -> Result<Self> {
        let weight = transposed(&matrix(tensors, inputs, outputs)?)?;
        Ok(Self { weight, bias: Some(tensors.get(outputs, "bias")?) })
    }

    /// Reads `weight` (`[outputs, inputs]`), without a bias.
    pub(super) fn without_bias(tensors: &VarBuilder<'_>, inputs: usize, outputs: usize) -> Result<Self> {
        Ok(Self { weight: transposed(&matrix(tensors, inputs, outputs)?)?, bias: None })
    }

    /// Maps `[batch, n, inputs]` to `[batch, n, outputs]`.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (batch, n, inputs) = x.dims3()?;
        let y = x.reshape((batch * n, inputs))?.matmul(&self.weight)?.reshape((batch, n, ()))?;
        match &self.bias {
            Some(bias) => y.broadcast_add(bias),
            None => Ok(y),
        }
    }
}

/// Reads `weight` (`[outputs, inputs]`), stored in a floating-point type or quantized.
pub(in crate::families::whisper::network) fn matrix(
    tensors: &VarBuilder<'_>,
    inputs: usize,
    outputs: usize,
) -> Result<Tensor> {
    let weight = tensors.get((outputs, inputs), "weight")?;
    if !tensors.contains_tensor(weights::SCALE) {
        return Ok(weight);
    }
    let scale = tensors.get(outputs, weights::SCALE)?.unsqueeze(1)?;
    (weight - f64::from(weights::ZERO))?.broadcast_mul(&scale)
}

/// The transpose as a contiguous tensor.
pub(in crate::families::whisper::network) fn transposed(matrix: &Tensor) -> Result<Tensor> {
    matrix.t()?.contiguous()
}

/// A layer norm with Whisper's epsilon.
pub(super) fn layer_norm(tensors: &VarBuilder<'_>, width: usize) -> Result<LayerNorm> {
    candle_nn::layer_norm(width, EPSILON, tensors.clone())
}

/// The feed-forward half of a layer, including its norm and the residual.
#[derive(Debug)]
pub(super) struct Mlp {
    norm: LayerNorm,
    up: Linear,
    down: Linear,
}

impl Mlp {
    /// Reads `final_layer_norm`, `fc1` and `fc2`.
    pub(super) fn new(tensors: &VarBuilder<'_>, width: usize, hidden: usize) -> Result<Self> {
        Ok(Self {
            norm: layer_norm(&tensors.pp("final_layer_norm"), width)?,
            up: Linear::new(&tensors.pp("fc1"), width, hidden)?,
            down: Linear::new(&tensors.pp("fc2"), hidden, width)?,
        })
    }

    /// Maps `[batch, n, width]` to `[batch, n, width]`.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let hidden = gelu(&self.up.forward(&self.norm.forward(x)?)?)?;
        x + self.down.forward(&hidden)?
    }
}
