//! Fused transformer operations: each is one kernel on a GPU, and a plain reference implementation in Rust elsewhere.
//!
//! candle's own operations read and write the GPU's memory for every bias, norm, mask and transpose. These operations
//! take a layer's projections in the layout of the matrix products, add biases when they read the numbers, and keep
//! scores in registers. The CUDA sources are in `cuda/`. Every operation takes f32, f16 or bf16 tensors and computes in
//! f32. Heads are [`HEAD_WIDTH`] wide and row widths are multiples of 8, as in every Whisper model.

mod decoder;
mod encoder;
mod layers;
mod operation;
mod sampler;

pub use decoder::{Groups, decoder_attention, store_kv_cache};
pub use encoder::encoder_attention;
pub use layers::{VECTOR, WIDEST, bias_gelu, product_f32, residual_norm};
pub use sampler::{TokenConstraints, Vocabulary, choose};

use candle_core::{DType, Device, Result, Tensor};

/// The only width of an attention head that these operations support.
pub const HEAD_WIDTH: usize = 64;

/// Prepares a device for these operations. On a GPU, it keeps the memory of freed tensors for later ones; by default
/// the driver releases it whenever the host waits for the device, which is once per step. The setting applies to all
/// memory of the process on that device.
///
/// # Errors
/// The driver fails.
pub fn prepare(device: &Device) -> Result<()> {
    #[cfg(feature = "cuda")]
    if let Device::Cuda(device) = device {
        return operation::keep_freed_memory(device);
    }
    let _ = device;
    Ok(())
}

/// Returns unused memory to the driver. Call it after an out-of-memory error, so that the driver can make its own
/// allocations (kernels that are loaded on first use, cuBLAS's workspace).
///
/// # Errors
/// The driver fails.
pub fn release(device: &Device) -> Result<()> {
    #[cfg(feature = "cuda")]
    if let Device::Cuda(cuda) = device {
        device.synchronize()?;
        return operation::release_freed_memory(cuda);
    }
    let _ = device;
    Ok(())
}

/// Whether a device supports these operations: the CPU, and GPUs of compute capability 8.0 or above.
#[must_use]
pub fn is_supported(device: &Device) -> bool {
    match device {
        Device::Cpu => true,
        #[cfg(feature = "cuda")]
        Device::Cuda(device) => operation::has_tensor_cores_for_bf16(device),
        _ => false,
    }
}

/// All numbers of a tensor, in order, as f32, for the reference implementations.
fn numbers(tensor: &Tensor) -> Result<Vec<f32>> {
    tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()
}
