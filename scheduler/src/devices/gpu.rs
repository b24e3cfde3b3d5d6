//! A GPU: how NVML finds it, and what NVML reports about it. A value that cannot be read is missing with a reason. It
//! counts as unknown, never as free.

use serde::Serialize;
use stage_core::Measured;

/// How NVML finds a GPU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GpuKey {
    /// By UUID, or by a prefix of the UUID that no other GPU shares.
    Uuid(String),
    /// By NVML's index, which can differ from CUDA's.
    Index(u32),
}

/// A reading of one GPU.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GpuReport {
    /// Whether the GPU has fallen off the bus or must be reset before it can be used again. The values that could not
    /// be read then give this as their reason.
    pub lost: bool,
    /// The UUID, in the form that `CUDA_VISIBLE_DEVICES` accepts.
    pub uuid: Measured<String>,
    /// The model of the GPU.
    pub name: Measured<String>,
    /// Total memory in bytes.
    pub memory_total_bytes: Measured<u64>,
    /// Memory in use by all programs, in bytes.
    pub memory_used_bytes: Measured<u64>,
    /// Temperature of the GPU in degrees Celsius.
    pub temperature_c: Measured<u32>,
    /// Percentage of the last sample period in which a kernel was running.
    pub utilization_percent: Measured<u32>,
    /// Number of memory errors that ECC could not correct since the driver was loaded.
    pub ecc_uncorrected: Measured<u64>,
    /// The Xids (error codes of the driver) that occurred since the GPU was first read, in order. An Xid that the
    /// driver does not name is 999.
    pub xids: Measured<Vec<u64>>,
    /// The processes that compute on the GPU.
    pub processes: Measured<Vec<GpuProcess>>,
}

/// A process that computes on a GPU.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GpuProcess {
    /// Its process ID as the driver sees it. It differs from the process's own ID inside a container.
    pub pid: u32,
    /// Device memory in use by the process, in bytes.
    pub used_bytes: Measured<u64>,
}

impl GpuReport {
    /// Memory in use by all programs, in percent of the total.
    ///
    /// # Errors
    /// Why the percentage is unknown.
    pub fn memory_percent(&self) -> Result<f64, String> {
        let (total, used) = (known(&self.memory_total_bytes)?, known(&self.memory_used_bytes)?);
        if *total == 0 { Err("NVML reports none".to_owned()) } else { Ok(*used as f64 / *total as f64 * 100.0) }
    }
}

#[cfg(test)]
impl GpuReport {
    /// A GPU that works, at 50 C, with a tenth of its memory in use.
    pub(crate) fn cool() -> Self {
        Self {
            lost: false,
            uuid: Measured::of("GPU-1".to_owned()),
            name: Measured::of("A".to_owned()),
            memory_total_bytes: Measured::of(1000),
            memory_used_bytes: Measured::of(100),
            temperature_c: Measured::of(50),
            utilization_percent: Measured::of(0),
            ecc_uncorrected: Measured::of(2),
            xids: Measured::of(Vec::new()),
            processes: Measured::of(Vec::new()),
        }
    }
}

/// The measured value, or the reason that it is unknown.
pub(super) fn known<T>(measured: &Measured<T>) -> Result<&T, String> {
    measured.value.as_ref().ok_or_else(|| measured.reason.clone().unwrap_or_default())
}
