//! Writes the counters of a run as a file for Prometheus (read by node_exporter's textfile collector).

mod exposition;

use std::io;
use std::path::{Path, PathBuf};

use scheduler::protocol::Lane;
use stage_core::replace_file_unsynced;

use self::exposition::{Exposition, Kind};
use super::counters::{Counters, StageCounters};
use super::description::label;

/// Interval between two writes, in seconds.
const EVERY_S: f64 = 2.0;

/// Replaces the file periodically during the run.
#[derive(Debug)]
pub(crate) struct Metrics {
    path: PathBuf,
    written_at_s: f64,
}

impl Metrics {
    /// Writes the initial counters.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn create(path: &Path, counters: &Counters, now_us: u64) -> io::Result<Self> {
        let mut metrics = Self { path: path.to_owned(), written_at_s: 0.0 };
        metrics.write(counters, 0.0, now_us)?;
        Ok(metrics)
    }

    /// Replaces the file if its content is older than two seconds.
    ///
    /// # Errors
    /// The file cannot be written; its previous content is unchanged.
    pub(crate) fn refresh(&mut self, counters: &Counters, at_s: f64, now_us: u64) -> io::Result<()> {
        if at_s - self.written_at_s < EVERY_S {
            return Ok(());
        }
        self.write(counters, at_s, now_us)
    }

    /// Replaces the file now. `at_s`: seconds since the start of the run; `now_us`: microseconds since 1970.
    ///
    /// # Errors
    /// The file cannot be written; its previous content is unchanged.
    pub(crate) fn write(&mut self, counters: &Counters, at_s: f64, now_us: u64) -> io::Result<()> {
        self.written_at_s = at_s;
        replace_file_unsynced(&self.path, render(counters, at_s, now_us).as_bytes())
    }
}

fn render(counters: &Counters, at_s: f64, now_us: u64) -> String {
    let mut page = Exposition::default();
    audio(&mut page, counters);
    files(&mut page, counters);
    stages(&mut page, counters);
    workers(&mut page, counters);
    let incidents = counters.incidents.iter().map(|(kind, n)| ([("kind", label(kind))], *n as f64));
    page.family("earwitness_incidents_total", Kind::Counter, "Incidents of the run, by kind.", incidents);
    page.single("earwitness_run_seconds", Kind::Gauge, "Seconds since the run began.", at_s);
    page.single(
        "earwitness_last_update_timestamp_seconds",
        Kind::Gauge,
        "When this file was written, in seconds since 1970.",
        now_us as f64 / 1e6,
    );
    page.text()
}

fn audio(page: &mut Exposition, counters: &Counters) {
    let work = &counters.work;
    let gauge = Kind::Gauge;
    page.single("earwitness_audio_seconds", gauge, "Audio of all recordings of the run.", work.total_s());
    page.single(
        "earwitness_audio_seconds_done",
        gauge,
        "Audio done, weighted by stage; includes cached work.",
        work.done_s(),
    );
    page.single("earwitness_audio_seconds_reused", gauge, "Audio done that was cached.", work.reused_s());
    page.single("earwitness_audio_seconds_remaining", gauge, "Audio still to do.", work.remaining_s());
    let eta = counters.eta_s().into_iter().map(|eta_s| ([], eta_s));
    page.family(
        "earwitness_eta_seconds",
        gauge,
        "Estimated seconds until the run is complete; missing while there is no estimate.",
        eta,
    );
}

fn files(page: &mut Exposition, counters: &Counters) {
    page.single("earwitness_files", Kind::Gauge, "Files of the run.", counters.files.planned as f64);
    let ends = [("done", counters.files.done), ("failed", counters.files.failed)];
    let ends = ends.into_iter().map(|(end, n)| ([("end", end.to_owned())], n as f64));
    page.family("earwitness_files_ended_total", Kind::Counter, "Files by result.", ends);
}

fn stages(page: &mut Exposition, counters: &Counters) {
    let stages = || counters.stages.iter().map(|(stage, counts)| ([("stage", stage.to_string())], counts));
    let mut counter = |name, help, value: fn(&StageCounters) -> f64| {
        page.family(name, Kind::Counter, help, stages().map(|(labels, counts)| (labels, value(counts))));
    };
    counter("earwitness_stages_committed_total", "Artifacts computed and committed.", |counts| counts.committed as f64);
    counter("earwitness_stages_reused_total", "Cached artifacts that were reused.", |counts| counts.reused as f64);
    counter("earwitness_checkpoints_committed_total", "Window checkpoints computed and committed.", |counts| {
        counts.checkpoints as f64
    });
    let seconds = counters.stages.iter().flat_map(|(stage, counts)| {
        [(Lane::Cpu, counts.cpu_us), (Lane::Device, counts.device_us)]
            .map(|(lane, us)| ([("stage", stage.to_string()), ("lane", label(&lane))], us as f64 / 1e6))
    });
    page.family("earwitness_stage_seconds_total", Kind::Counter, "Thread time by stage and lane.", seconds);
}

fn workers(page: &mut Exposition, counters: &Counters) {
    let workers = &counters.workers;
    page.single("earwitness_workers_up", Kind::Gauge, "Workers that can compute now.", workers.up() as f64);
    let states = workers
        .iter()
        .map(|(id, worker)| ([("worker", id.to_string()), ("state", worker.state.name().to_owned())], 1.0));
    page.family("earwitness_worker_state", Kind::Gauge, "1 for the current state of the worker.", states);
    let busy = workers.iter().flat_map(|(id, worker)| {
        [Lane::Cpu, Lane::Device]
            .map(|lane| ([("worker", id.to_string()), ("lane", label(&lane))], worker.lane(lane).busy_us as f64 / 1e6))
    });
    page.family("earwitness_busy_seconds_total", Kind::Counter, "Thread time by worker and lane.", busy);
    let of_each = || workers.iter().map(|(id, worker)| ([("worker", id.to_string())], worker));
    let inputs = of_each().map(|(labels, worker)| (labels, worker.device.inputs as f64));
    page.family("earwitness_device_inputs_total", Kind::Counter, "Windows that the device finished.", inputs);
    let input_s = of_each().map(|(labels, worker)| (labels, worker.device.input_us as f64 / 1e6));
    let help = "Device time multiplied by the windows in flight.";
    page.family("earwitness_device_input_seconds_total", Kind::Counter, help, input_s);
}

#[cfg(test)]
mod tests {
    use scheduler::coordinator::Event;
    use scheduler::store::IncidentKind;

    use super::exposition::parsed::{Sample, parse};
    use super::*;
    use crate::watch::samples::{self, TRANSCRIBE, incident, item, span, worker};

    fn counters() -> Counters {
        let mut counters = samples::counters(&[item("a", 100.0), item("b", 50.0)], 1);
        let call = span(Lane::Device, 0, TRANSCRIBE, 1, 8, 0..2_500_000);
        for event in [
            Event::WorkerUp { worker: worker(0), pid: 42 },
            Event::Spans { worker: worker(0), spans: vec![(call, vec![0])] },
            Event::StageCommitted { indices: vec![0], stage: TRANSCRIBE, worker: worker(0), duration_s: 3.0 },
            Event::Incident(incident(IncidentKind::DeviceThrottled, Some("cpu:0"), "80 C")),
            Event::ItemDone { index: 0 },
        ] {
            counters.observe(&event, 10.0);
        }
        counters
    }

    fn value(samples: &[Sample], name: &str, labels: &[(&str, &str)]) -> f64 {
        let labels: Vec<_> = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let found = samples.iter().find(|sample| sample.name == name && sample.labels == labels);
        found.unwrap_or_else(|| panic!("{name} {labels:?} is not in {samples:?}")).value
    }

    #[test]
    fn file_has_the_counters() {
        let samples = parse(&render(&counters(), 12.0, 1_700_000_000_500_000)).unwrap();
        for (name, labels, expected) in [
            ("earwitness_audio_seconds", &[][..], 150.0),
            ("earwitness_audio_seconds_done", &[], 75.0),
            ("earwitness_files_ended_total", &[("end", "done")], 1.0),
            ("earwitness_files_ended_total", &[("end", "failed")], 1.0),
            ("earwitness_stages_committed_total", &[("stage", "transcribe")], 1.0),
            ("earwitness_stage_seconds_total", &[("stage", "transcribe"), ("lane", "device")], 2.5),
            ("earwitness_busy_seconds_total", &[("worker", "cpu:0"), ("lane", "device")], 2.5),
            ("earwitness_busy_seconds_total", &[("worker", "cpu:0"), ("lane", "cpu")], 0.0),
            ("earwitness_device_input_seconds_total", &[("worker", "cpu:0")], 20.0),
            ("earwitness_device_inputs_total", &[("worker", "cpu:0")], 8.0),
            ("earwitness_incidents_total", &[("kind", "device-throttled")], 1.0),
            ("earwitness_worker_state", &[("worker", "cpu:0"), ("state", "throttled")], 1.0),
            ("earwitness_workers_up", &[], 1.0),
            ("earwitness_run_seconds", &[], 12.0),
            ("earwitness_last_update_timestamp_seconds", &[], 1_700_000_000.5),
        ] {
            assert_eq!(value(&samples, name, labels), expected, "{name} {labels:?}");
        }
        assert!(samples.iter().all(|sample| sample.name != "earwitness_eta_seconds"), "an ETA without an estimate");
    }

    #[test]
    fn file_is_replaced_every_two_seconds_and_not_more_often() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.prom");
        let run_s = || {
            let text = std::fs::read_to_string(&path).unwrap();
            value(&parse(&text).unwrap(), "earwitness_run_seconds", &[])
        };
        let counters = counters();
        let mut metrics = Metrics::create(&path, &counters, 0).unwrap();
        metrics.refresh(&counters, 1.9, 0).unwrap();
        assert_eq!(run_s(), 0.0);
        metrics.refresh(&counters, 2.0, 0).unwrap();
        metrics.refresh(&counters, 3.9, 0).unwrap();
        assert_eq!(run_s(), 2.0);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }
}
