//! Classifies failed computations: whether the device is at fault.

use candle_core::Error;

/// A failure of the device, independent of its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceFault {
    /// Out of device memory: retry with less work at once.
    Memory,
    /// Any other device failure: retry on another device.
    Other,
}

impl DeviceFault {
    /// Finds the device fault inside an error, however deeply it is wrapped. `None` if the device is not at fault.
    #[must_use]
    pub fn behind(error: &Error) -> Option<Self> {
        match error {
            Error::Context { inner, .. } | Error::WithPath { inner, .. } | Error::WithBacktrace { inner, .. } => {
                Self::behind(inner)
            }
            Error::Cuda(cause) => Some(Self::of_cuda(cause.as_ref())),
            _ => None,
        }
    }

    /// Out of memory can surface when allocating tensors, in cuBLAS's own allocations, or when a kernel is first
    /// loaded.
    #[cfg(feature = "cuda")]
    fn of_cuda(cause: &(dyn std::error::Error + Send + Sync + 'static)) -> Self {
        use candle_core::cuda_backend::CudaError;
        use candle_core::cuda_backend::cudarc::cublas::{
            result::CublasError, sys::cublasStatus_t::CUBLAS_STATUS_ALLOC_FAILED,
        };
        use candle_core::cuda_backend::cudarc::driver::{DriverError, sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY};

        match cause.downcast_ref() {
            Some(
                CudaError::Cuda(DriverError(CUDA_ERROR_OUT_OF_MEMORY))
                | CudaError::Load { cuda: DriverError(CUDA_ERROR_OUT_OF_MEMORY), .. }
                | CudaError::Cublas(CublasError(CUBLAS_STATUS_ALLOC_FAILED)),
            ) => Self::Memory,
            _ => Self::Other,
        }
    }

    #[cfg(not(feature = "cuda"))]
    const fn of_cuda(_: &(dyn std::error::Error + Send + Sync + 'static)) -> Self {
        Self::Other
    }
}

/// The text of an error on one line, without the backtrace that candle appends if `RUST_BACKTRACE` is set.
#[must_use]
pub(crate) fn message(error: &Error) -> String {
    match error {
        Error::WithBacktrace { inner, .. } => message(inner),
        Error::Context { inner, context } => format!("{context}: {}", message(inner)),
        Error::WithPath { inner, path } => format!("{}: {}", path.display(), message(inner)),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_has_no_backtrace_and_keeps_the_context() {
        let backtrace = Box::new(std::backtrace::Backtrace::force_capture());
        let inner = Box::new(Error::Msg("out of memory".into()));
        let error = Error::WithBacktrace { inner, backtrace }.context("a layer");
        assert_eq!(message(&error), "a layer: out of memory");
    }

    #[test]
    fn fault_of_the_device_is_found_in_wrapped_errors() {
        let cuda = || Error::Cuda(Box::new(std::io::Error::other("the driver failed")));
        assert_eq!(DeviceFault::behind(&cuda()), Some(DeviceFault::Other));
        assert_eq!(DeviceFault::behind(&cuda().context("a layer")), Some(DeviceFault::Other));
        assert_eq!(DeviceFault::behind(&cuda().with_path("model.safetensors")), Some(DeviceFault::Other));
        assert_eq!(DeviceFault::behind(&Error::msg("shapes differ").context("a layer")), None);
    }

    #[cfg(feature = "cuda")]
    #[test]
    fn fault_of_a_full_memory_differs_from_other_faults() {
        use candle_core::cuda_backend::CudaError;
        use candle_core::cuda_backend::cudarc::driver::DriverError;
        use candle_core::cuda_backend::cudarc::driver::sys::CUresult;

        let failed = |code| Error::from(CudaError::from(DriverError(code)));
        let full = failed(CUresult::CUDA_ERROR_OUT_OF_MEMORY).context("a layer");
        assert_eq!(DeviceFault::behind(&full), Some(DeviceFault::Memory));
        assert_eq!(DeviceFault::behind(&failed(CUresult::CUDA_ERROR_LAUNCH_FAILED)), Some(DeviceFault::Other));
        let cuda = DriverError(CUresult::CUDA_ERROR_OUT_OF_MEMORY);
        let load = Error::from(CudaError::Load { cuda, module_name: "reduce".into() });
        assert_eq!(DeviceFault::behind(&load), Some(DeviceFault::Memory));
    }
}
