//! Multi-head attention.

use candle_core::{D, Result, Tensor};
use candle_nn::VarBuilder;
use candle_nn::ops::softmax_last_dim;

use super::layers::Linear;

/// The four projections of an attention.
#[derive(Debug)]
pub(super) struct Attention {
    heads: usize,
    /// Scaled by 1 / sqrt(width of a head) already.
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

    /// What `x` (`[batch, n, width]`) attends to in the given keys and values, and the weights of that
    /// (`[batch, heads, n, keys]`, rows sum to 1). `mask` (`[n, keys]`) is added to the scores.
    pub(super) fn forward(
        &self,
        x: &Tensor,
        keys: &Tensor,
        values: &Tensor,
        mask: Option<&Tensor>,
    ) -> Result<(Tensor, Tensor)> {
        let scores = self.split(&self.query.forward(x)?)?.matmul(&keys.transpose(2, 3)?)?;
        let scores = match mask {
            Some(mask) => scores.broadcast_add(mask)?,
            None => scores,
        };
        let weights = softmax_last_dim(&scores)?;
        let mixed = weights.matmul(values)?.transpose(1, 2)?.flatten_from(D::Minus2)?;
        Ok((self.out.forward(&mixed)?, weights))
    }

    /// `[batch, n, width]` to `[batch, heads, n, width / heads]`. The processor's product reads one window's heads
    /// where they are; everything else wants them dense.
    fn split(&self, x: &Tensor) -> Result<Tensor> {
        let (batch, n, width) = x.dims3()?;
        let heads = x.reshape((batch, n, self.heads, width / self.heads))?.transpose(1, 2)?;
        if batch == 1 && x.device().is_cpu() { Ok(heads) } else { heads.contiguous() }
    }
}
