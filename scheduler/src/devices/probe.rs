//! What NVML says of the GPUs. A reading that fails is missing with its reason: unknown, never free.

use std::ffi::OsStr;

use nvml_wrapper::enum_wrappers::device::TemperatureSensor;
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml};
use serde::Serialize;
use stage_core::Measured;

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
        /// All GPUs in NVML's order.
        gpus: Vec<GpuReport>,
    },
}

/// One GPU.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GpuReport {
    /// NVML's number.
    pub index: u32,
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

/// Asks NVML for all GPUs. `library` names another library file than the system's.
#[must_use]
pub fn probe_gpus(library: Option<&OsStr>) -> GpuProbe {
    let nvml = match library {
        Some(path) => Nvml::builder().lib_path(path).init(),
        None => Nvml::init(),
    };
    match nvml.as_ref().map_err(absent).and_then(|nvml| Ok((nvml, nvml.device_count().map_err(|e| absent(&e))?))) {
        Err(absent) => absent,
        Ok((nvml, count)) => GpuProbe::Present {
            driver: reading(nvml.sys_driver_version()),
            gpus: (0..count).map(|index| report(index, nvml.device_by_index(index))).collect(),
        },
    }
}

fn absent(error: &NvmlError) -> GpuProbe {
    GpuProbe::Absent { reason: error.to_string() }
}

fn report(index: u32, device: Result<Device<'_>, NvmlError>) -> GpuReport {
    let device = device.map_err(|error| error.to_string());
    let memory = on(&device, |device| device.memory_info());
    GpuReport {
        index,
        uuid: measured(on(&device, |device| device.uuid())),
        name: measured(on(&device, |device| device.name())),
        memory_total_bytes: measured(memory.clone().map(|memory| memory.total)),
        memory_used_bytes: measured(memory.map(|memory| memory.used)),
        temperature_c: measured(on(&device, |device| device.temperature(TemperatureSensor::Gpu))),
        utilisation_percent: measured(on(&device, |device| device.utilization_rates()).map(|rates| rates.gpu)),
    }
}

fn on<'n, T>(
    device: &Result<Device<'n>, String>,
    ask: impl FnOnce(&Device<'n>) -> Result<T, NvmlError>,
) -> Result<T, String> {
    device.as_ref().map_err(Clone::clone).and_then(|device| ask(device).map_err(|error| error.to_string()))
}

fn measured<T>(answer: Result<T, String>) -> Measured<T> {
    answer.map_or_else(Measured::missing, Measured::of)
}

fn reading<T>(answer: Result<T, NvmlError>) -> Measured<T> {
    measured(answer.map_err(|error| error.to_string()))
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
