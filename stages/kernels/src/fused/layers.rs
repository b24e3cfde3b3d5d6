//! Operations between the matrix products of a layer.

use candle_core::{D, DType, Result, Tensor, bail};

use super::numbers;
use super::operation::{Argument, Change, Launch, Make, suffix};
use crate::rows;

/// Warps per block of the norm kernels.
const WARPS: usize = 4;
/// From this number of rows on, each warp processes a whole row: there are enough rows to occupy a GPU.
const MANY_ROWS: usize = 2_048;
/// Maximum row width of [`residual_norm`].
pub const WIDEST: usize = 2_048;
/// Row widths are multiples of this number.
pub const VECTOR: usize = 8;
const THREADS: usize = 256;

/// Computes `x + y + bias` and its layer norm: two tensors of the shape of `x` (`[.., width]`). `y` is the output of
/// the last matrix product. `parameters` is `[3, width]`: the bias, and the norm's weight and bias.
///
/// # Errors
/// Shapes or types do not fit, or the width is not a multiple of 8 up to 2,048.
pub fn residual_norm(x: &Tensor, y: &Tensor, parameters: &Tensor, epsilon: f32) -> Result<(Tensor, Tensor)> {
    let width = x.dim(D::Minus1)?;
    let same_type = [y, parameters].iter().all(|other| other.dtype() == x.dtype());
    if y.elem_count() != x.elem_count() || parameters.dims() != [3, width] || !same_type {
        bail!("residual and norm of {:?} and {:?} with {:?}", x.dims(), y.dims(), parameters.dims());
    }
    if width % VECTOR != 0 || width > WIDEST {
        bail!("residual and norm of rows of {width} numbers");
    }
    let rows = x.elem_count() / width;
    let arguments = vec![
        Argument::Tensor(x),
        Argument::Tensor(y),
        Argument::Tensor(parameters),
        Argument::Target,
        Argument::Int(rows),
        Argument::Int(width),
        Argument::Real(epsilon),
    ];
    let (variant, blocks) = if rows < MANY_ROWS { ("few", rows) } else { ("many", rows.div_ceil(WARPS)) };
    let launch = Launch {
        source: "elementwise",
        kernel: format!("residual_norm_{variant}_{}", suffix(x.dtype())?),
        grid: (blocks, 1, 1),
        threads: WARPS * 32,
        arguments,
    };
    let reference = || {
        let [x, y, parameters] = [numbers(x)?, numbers(y)?, numbers(parameters)?];
        Ok(residual_norm_reference(&x, &y, &parameters, epsilon))
    };
    let both = Make { launch, shape: [&[2], x.dims()].concat().into(), reference }.like(x)?;
    Ok((both.get(0)?, both.get(1)?))
}

fn residual_norm_reference(x: &[f32], y: &[f32], parameters: &[f32], epsilon: f32) -> Vec<f32> {
    let width = parameters.len() / 3;
    let (bias, norm) = parameters.split_at(width);
    let (weight, shift) = norm.split_at(width);
    let sums: Vec<f32> = x.iter().zip(y).zip(bias.iter().cycle()).map(|((x, y), bias)| x + y + bias).collect();
    let normed = sums.chunks_exact(width).flat_map(|row| {
        let mean = row.iter().sum::<f32>() / width as f32;
        let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / width as f32;
        let scale = (variance + epsilon).sqrt().recip();
        row.iter().zip(weight).zip(shift).map(move |((x, weight), shift)| (x - mean) * scale * weight + shift)
    });
    let normed: Vec<f32> = normed.collect();
    [sums, normed].concat()
}

/// Applies the exact GELU to `x + bias`, in place, in every row of `x` (`[.., width]`, contiguous); `bias` is
/// `[width]`.
///
/// # Errors
/// Shapes or types do not fit, or the width is not a multiple of 8.
pub fn bias_gelu(x: &Tensor, bias: &Tensor) -> Result<()> {
    let width = x.dim(D::Minus1)?;
    if bias.dims() != [width] || width % VECTOR != 0 || bias.dtype() != x.dtype() {
        bail!("bias {:?} and GELU of {:?}", bias.dims(), x.dims());
    }
    let arguments =
        vec![Argument::Target, Argument::Tensor(bias), Argument::Size(x.elem_count()), Argument::Int(width)];
    let launch = Launch {
        source: "elementwise",
        kernel: format!("bias_gelu_{}", suffix(x.dtype())?),
        grid: (x.elem_count().div_ceil(VECTOR * THREADS), 1, 1),
        threads: THREADS,
        arguments,
    };
    let reference = |x: &mut [f32]| {
        let bias = numbers(bias)?;
        x.iter_mut().zip(bias.iter().cycle()).for_each(|(x, bias)| *x += bias);
        rows::gelu(x);
        Ok(())
    };
    Change { launch, reference }.apply(x)
}

/// Multiplies `x` (`[rows, width]`) by the transpose of `matrix` (`[outputs, width]`). The output is `[rows, outputs]`
/// in f32, for factors of any type: 16-bit logits would tie if the best two differ by less than their rounding error.
///
/// # Errors
/// Shapes or types do not fit, or a tensor is not contiguous.
pub fn product_f32(x: &Tensor, matrix: &Tensor) -> Result<Tensor> {
    let ((rows, width), (outputs, inputs)) = (x.dims2()?, matrix.dims2()?);
    if width != inputs || x.dtype() != matrix.dtype() {
        bail!("a product of {rows} rows of {width} with {outputs} of {inputs}");
    }
    #[cfg(feature = "cuda")]
    if x.device().is_cuda() && x.dtype() != DType::F32 {
        return cuda::product_f32(x, matrix);
    }
    x.to_dtype(DType::F32)?.matmul(&matrix.to_dtype(DType::F32)?.t()?)
}

#[cfg(feature = "cuda")]
mod cuda {
    use candle_core::cuda_backend::cudarc::cublas::{result, sys};
    use candle_core::cuda_backend::{CudaStorageSlice, WrapErr};
    use candle_core::{CpuStorage, CudaStorage, CustomOp2, DType, Layout, Result, Shape, Tensor, bail};

    use super::super::operation::address;

    pub(super) fn product_f32(x: &Tensor, matrix: &Tensor) -> Result<Tensor> {
        x.apply_op2_no_bwd(matrix, &Product(x.dtype()))
    }

    /// A product by cuBLAS, whose output type may be wider than that of the factors; candle's product has one type for
    /// both.
    struct Product(DType);

    impl CustomOp2 for Product {
        fn name(&self) -> &'static str {
            "product_f32"
        }

        fn cpu_fwd(&self, _: &CpuStorage, _: &Layout, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
            bail!("{} is for GPUs", self.name())
        }

        fn cuda_fwd(
            &self,
            x: &CudaStorage,
            x_at: &Layout,
            matrix: &CudaStorage,
            matrix_at: &Layout,
        ) -> Result<(CudaStorage, Shape)> {
            let ((rows, width), (outputs, _)) = (x_at.shape().dims2()?, matrix_at.shape().dims2()?);
            let kind = match self.0 {
                DType::F16 => sys::cudaDataType_t::CUDA_R_16F,
                DType::BF16 => sys::cudaDataType_t::CUDA_R_16BF,
                other => bail!("{} takes f16 or bf16, not {other:?}", self.name()),
            };
            // SAFETY: the product below writes all of it.
            let slice = CudaStorageSlice::F32(unsafe { x.device.alloc(rows * outputs)? });
            let product = CudaStorage { slice, device: x.device.clone() };
            let shape = Shape::from((rows, outputs));
            let (one, zero) = (1f32, 0f32);
            // cuBLAS is column-major: it computes the transpose, `[outputs, rows]`.
            // SAFETY: the three addresses belong to contiguous matrices of these shapes and types.
            unsafe {
                result::gemm_ex(
                    *x.device.cublas_handle().handle(),
                    sys::cublasOperation_t::CUBLAS_OP_T,
                    sys::cublasOperation_t::CUBLAS_OP_N,
                    outputs as i32,
                    rows as i32,
                    width as i32,
                    (&raw const one).cast(),
                    address(matrix, matrix_at)? as *const _,
                    kind,
                    width as i32,
                    address(x, x_at)? as *const _,
                    kind,
                    width as i32,
                    (&raw const zero).cast(),
                    address(&product, &Layout::contiguous(&shape))? as *mut _,
                    sys::cudaDataType_t::CUDA_R_32F,
                    outputs as i32,
                    sys::cublasComputeType_t::CUBLAS_COMPUTE_32F,
                    sys::cublasGemmAlgo_t::CUBLAS_GEMM_DEFAULT_TENSOR_OP,
                )
                .w()?;
            }
            Ok((product, shape))
        }
    }
}
