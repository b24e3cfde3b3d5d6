//! The kernels as candle operations on contiguous f32 tensors on the CPU. They write into existing tensors, because a
//! network reuses its buffers for the next window.

use candle_core::{CpuStorage, CustomOp1, InplaceOp1, InplaceOp2, Layout, Result, Shape, Tensor, bail};

use crate::attention::{self, AttentionMask, Queries, Sequence};
use crate::{Epilogue, KvCache, Linear, Mlp, Norm, QkvView, Rows, rows};

/// Computes `out` (`[rows, outputs]`) from the rows of `x` (`[rows, inputs]`), after `norm` if given.
///
/// # Errors
/// A tensor is not contiguous f32 on the CPU, or the shapes do not fit.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use kernels::{CpuPrecision, Epilogue, Linear, ops};
///
/// let layer = Linear::new(&[1.0, 2.0], None, 2, CpuPrecision::F32);
/// let x = Tensor::new(&[[3.0_f32, 4.0]], &Device::Cpu)?;
/// let y = Tensor::zeros((1, 1), DType::F32, &Device::Cpu)?;
/// ops::linear(&layer, None, Epilogue::Store, &x, &y)?;
/// assert_eq!(y.to_vec2::<f32>()?, [[11.0]]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn linear(layer: &Linear, norm: Option<&Norm>, epilogue: Epilogue, x: &Tensor, out: &Tensor) -> Result<()> {
    strided(layer, norm, epilogue, (x, layer.inputs()), out)
}

/// As [`linear`], with rows that begin `stride` numbers apart in `x` of any shape, for a convolution over time-major
/// frames, whose rows overlap.
///
/// # Errors
/// As [`linear`].
pub fn strided(
    layer: &Linear,
    norm: Option<&Norm>,
    epilogue: Epilogue,
    (x, stride): (&Tensor, usize),
    out: &Tensor,
) -> Result<()> {
    let (count, outputs) = out.dims2()?;
    if outputs != layer.outputs() || x.elem_count() < count.saturating_sub(1) * stride + layer.inputs() {
        bail!("a linear layer of {} to {} with {:?} and {:?}", layer.inputs(), layer.outputs(), x.dims(), out.dims());
    }
    let forward = |out: &mut [f32], values: &[f32]| layer.forward(Rows { values, stride, count }, norm, epilogue, out);
    out.inplace_op2(x, &Kernel("linear", forward))
}

/// Adds the layer's output for `x` (`[rows, width]`) to `x`.
///
/// # Errors
/// `x` is not contiguous f32 on the CPU, or has another width.
pub fn mlp(layer: &Mlp, x: &Tensor) -> Result<()> {
    if x.dim(candle_core::D::Minus1)? != layer.down.outputs() {
        bail!("an MLP of width {} with {:?}", layer.down.outputs(), x.dims());
    }
    x.inplace_op1(&Kernel("mlp", |x: &mut [f32]| layer.add(x)))
}

/// Applies the exact GELU to every element: on a CPU with this crate's kernel, which takes contiguous f32; elsewhere
/// with candle.
///
/// # Errors
/// On a CPU, the tensor is not contiguous f32. Elsewhere, the error of the device.
pub fn gelu(x: &Tensor) -> Result<Tensor> {
    if x.device().is_cpu() { x.apply_op1_no_bwd(&Gelu) } else { x.gelu_erf() }
}

/// Adds `x` to `to`, of the same shape.
///
/// # Errors
/// A tensor is not contiguous f32 on the CPU, or the shapes differ.
pub fn add(x: &Tensor, to: &Tensor) -> Result<()> {
    if x.dims() != to.dims() {
        bail!("{:?} added to {:?}", x.dims(), to.dims());
    }
    let add = |to: &mut [f32], x: &[f32]| to.iter_mut().zip(x).for_each(|(to, x)| *to += x);
    to.inplace_op2(x, &Kernel("add", add))
}

/// Computes the attention of every sequence's queries. `out` is `[rows, heads * width]`; the queries are the first
/// columns of `queries` (`[rows, at least heads * width]`).
///
/// # Errors
/// A tensor is not contiguous f32 on the CPU, or the shapes do not fit.
pub fn attend(sequences: &[Sequence<'_>], visible: AttentionMask, queries: &Tensor, out: &Tensor) -> Result<()> {
    let ((count, stride), (rows, width)) = (queries.dims2()?, out.dims2()?);
    if rows != count || stride < width {
        bail!("attention with queries {:?} and output {:?}", queries.dims(), out.dims());
    }
    if let Some(reason) = attention::misfit(sequences, count, visible, rows * width) {
        bail!("attention: {reason}");
    }
    let attend = |out: &mut [f32], values: &[f32]| {
        attention::attend(sequences, Queries { values, stride, count }, visible, out);
    };
    out.inplace_op2(queries, &Kernel("attention", attend))
}

/// Appends the keys and values of `rows` of `projected` (`[rows, ..]`), which begin at the given columns of every row.
///
/// # Errors
/// The tensor is not contiguous f32 on the CPU, or does not contain these rows with all their keys and values.
///
/// # Panics
/// The rows exceed the capacity.
pub fn append(
    kv_cache: &mut KvCache,
    projected: &Tensor,
    rows: std::ops::Range<usize>,
    (keys, values): (usize, usize),
) -> Result<()> {
    let (_, stride) = projected.dims2()?;
    let (storage, layout) = projected.storage_and_layout();
    let candle_core::Storage::Cpu(storage) = &*storage else { bail!("keys and values on the CPU") };
    let all = contiguous("append", storage, layout)?;
    let width = kv_cache.heads() * kv_cache.head_width();
    let (after, count) = (all.get(rows.start * stride..).unwrap_or_default(), rows.len());
    let new = QkvView { rows: after, stride, keys, values, count };
    if !new.fits(width) || keys.max(values) + width > stride {
        bail!("keys at {keys} and values at {values}, {width} wide, of rows {rows:?} of {:?}", projected.dims());
    }
    kv_cache.append(new);
    Ok(())
}

struct Kernel<F>(&'static str, F);

impl<F: Fn(&mut [f32], &[f32])> InplaceOp2 for Kernel<F> {
    fn name(&self) -> &'static str {
        self.0
    }

    fn cpu_fwd(&self, out: &mut CpuStorage, out_at: &Layout, x: &CpuStorage, x_at: &Layout) -> Result<()> {
        (self.1)(contiguous_mut(self.0, out, out_at)?, contiguous(self.0, x, x_at)?);
        Ok(())
    }
}

impl<F: Fn(&mut [f32])> InplaceOp1 for Kernel<F> {
    fn name(&self) -> &'static str {
        self.0
    }

    fn cpu_fwd(&self, x: &mut CpuStorage, layout: &Layout) -> Result<()> {
        (self.1)(contiguous_mut(self.0, x, layout)?);
        Ok(())
    }
}

struct Gelu;

impl CustomOp1 for Gelu {
    fn name(&self) -> &'static str {
        "gelu"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let mut out = contiguous("gelu", x, layout)?.to_vec();
        rows::gelu(&mut out);
        Ok((CpuStorage::F32(out), layout.shape().clone()))
    }
}

fn contiguous<'a>(name: &str, storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    match (storage, layout.contiguous_offsets()) {
        (CpuStorage::F32(values), Some((start, end))) => Ok(&values[start..end]),
        _ => bail!("{name} takes contiguous f32"),
    }
}

fn contiguous_mut<'a>(name: &str, storage: &'a mut CpuStorage, layout: &Layout) -> Result<&'a mut [f32]> {
    match (storage, layout.contiguous_offsets()) {
        (CpuStorage::F32(values), Some((start, end))) => Ok(&mut values[start..end]),
        _ => bail!("{name} takes contiguous f32"),
    }
}

#[cfg(test)]
mod tests;
