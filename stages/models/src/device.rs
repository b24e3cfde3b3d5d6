//! The device that a model computes on.

use candle_core::Device;
use serde::{Deserialize, Serialize};

/// Where a model's tensors live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceChoice {
    /// This machine's CPU.
    #[default]
    Cpu,
    /// The first CUDA device that the process can see: a worker sees one.
    Cuda,
}

/// The device cannot be used.
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
    /// [`DeviceError`] where there is no CUDA device, its driver fails, or the program was built without the feature
    /// `cuda`: give the work to another device.
    pub fn open(self) -> Result<Device, DeviceError> {
        let device = match self {
            Self::Cpu => Device::Cpu,
            Self::Cuda => Device::new_cuda(0)?,
        };
        #[cfg(feature = "cuda")]
        if let Device::Cuda(device) = &device {
            // SAFETY: all work on a device comes from one thread at a time (candle uses the calling thread's own
            // stream), and a thread that hands a model to another one waits for the device first. The events that
            // candle would make and destroy with every tensor order several streams, and cost as much as starting a
            // kernel.
            unsafe { device.disable_event_tracking() };
        }
        Ok(device)
    }
}
