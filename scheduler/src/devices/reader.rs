//! Reads one GPU through NVML.

use std::ffi::OsStr;

use nvml_wrapper::bitmasks::event::EventTypes;
use nvml_wrapper::enum_wrappers::device::{EccCounter, MemoryError, TemperatureSensor};
use nvml_wrapper::enums::device::UsedGpuMemory;
use nvml_wrapper::enums::event::XidError;
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::struct_wrappers::device::ProcessInfo;
use nvml_wrapper::{Device, EventSet, Nvml};
use stage_core::Measured;

use super::gpu::{GpuKey, GpuProcess, GpuReport};

/// Stands for an Xid that the driver does not name.
const UNNAMED_XID: u64 = 999;
/// Maximum number of Xids taken in one reading. Further ones are taken in the next reading.
const XIDS_AT_ONCE: usize = 64;

/// Opens NVML. The error is NVML's message.
pub(super) fn open(library: Option<&OsStr>) -> Result<Nvml, String> {
    let nvml = match library {
        Some(path) => Nvml::builder().lib_path(path).init(),
        None => Nvml::init(),
    };
    nvml.map_err(|error| error.to_string())
}

/// Reads one GPU repeatedly. Collects the Xids that occur during its lifetime.
pub(super) struct GpuReader<'n> {
    nvml: &'n Nvml,
    key: GpuKey,
    events: Option<EventSet<'n>>,
    xids: Vec<u64>,
}

impl<'n> GpuReader<'n> {
    pub(super) const fn new(nvml: &'n Nvml, key: GpuKey) -> Self {
        Self { nvml, key, events: None, xids: Vec::new() }
    }

    pub(super) fn read(&mut self) -> GpuReport {
        let mut asked = Asked::of(find(self.nvml, &self.key));
        let memory = asked.ask(|device| device.memory_info());
        let xids = asked.ask(|device| self.take_xids(device));
        GpuReport {
            uuid: measured(asked.ask(|device| device.uuid())),
            name: measured(asked.ask(|device| device.name())),
            memory_total_bytes: measured(memory.clone().map(|memory| memory.total)),
            memory_used_bytes: measured(memory.map(|memory| memory.used)),
            temperature_c: measured(asked.ask(|device| device.temperature(TemperatureSensor::Gpu))),
            utilization_percent: measured(asked.ask(|device| device.utilization_rates()).map(|rates| rates.gpu)),
            ecc_uncorrected: measured(
                asked.ask(|device| device.total_ecc_errors(MemoryError::Uncorrected, EccCounter::Volatile)),
            ),
            xids: measured(xids),
            processes: measured(
                asked
                    .ask(|device| device.running_compute_processes())
                    .map(|processes| processes.into_iter().map(process).collect()),
            ),
            lost: asked.lost,
        }
    }

    /// All Xids so far. Does not block.
    fn take_xids(&mut self, device: &Device<'n>) -> Result<Vec<u64>, NvmlError> {
        let events = match self.events.take() {
            Some(events) => events,
            None => device
                .register_events(EventTypes::CRITICAL_XID_ERROR, self.nvml.create_event_set()?)
                .map_err(|error| error.error)?,
        };
        for _ in 0..XIDS_AT_ONCE {
            match events.wait(0) {
                Ok(event) => self.xids.extend(event.event_data.map(|xid| match xid {
                    XidError::Value(xid) => xid,
                    XidError::Unknown => UNNAMED_XID,
                })),
                Err(NvmlError::Timeout) => break,
                // The event set is created again at the next reading.
                Err(error) => return Err(error),
            }
        }
        self.events = Some(events);
        Ok(self.xids.clone())
    }
}

/// Queries a GPU through NVML. Once the GPU is lost, no more calls are made.
struct Asked<'n> {
    device: Result<Device<'n>, String>,
    lost: bool,
}

impl<'n> Asked<'n> {
    fn of(found: Result<Device<'n>, NvmlError>) -> Self {
        Self { lost: found.as_ref().is_err_and(is_loss), device: found.map_err(|error| error.to_string()) }
    }

    fn ask<T>(&mut self, question: impl FnOnce(&Device<'n>) -> Result<T, NvmlError>) -> Result<T, String> {
        let answer = question(self.device.as_ref().map_err(Clone::clone)?);
        answer.map_err(|error| {
            let reason = error.to_string();
            if is_loss(&error) {
                self.lost = true;
                self.device = Err(reason.clone());
            }
            reason
        })
    }
}

const fn is_loss(error: &NvmlError) -> bool {
    matches!(error, NvmlError::GpuLost | NvmlError::ResetRequired)
}

/// Finds a GPU by index or UUID. As in CUDA, a UUID may be a prefix that no other GPU shares.
fn find<'n>(nvml: &'n Nvml, key: &GpuKey) -> Result<Device<'n>, NvmlError> {
    let name = match key {
        GpuKey::Index(index) => return nvml.device_by_index(*index),
        GpuKey::Uuid(name) => name,
    };
    match nvml.device_by_uuid(name.as_str()) {
        Err(NvmlError::NotFound | NvmlError::InvalidArg) => {}
        found => return found,
    }
    let mut found = None;
    for index in 0..nvml.device_count()? {
        let fits = |device: &Device<'_>| device.uuid().is_ok_and(|uuid| uuid.starts_with(name.as_str()));
        if let Some(device) = nvml.device_by_index(index).ok().filter(fits)
            && found.replace(device).is_some()
        {
            return Err(NvmlError::NotFound);
        }
    }
    found.ok_or(NvmlError::NotFound)
}

fn process(info: ProcessInfo) -> GpuProcess {
    let used_bytes = match info.used_gpu_memory {
        UsedGpuMemory::Used(bytes) => Measured::of(bytes),
        UsedGpuMemory::Unavailable => Measured::missing("NVML does not report it"),
    };
    GpuProcess { pid: info.pid, used_bytes }
}

fn measured<T>(answer: Result<T, String>) -> Measured<T> {
    answer.map_or_else(Measured::missing, Measured::of)
}
