//! Formats GPUs as a table, lines or JSON. A value that cannot be read is shown as `unknown`, with its reason.

use comfy_table::{Cell, CellAlignment};
use scheduler::devices::{DeviceLimits, DeviceState, Gate, GpuReport};
use serde_json::{Value, json};
use stage_core::Measured;

use crate::table;

const GIB: f64 = (1_u64 << 30) as f64;

/// All GPUs with their last readings.
pub(super) struct View {
    driver: Measured<String>,
    pub(super) gpus: Vec<Gpu>,
}

/// A GPU, its last reading, and whether a run would use it.
pub(super) struct Gpu {
    /// Name in `--devices`.
    pub(super) name: String,
    report: Result<GpuReport, String>,
    gate: Gate,
}

impl View {
    /// The GPUs in NVML's order.
    pub(super) fn new(driver: Measured<String>, gpus: Vec<GpuReport>, limits: &DeviceLimits) -> Self {
        let gpu = |(index, report): (usize, GpuReport)| {
            let unread = Err(String::new());
            let mut gpu = Gpu { name: format!("cuda:{index}"), report: unread, gate: Gate::new(limits.clone()) };
            gpu.read(Ok(report));
            gpu
        };
        Self { driver, gpus: gpus.into_iter().enumerate().map(gpu).collect() }
    }

    pub(super) fn json(&self) -> Value {
        let gpus = self.gpus.iter().enumerate().map(|(index, gpu)| {
            let mut shown = match &gpu.report {
                Ok(report) => json!(report),
                Err(reason) => json!({"unreadable": reason}),
            };
            shown["index"] = index.into();
            shown["state"] = json!(gpu.gate.state());
            shown["state_reason"] = gpu.gate.reason().into();
            shown
        });
        json!({"nvml": "present", "driver": self.driver, "gpus": gpus.collect::<Vec<_>>()})
    }

    /// One row per GPU, followed by one line per value that cannot be read.
    pub(super) fn table(&self) -> String {
        let mut table = table::empty(["GPU", "name", "memory", "temperature", "in use", "ECC", "Xid", "state"]);
        for gpu in &self.gpus {
            let shown = Shown::of(gpu);
            let right = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
            table.add_row([
                Cell::new(&gpu.name),
                Cell::new(shown.name),
                right(shown.memory),
                right(shown.temperature),
                right(shown.utilization),
                right(shown.ecc),
                right(shown.xid),
                Cell::new(gpu.state()),
            ]);
        }
        let driver = shown(&self.driver, Clone::clone);
        let unknown: String = self.gpus.iter().flat_map(Gpu::unknown).map(|line| line + "\n").collect();
        format!("{table}\n{unknown}driver {driver}\n")
    }

    /// One line per GPU, without table borders.
    pub(super) fn lines(&self) -> Vec<String> {
        let line = |gpu: &Gpu| {
            let Shown { memory, temperature, utilization, ecc, xid, .. } = Shown::of(gpu);
            format!(
                "{}  memory {memory}  temperature {temperature}  in use {utilization}  ECC {ecc}  Xid {xid}  {}",
                gpu.name,
                gpu.state()
            )
        };
        self.gpus.iter().map(line).collect()
    }
}

impl Gpu {
    pub(super) fn read(&mut self, report: Result<GpuReport, String>) {
        self.gate.next(&report, false);
        self.report = report;
    }

    fn state(&self) -> String {
        match self.gate.state() {
            DeviceState::Admitted => DeviceState::Admitted.to_string(),
            state => format!("{state}: {}", self.gate.reason()),
        }
    }

    /// Values that cannot be read, with reasons. Empty for a lost GPU, because its state implies that none can be read.
    fn unknown(&self) -> Vec<String> {
        let Ok(report) = &self.report else { return Vec::new() };
        let readings = [
            ("memory", &report.memory_used_bytes.reason),
            ("temperature", &report.temperature_c.reason),
            ("use", &report.utilization_percent.reason),
            ("ECC", &report.ecc_uncorrected.reason),
            ("Xid", &report.xids.reason),
            ("name", &report.name.reason),
        ];
        let unknown = readings.iter().filter_map(|(what, reason)| Some((what, reason.as_deref()?)));
        let line = |(what, reason): (&&str, &str)| format!("{}: {what} unknown: {reason}", self.name);
        if report.lost { Vec::new() } else { unknown.map(line).collect() }
    }
}

/// The formatted readings of a GPU.
struct Shown {
    name: String,
    memory: String,
    temperature: String,
    utilization: String,
    ecc: String,
    xid: String,
}

impl Shown {
    fn of(gpu: &Gpu) -> Self {
        let Ok(report) = &gpu.report else {
            let [name, memory, temperature, utilization, ecc, xid] = [const { UNKNOWN }; 6].map(str::to_owned);
            return Self { name, memory, temperature, utilization, ecc, xid };
        };
        Self {
            name: shown(&report.name, Clone::clone),
            memory: memory(report),
            temperature: shown(&report.temperature_c, |c| format!("{c} C")),
            utilization: shown(&report.utilization_percent, |percent| format!("{percent} %")),
            ecc: shown(&report.ecc_uncorrected, u64::to_string),
            xid: shown(&report.xids, |xids| xids.last().map_or_else(|| "none".to_owned(), u64::to_string)),
        }
    }
}

const UNKNOWN: &str = "unknown";

fn memory(report: &GpuReport) -> String {
    let gib = |bytes: &Measured<u64>| bytes.value.map(|bytes| bytes as f64 / GIB);
    match (gib(&report.memory_used_bytes), gib(&report.memory_total_bytes), report.memory_percent()) {
        (Some(used), Some(total), Ok(percent)) => format!("{used:.1} of {total:.1} GiB ({percent:.0} %)"),
        _ => UNKNOWN.to_owned(),
    }
}

fn shown<T>(measured: &Measured<T>, show: impl FnOnce(&T) -> String) -> String {
    measured.value.as_ref().map_or_else(|| UNKNOWN.to_owned(), show)
}
