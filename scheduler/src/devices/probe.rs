//! What NVML says of the GPUs. A reading that fails is missing with its reason: unknown, never free.

use std::ffi::OsStr;

use serde::Serialize;
use stage_core::Measured;

use super::monitor::GpuKey;
use super::reader::{GpuReader, open};

/// What the machine says of its GPUs.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "nvml", rename_all = "snake_case")]
pub enum GpuProbe {
    /// No driver of NVIDIA answers: a plain statement, on most machines no fault.
    Absent {
        /// What NVML said.
        reason: String,
    },
    /// The driver answers.
    Present {
        /// Version of the driver.
        driver: Measured<String>,
        /// All GPUs in NVML's order: the place in the list is NVML's number.
        gpus: Vec<GpuReport>,
    },
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
    pub utilisation_percent: Measured<u32>,
    /// Errors of its memory that ECC could not correct, since the driver was loaded.
    pub ecc_uncorrected: Measured<u64>,
    /// The Xids (the driver's numbers for errors) that came since it is read, in order; 999 where the driver names none.
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

impl GpuProbe {
    /// UUIDs of the GPUs in NVML's order; none where NVML is missing. A GPU whose UUID cannot be read is left out.
    #[must_use]
    pub fn uuids(&self) -> Option<Vec<String>> {
        match self {
            Self::Absent { .. } => None,
            Self::Present { gpus, .. } => Some(gpus.iter().filter_map(|gpu| gpu.uuid.value.clone()).collect()),
        }
    }
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

/// Asks NVML for all GPUs. `library` names another library file than the driver's. It waits as long as NVML does: where
/// that matters, read through a [`super::Monitor`].
#[must_use]
pub fn probe_gpus(library: Option<&OsStr>) -> GpuProbe {
    let nvml = match open(library) {
        Ok(nvml) => nvml,
        Err(reason) => return GpuProbe::Absent { reason },
    };
    match nvml.device_count() {
        Err(error) => GpuProbe::Absent { reason: error.to_string() },
        Ok(count) => GpuProbe::Present {
            driver: nvml.sys_driver_version().map_or_else(|e| Measured::missing(e.to_string()), Measured::of),
            gpus: (0..count).map(|index| GpuReader::new(&nvml, GpuKey::Index(index)).read()).collect(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_nvml_is_a_plain_statement() {
        let probe = probe_gpus(Some(OsStr::new("/nowhere/libnvidia-ml.so.1")));
        assert!(matches!(&probe, GpuProbe::Absent { reason } if !reason.is_empty()));
        assert_eq!(probe.uuids(), None);
    }
}
