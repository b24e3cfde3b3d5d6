//! Weights in the layout of the fused operations.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use kernels::fused;

use crate::families::whisper::network::plain::layers::{EPSILON, matrix, transposed};

/// The bias of a matrix product whose result is added to the residual, and the layer norm of the sum: `[3, width]`.
#[derive(Debug)]
pub(super) struct ResidualNorm(Tensor);

impl ResidualNorm {
    /// Combines a bias (`[width]`) with the norm under `norm`.
    pub(super) fn new(bias: &Tensor, norm: &VarBuilder<'_>) -> Result<Self> {
        let width = bias.elem_count();
        Ok(Self(Tensor::stack(&[bias, &norm.get(width, "weight")?, &norm.get(width, "bias")?], 0)?))
    }

    /// The sum and its norm.
    pub(super) fn forward(&self, residual: &Tensor, product: &Tensor) -> Result<(Tensor, Tensor)> {
        fused::residual_norm(residual, product, &self.0, EPSILON as f32)
    }

    /// A norm without a preceding product, and therefore without a bias.
    pub(super) fn without_bias(norm: &VarBuilder<'_>, width: usize) -> Result<Self> {
        let norm_weight = norm.get(width, "weight")?;
        Self::new(&norm_weight.zeros_like()?, norm)
    }
}

/// The norm before a layer. `tensors` is an encoder or decoder with this many layers; after the last layer, its final
/// norm.
pub(super) fn norm_before<'a>(tensors: &VarBuilder<'a>, layer: usize, layers: usize) -> VarBuilder<'a> {
    if layer == layers { tensors.pp("layer_norm") } else { tensors.pp("layers").pp(layer).pp("self_attn_layer_norm") }
}

/// Reads `weight` (`[outputs, inputs]`) in the layout of the matrix product: `[inputs, outputs]`.
pub(super) fn product(tensors: &VarBuilder<'_>, inputs: usize, outputs: usize) -> Result<Tensor> {
    transposed(&matrix(tensors, inputs, outputs)?)
}

/// The projections of an attention.
#[derive(Debug)]
pub(super) struct Projections {
    /// `[width, width]`, scaled by 1 / sqrt(width of a head).
    pub(super) query: Tensor,
    /// `[width, 2 * width]`: keys and values, concatenated.
    pub(super) kv_cache: Tensor,
    /// `[2, width]`: biases of queries (scaled in the same way) and of values. Keys have none.
    pub(super) biases: Tensor,
    /// `[width, width]`.
    pub(super) out: Tensor,
    /// `[width]`.
    pub(super) out_bias: Tensor,
}

impl Projections {
    /// Reads `q_proj`, `k_proj`, `v_proj` and `out_proj`.
    pub(super) fn new(tensors: &VarBuilder<'_>, width: usize) -> Result<Self> {
        let scale = (fused::HEAD_WIDTH as f64).powf(-0.5);
        let square = |name: &str| product(&tensors.pp(name), width, width);
        let bias = |name: &str| tensors.pp(name).get(width, "bias");
        Ok(Self {
            query: (square("q_proj")? * scale)?,
            kv_cache: Tensor::cat(&[square("k_proj")?, square("v_proj")?], 1)?,
            biases: Tensor::stack(&[(bias("q_proj")? * scale)?, bias("v_proj")?], 0)?,
            out: square("out_proj")?,
            out_bias: bias("out_proj")?,
        })
    }

    /// Queries, keys and values, concatenated: `[width, 3 * width]`.
    pub(super) fn side_by_side(&self) -> Result<Tensor> {
        Tensor::cat(&[&self.query, &self.kv_cache], 1)
    }
}

/// The feed-forward half of a layer.
#[derive(Debug)]
pub(super) struct Mlp {
    up: Tensor,
    up_bias: Tensor,
    down: Tensor,
    pub(super) down_bias: Tensor,
}

impl Mlp {
    /// Reads `fc1` and `fc2`.
    pub(super) fn new(tensors: &VarBuilder<'_>, width: usize, hidden: usize) -> Result<Self> {
        Ok(Self {
            up: product(&tensors.pp("fc1"), width, hidden)?,
            up_bias: tensors.pp("fc1").get(hidden, "bias")?,
            down: product(&tensors.pp("fc2"), hidden, width)?,
            down_bias: tensors.pp("fc2").get(width, "bias")?,
        })
    }

    /// Maps `[rows, width]` to `[rows, width]`. The last bias is added by the following operation.
    pub(super) fn forward(&self, normed: &Tensor) -> Result<Tensor> {
        let hidden = normed.matmul(&self.up)?;
        fused::bias_gelu(&hidden, &self.up_bias)?;
        hidden.matmul(&self.down)
    }
}
