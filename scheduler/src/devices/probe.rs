//! Reads all GPUs of the machine once.

use std::ffi::OsStr;

use serde::Serialize;
use stage_core::Measured;

use super::gpu::{GpuKey, GpuReport};
use super::reader::{GpuReader, open};

/// The GPUs of the machine.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "nvml", rename_all = "snake_case")]
pub enum GpuProbe {
    /// There is no NVIDIA driver. On most machines this is not an error.
    Absent {
        /// The error from NVML.
        reason: String,
    },
    /// There is an NVIDIA driver.
    Present {
        /// Version of the driver.
        driver: Measured<String>,
        /// All GPUs in NVML's order. The position in the list is NVML's index.
        gpus: Vec<GpuReport>,
    },
}

impl GpuProbe {
    /// UUIDs of the GPUs in NVML's order, or `None` if NVML is missing. A GPU whose UUID cannot be read is left out.
    #[must_use]
    pub fn uuids(&self) -> Option<Vec<String>> {
        match self {
            Self::Absent { .. } => None,
            Self::Present { gpus, .. } => Some(gpus.iter().filter_map(|gpu| gpu.uuid.value.clone()).collect()),
        }
    }
}

/// Reads all GPUs through NVML. `library` is the path of an NVML library to use instead of the driver's. This call
/// hangs if NVML hangs: to avoid that, read through a [`super::Monitor`].
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
    fn probe_of_a_machine_without_nvml_says_why() {
        let probe = probe_gpus(Some(OsStr::new("/nowhere/libnvidia-ml.so.1")));
        assert!(matches!(&probe, GpuProbe::Absent { reason } if !reason.is_empty()));
        assert_eq!(probe.uuids(), None);
    }
}
