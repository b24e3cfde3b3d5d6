//! Operations of a transformer that are one kernel each on a GPU, and a plain reference in Rust everywhere else.
//!
//! candle's own operations pass through the GPU's memory for every bias, norm, mask and transpose. These take a layer's
//! projections as the matrix products leave them, add biases where the numbers are read anyway, and keep scores in
//! registers. CUDA sources are in `cuda/`; every operation computes in f32 for f32, f16 and bf16 tensors.
//! Heads are [`HEAD_WIDTH`] wide and rows a multiple of 8, as in every Whisper.

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

/// The only width of an attention head that these operations take.
pub const HEAD_WIDTH: usize = 64;

/// Prepares a device for these operations. On a GPU, memory that a tensor leaves is kept for the next one: by default
/// the driver gives it back whenever the host waits for the device, which is once per step. This holds for the whole
/// process's memory on that device.
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

/// Gives memory that no tensor holds back to the driver: after a failure for want of memory, what the driver itself
/// allocates (kernels that are loaded when they are first used, cuBLAS's workspace) finds some again.
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

/// Whether a device has these operations: the CPU, and GPUs of compute capability 8.0 or above.
#[must_use]
pub fn is_supported(device: &Device) -> bool {
    match device {
        Device::Cpu => true,
        #[cfg(feature = "cuda")]
        Device::Cuda(device) => operation::has_tensor_cores_for_bf16(device),
        _ => false,
    }
}

/// All numbers of a tensor, in order, as f32: what the references compute with.
fn numbers(tensor: &Tensor) -> Result<Vec<f32>> {
    tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()
}
