//! The device that a model computes on.

use candle_core::Device;
use serde::{Deserialize, Serialize};

use crate::Precision;

/// Where a model's tensors are stored and computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceChoice {
    /// The CPU.
    #[default]
    Cpu,
    /// The first CUDA device that is visible to the process. A worker sees exactly one.
    Cuda,
}

/// How a model computes. The precision enters the fingerprint as the numeric type; the device does not, because results
/// must not depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Compute {
    /// Where the model computes.
    pub device: DeviceChoice,
    /// The numeric type that it computes in.
    pub precision: Precision,
}

impl Compute {
    /// Computation on the CPU.
    #[must_use]
    pub const fn cpu(precision: Precision) -> Self {
        Self { device: DeviceChoice::Cpu, precision }
    }
}

/// The error of a device that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the CUDA device cannot be used: {reason}")]
pub struct DeviceError {
    #[from]
    reason: candle_core::Error,
}

impl DeviceChoice {
    /// Opens the device.
    ///
    /// # Errors
    /// [`DeviceError`] if there is no CUDA device, its driver fails, or the program was built without the feature
    /// `cuda`. Use another device.
    pub fn open(self) -> Result<Device, DeviceError> {
        let device = match self {
            Self::Cpu => Device::Cpu,
            Self::Cuda => Device::new_cuda(0)?,
        };
        #[cfg(feature = "cuda")]
        if let Device::Cuda(device) = &device {
            // SAFETY: all work on a device comes from one thread at a time (candle uses the calling thread's own
            // stream), and a thread that hands a model to another one waits for the device first. Candle's events only
            // order work on several streams. It would create and destroy them with every tensor, which costs as much as
            // launching a kernel.
            unsafe { device.disable_event_tracking() };
        }
        Ok(device)
    }
}
