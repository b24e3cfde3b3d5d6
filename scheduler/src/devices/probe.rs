//! All GPUs of the machine, read once.

use std::ffi::OsStr;

use serde::Serialize;
use stage_core::Measured;

use super::gpu::{GpuKey, GpuReport};
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
    fn probe_of_a_machine_without_nvml_says_so() {
        let probe = probe_gpus(Some(OsStr::new("/nowhere/libnvidia-ml.so.1")));
        assert!(matches!(&probe, GpuProbe::Absent { reason } if !reason.is_empty()));
        assert_eq!(probe.uuids(), None);
    }
}
