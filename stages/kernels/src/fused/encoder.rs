//! The encoder's attention.

use candle_core::{D, DType, Result, Tensor, bail};

use super::HEAD_WIDTH;
use super::operation::{Argument, Launch, Make, suffix};

/// Queries per block of the kernel.
const QUERIES: usize = 128;
const THREADS: usize = 128;

/// Computes the attention of every position to all positions of its window. `projections` is `[windows, positions, 3 *
/// width]`: queries, keys and values of all heads; the queries are already scaled. `biases` is `[2, width]`: the biases
/// of queries and of values; keys have no bias. The output is `[windows, positions, width]`.
///
/// # Errors
/// Shapes or types do not fit.
pub fn encoder_attention(projections: &Tensor, biases: &Tensor) -> Result<Tensor> {
    let (windows, positions, columns) = projections.dims3()?;
    let width = columns / 3;
    if columns % 3 != 0
        || width % HEAD_WIDTH != 0
        || biases.dims() != [2, width]
        || positions == 0
        || biases.dtype() != projections.dtype()
    {
        bail!("attention over {:?} with biases {:?}", projections.dims(), biases.dims());
    }
    if projections.device().is_cpu() || projections.dtype() == DType::F32 {
        return composed(projections, biases);
    }
    let (query_bias, value_bias) = (biases.get(0)?, biases.get(1)?);
    let arguments = vec![
        Argument::Tensor(projections),
        Argument::Tensor(&query_bias),
        Argument::Tensor(&value_bias),
        Argument::Target,
        Argument::Int(positions),
    ];
    let launch = Launch {
        source: "encoder_attention",
        kernel: format!("encoder_attention_{}", suffix(projections.dtype())?),
        grid: (positions.div_ceil(QUERIES), width / HEAD_WIDTH, windows),
        threads: THREADS,
        arguments,
    };
    let reference = || bail!("on a CPU this operation is composed of others");
    Make { launch, shape: (windows, positions, width).into(), reference }.like(projections)
}

/// The same operation composed of candle's operations, in f32, because tensor cores would round f32.
fn composed(projections: &Tensor, biases: &Tensor) -> Result<Tensor> {
    let (windows, positions, columns) = projections.dims3()?;
    let (width, heads) = (columns / 3, columns / 3 / HEAD_WIDTH);
    let all = projections.to_dtype(DType::F32)?;
    let biases = biases.to_dtype(DType::F32)?;
    let of_heads = |part: usize, bias: Option<usize>| {
        let part = all.narrow(D::Minus1, part * width, width)?;
        let part = match bias {
            Some(bias) => part.broadcast_add(&biases.get(bias)?)?,
            None => part,
        };
        part.reshape((windows, positions, heads, HEAD_WIDTH))?.transpose(1, 2)?.contiguous()
    };
    let scores = of_heads(0, Some(0))?.matmul(&of_heads(1, None)?.t()?)?;
    let weights = softmax(&scores)?;
    weights.matmul(&of_heads(2, Some(1))?)?.transpose(1, 2)?.flatten_from(2)?.to_dtype(projections.dtype())
}

fn softmax(scores: &Tensor) -> Result<Tensor> {
    let exponentials = scores.broadcast_sub(&scores.max_keepdim(D::Minus1)?)?.exp()?;
    exponentials.broadcast_div(&exponentials.sum_keepdim(D::Minus1)?)
}
