//! Multi-head attention.

use candle_core::{D, Result, Tensor};
use candle_nn::VarBuilder;
use candle_nn::ops::softmax_last_dim;

use super::layers::Linear;

/// The four projections of an attention layer.
#[derive(Debug)]
pub(super) struct Attention {
    heads: usize,
    /// Already scaled by 1 / sqrt(width of a head).
    query: Linear,
    key: Linear,
    value: Linear,
    out: Linear,
}

impl Attention {
    /// Reads `q_proj`, `k_proj`, `v_proj` and `out_proj`.
    pub(super) fn new(tensors: &VarBuilder<'_>, width: usize, heads: usize) -> Result<Self> {
        let scale = ((width / heads) as f64).powf(-0.5);
        Ok(Self {
            heads,
            query: Linear::scaled(&tensors.pp("q_proj"), width, width, scale)?,
            key: Linear::without_bias(&tensors.pp("k_proj"), width, width)?,
            value: Linear::new(&tensors.pp("v_proj"), width, width)?,
            out: Linear::new(&tensors.pp("out_proj"), width, width)?,
        })
    }

    /// Keys and values of `x` (`[batch, n, width]`), each `[batch, heads, n, width / heads]`.
    pub(super) fn keys_and_values(&self, x: &Tensor) -> Result<(Tensor, Tensor)> {
        Ok((self.split(&self.key.forward(x)?)?, self.split(&self.value.forward(x)?)?))
    }

    /// Queries of `x` (`[batch, n, width]`): `[batch, n, width]`.
    pub(super) fn queries(&self, x: &Tensor) -> Result<Tensor> {
        self.query.forward(x)
    }

    /// Attention of queries (`[batch, n, width]`) to the given keys and values. Returns the result (`[batch, n,
    /// width]`) and the attention weights (`[batch, heads, n, keys]`, rows sum to 1). `mask` (broadcast to the weights)
    /// is added to the scores.
    pub(super) fn attend(
        &self,
        queries: &Tensor,
        (keys, values): (&Tensor, &Tensor),
        mask: Option<&Tensor>,
    ) -> Result<(Tensor, Tensor)> {
        let scores = self.split(queries)?.matmul(&keys.transpose(2, 3)?)?;
        let scores = match mask {
            Some(mask) => scores.broadcast_add(mask)?,
            None => scores,
        };
        let weights = softmax_last_dim(&scores)?;
        Ok((weights.matmul(values)?.transpose(1, 2)?.flatten_from(D::Minus2)?, weights))
    }

    /// The output projection.
    pub(super) fn project(&self, mixed: &Tensor) -> Result<Tensor> {
        self.out.forward(mixed)
    }

    /// Reshapes `[batch, n, width]` to `[batch, heads, n, width / heads]`.
    fn split(&self, x: &Tensor) -> Result<Tensor> {
        let (batch, n, width) = x.dims3()?;
        x.reshape((batch, n, self.heads, width / self.heads))?.transpose(1, 2)?.contiguous()
    }
}
