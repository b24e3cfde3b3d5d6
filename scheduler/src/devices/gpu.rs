//! A GPU: how NVML finds it, and what NVML reports of it. A reading that fails is missing with its reason: unknown,
//! never free.

use serde::Serialize;
use stage_core::Measured;

/// How NVML finds a GPU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GpuKey {
    /// By its lasting name, or the beginning of it where no other GPU shares that.
    Uuid(String),
    /// By NVML's number, which can differ from CUDA's.
    Index(u32),
}

/// One GPU.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GpuReport {
    /// It has fallen off the bus or must be reset before it can be used again; what could not be read says so too.
    pub lost: bool,
    /// Its lasting name, as `CUDA_VISIBLE_DEVICES` takes it.
    pub uuid: Measured<String>,
    /// Its model.
    pub name: Measured<String>,
    /// Memory in bytes.
    pub memory_total_bytes: Measured<u64>,
    /// Memory in use by anyone, in bytes.
    pub memory_used_bytes: Measured<u64>,
    /// Temperature of the chip in degrees Celsius.
    pub temperature_c: Measured<u32>,
    /// Share of the last sample period in which a kernel ran, in percent.
    pub utilization_percent: Measured<u32>,
    /// Errors of its memory that ECC could not correct, since the driver was loaded.
    pub ecc_uncorrected: Measured<u64>,
    /// The Xids (the driver's numbers for errors) that came since it is read, in order; 999 where the driver names
    /// none.
    pub xids: Measured<Vec<u64>>,
    /// The processes that compute on it.
    pub processes: Measured<Vec<GpuProcess>>,
}

/// A process that computes on a GPU.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GpuProcess {
    /// Its number, as the driver knows it: another one than its own where it lives in a container.
    pub pid: u32,
    /// What it holds of the device's memory, in bytes.
    pub used_bytes: Measured<u64>,
}

impl GpuReport {
    /// Memory in use by anyone, in percent of all.
    ///
    /// # Errors
    /// Why it is unknown.
    pub fn memory_percent(&self) -> Result<f64, String> {
        let (total, used) = (known(&self.memory_total_bytes)?, known(&self.memory_used_bytes)?);
        if *total == 0 { Err("it says it has none".to_owned()) } else { Ok(*used as f64 / *total as f64 * 100.0) }
    }
}

/// A measured value, or why it is unknown.
pub(super) fn known<T>(measured: &Measured<T>) -> Result<&T, String> {
    measured.value.as_ref().ok_or_else(|| measured.reason.clone().unwrap_or_default())
}
