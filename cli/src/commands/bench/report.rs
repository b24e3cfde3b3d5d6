//! The output of `bench`: a table or a JSON object.

use std::path::PathBuf;

use kernels::Isa;
use measure::{Machine, figures};
use scheduler::devices::{GpuProbe, probe_gpus};
use serde_json::{Value, json};
use stage_core::{DeviceId, RecipeStep, StageName, path_text, printable, shown};

use super::combination::Combination;
use super::measurement::{FailedRecording, MARGIN_PERCENT, Measurement, WARM_UPS, recommended};
use crate::exit::Exit;
use crate::stages;
use crate::table::clock;

/// A spread of the runs above this percentage gives a warning.
const STEADY_PERCENT: f64 = 10.0;

/// The measured stage with its settings.
pub(super) struct About {
    pub(super) step: RecipeStep,
    /// The speech model's name.
    pub(super) model: String,
}

/// Result of a combination.
#[derive(Debug)]
pub(super) enum Outcome {
    Measured(Box<Measurement>),
    /// Measured, or failed with a reason.
    Failed(String),
    /// The device does not support the precision.
    NotPossible(String),
}

/// All measurements.
pub(super) struct Report {
    pub(super) about: About,
    pub(super) repeats: usize,
    /// Measured recordings: number and seconds.
    pub(super) prepared: (usize, f64),
    pub(super) failed: Vec<FailedRecording>,
    pub(super) outcomes: Vec<(Combination, Outcome)>,
}

impl Report {
    /// Adds a combination. A recording that fails in several of them is listed once.
    pub(super) fn add(&mut self, combination: Combination, outcome: Outcome) {
        if let Outcome::Measured(measurement) = &outcome {
            let new = measurement.failed.iter().filter(|failure| !self.failed.contains(failure)).cloned();
            self.failed.extend(new.collect::<Vec<_>>());
        }
        self.outcomes.push((combination, outcome));
    }

    pub(super) fn exit(&self) -> Exit {
        let broken = self.outcomes.iter().any(|(_, outcome)| matches!(outcome, Outcome::Failed(_)));
        match (self.measured().next(), broken || !self.failed.is_empty()) {
            (None, _) if self.failed.is_empty() => Exit::Failed,
            (_, true) => Exit::SomeFilesFailed,
            (_, false) => Exit::Done,
        }
    }

    fn measured(&self) -> impl Iterator<Item = (&Combination, &Measurement)> {
        self.outcomes.iter().filter_map(|(combination, outcome)| match outcome {
            Outcome::Measured(measurement) => Some((combination, &**measurement)),
            _ => None,
        })
    }

    /// The best settings overall and per precision; `None` with fewer than two combinations.
    fn recommendations(&self) -> Option<Recommendations<'_>> {
        if !stages::on_device(self.about.step.stage) || self.measured().count() < 2 {
            return None;
        }
        let mut precisions: Vec<_> = self.measured().map(|(combination, _)| combination.precision).collect();
        precisions.sort_by_key(|precision| precision.name());
        precisions.dedup();
        let of = |precision| recommended(self.measured().filter(move |(of, _)| of.precision == precision));
        Some((recommended(self.measured())?.0, precisions.into_iter().filter_map(of).map(|(best, _)| best).collect()))
    }

    fn gpus(&self) -> Vec<String> {
        let uses_gpus = self.outcomes.iter().flat_map(|(combination, _)| &combination.devices).any(DeviceId::is_cuda);
        match if uses_gpus { Some(probe_gpus(None)) } else { None } {
            Some(GpuProbe::Present { gpus, .. }) => gpus.into_iter().filter_map(|gpu| gpu.name.value).collect(),
            _ => Vec::new(),
        }
    }
}

type Recommendations<'a> = (&'a Combination, Vec<&'a Combination>);

/// The settings of a combination that the stage reads, as arguments.
pub(super) fn label(combination: &Combination, stage: StageName) -> String {
    let Combination { request, precision, device_batch_size, .. } = combination;
    if stages::on_device(stage) {
        format!("--precision {precision} --device-batch-size {device_batch_size} --devices {request}")
    } else {
        format!("--devices {request}")
    }
}

impl Report {
    pub(super) fn text(&self) -> String {
        let mut lines = self.heading();
        if self.measured().next().is_some() {
            lines.push(self.table());
            lines.extend(self.legend());
        }
        lines.extend(self.problems());
        lines.extend(self.advice());
        lines.push(String::new());
        lines.join("\n")
    }

    fn heading(&self) -> Vec<String> {
        let About { step: RecipeStep { stage, version, .. }, model } = &self.about;
        let ((recordings, audio_s), machine) = (self.prepared, Machine::here());
        let model = if stages::on_device(*stage) { format!("; model {model}") } else { String::new() };
        let gpus: String = self.gpus().into_iter().map(|gpu| format!(", {gpu}")).collect();
        vec![
            format!("{stage} alone: {recordings} recordings, {} of audio{model}", clock(audio_s)),
            format!(
                "{}, {} instructions, {} threads{gpus}, {}; earwitness {}, {stage} version {version}",
                machine.cpu,
                Isa::detect().name(),
                machine.threads,
                machine.system,
                env!("CARGO_PKG_VERSION"),
            ),
            format!("best of {} runs after {WARM_UPS} warm-up run", self.repeats),
        ]
    }

    fn table(&self) -> String {
        let with_model = stages::on_device(self.about.step.stage);
        let mut header = vec!["devices"];
        if with_model {
            header.extend(["precision", "batch"]);
        }
        header.extend(["x real time", "spread", "median s", "95 % s", "peak MiB", "before MiB"]);
        header.extend(with_model.then_some("load s"));
        let mut table = figures(if with_model { 2 } else { 1 }, header);
        for (combination, measurement) in self.measured() {
            let mut row = vec![combination.request.clone()];
            if with_model {
                row.extend([combination.precision.to_string(), combination.device_batch_size.to_string()]);
            }
            row.extend([
                short(Some(measurement.times_real_time())),
                format!("{:.0} %", measurement.runs.spread_percent()),
                short(measurement.recording_s(50.0)),
                short(measurement.recording_s(95.0)),
                whole(measurement.peak_mib),
                whole(measurement.before_mib),
            ]);
            row.extend(with_model.then(|| short(measurement.load_s)));
            table.add_row(row);
        }
        table.to_string()
    }

    fn legend(&self) -> Vec<String> {
        let mut lines: Vec<String> = vec![
            "x real time: seconds of audio per second of this stage, without the earlier stages".into(),
            "spread: slowest run compared with the fastest; median s, 95 % s: seconds per recording, in parallel"
                .into(),
            "peak MiB: peak resident memory during the stage; before MiB: the program and decoded recordings".into(),
        ];
        lines.extend(self.caveats());
        lines
    }

    /// Limitations of the measurements.
    fn caveats(&self) -> Vec<String> {
        let never_full = self.measured().filter_map(|(combination, measurement)| {
            let (work, batch) = (measurement.device?, combination.device_batch_size);
            let (windows, at_once) = (work.windows, work.windows_at_once);
            (at_once < batch).then(|| {
                let label = label(combination, self.about.step.stage);
                format!("{label}: batches were never full: at most {at_once} windows at once, {windows} in total")
            })
        });
        let mut caveats: Vec<_> = never_full.collect();
        if self.measured().any(|(_, measurement)| measurement.runs.spread_percent() > STEADY_PERCENT) {
            caveats.push(format!(
                "spread over {STEADY_PERCENT} %: the runs are short or the machine is busy; use --repeat 10 or more \
                 recordings"
            ));
        }
        caveats
    }

    fn problems(&self) -> Vec<String> {
        let combinations = self.outcomes.iter().filter_map(|(combination, outcome)| {
            let label = label(combination, self.about.step.stage);
            match outcome {
                Outcome::Measured(_) => None,
                Outcome::Failed(reason) => Some(format!("FAILED {label}: {reason}")),
                Outcome::NotPossible(reason) => Some(format!("not possible: {label}: {reason}")),
            }
        });
        let recordings = self
            .failed
            .iter()
            .map(|(path, error)| format!("FAILED {}: {}", shown(path), printable(&error.to_string())));
        recordings.chain(combinations).collect()
    }

    fn advice(&self) -> Vec<String> {
        if !stages::on_device(self.about.step.stage) {
            return Vec::new();
        }
        let Some((best, by_precision)) = self.recommendations() else {
            return vec!["to compare settings: --precision f32,bf16,int8 --device-batch-size 1,8".into()];
        };
        let label = |combination| label(combination, self.about.step.stage);
        let mut lines = vec![format!("recommended: {}", label(best))];
        if by_precision.len() > 1 {
            let others = by_precision.into_iter().filter(|of| *of != best);
            lines.extend(others.map(|of| format!("best in {}: {}", of.precision, label(of))));
        }
        lines.push(format!(
            "(the least memory within {MARGIN_PERCENT} % of the fastest; accuracy is not measured: f32 is the most \
             exact, then f16, bf16, int8)"
        ));
        lines
    }
}

impl Report {
    pub(super) fn json(&self) -> Value {
        let About { step: RecipeStep { stage, version, identity, .. }, model } = &self.about;
        let ((recordings, audio_s), machine) = (self.prepared, Machine::here());
        let failed = |(path, error): &FailedRecording| json!({"path": path_text(path), "code": error.code, "reason": error.to_string()});
        json!({
            "stage": stage,
            "stage_settings": identity.settings,
            "model": stages::on_device(*stage).then_some(model),
            "model_sha256": identity.model_sha256,
            "versions": {"earwitness": env!("CARGO_PKG_VERSION"), "stage": version},
            "machine": {
                "cpu": machine.cpu, "instruction_set": Isa::detect().name(), "threads": machine.threads,
                "system": machine.system, "gpus": self.gpus(),
            },
            "warm_up_runs": WARM_UPS,
            "timed_runs": self.repeats,
            "recordings": recordings,
            "audio_s": audio_s,
            "failed": self.failed.iter().map(failed).collect::<Vec<_>>(),
            "combinations": self.outcomes.iter().map(|of| self.combination(of)).collect::<Vec<_>>(),
            "recommended": self.recommendations().map(|(best, by_precision)| json!({
                "margin_percent": MARGIN_PERCENT,
                "settings": self.settings(best),
                "settings_by_precision": by_precision.into_iter().map(|of| self.settings(of)).collect::<Vec<_>>(),
            })),
        })
    }

    /// Settings that the stage reads.
    fn settings(&self, combination: &Combination) -> Value {
        let with_model = stages::on_device(self.about.step.stage);
        json!({
            "devices": combination.request,
            "precision": with_model.then(|| combination.precision.name()),
            "device_batch_size": with_model.then_some(combination.device_batch_size),
        })
    }

    fn combination(&self, (combination, outcome): &(Combination, Outcome)) -> Value {
        let (status, reason, figures) = match outcome {
            Outcome::Measured(measurement) => ("measured", None, Some(self.figures(combination, measurement))),
            Outcome::Failed(reason) => ("failed", Some(reason), None),
            Outcome::NotPossible(reason) => ("not_possible", Some(reason), None),
        };
        json!({"settings": self.settings(combination), "status": status, "reason": reason, "measured": figures})
    }

    fn figures(&self, combination: &Combination, measurement: &Measurement) -> Value {
        json!({
            "processes": combination.devices.len(),
            "threads_per_process": combination.threads_per_process(),
            "audio_s": measurement.audio_s(),
            "times_real_time": measurement.times_real_time(),
            "run_s": measurement.runs.seconds(),
            "best_run_s": measurement.runs.best_s(),
            "spread_percent": measurement.runs.spread_percent(),
            "recording_median_s": measurement.recording_s(50.0),
            "recording_p95_s": measurement.recording_s(95.0),
            "peak_memory_mib": measurement.peak_mib,
            "memory_before_mib": measurement.before_mib,
            "model_load_s": measurement.load_s,
            "windows": measurement.device.map(|work| work.windows),
            "windows_at_once": measurement.device.map(|work| work.windows_at_once),
            "recordings": measurement.recordings.iter().map(recording).collect::<Vec<_>>(),
        })
    }
}

/// A recording, as measured in the fastest run.
fn recording((path, audio_s, stage_s): &(PathBuf, f64, f64)) -> Value {
    json!({"path": path_text(path), "audio_s": audio_s, "stage_s": stage_s})
}

/// Formats a number with about three significant digits.
fn short(value: Option<f64>) -> String {
    match value {
        None => "-".into(),
        Some(value) if value < 1.0 => format!("{value:.3}"),
        Some(value) if value < 10.0 => format!("{value:.2}"),
        Some(value) if value < 100.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.0}"),
    }
}

fn whole(value: Option<f64>) -> String {
    value.map_or_else(|| "-".into(), |value| format!("{value:.0}"))
}
