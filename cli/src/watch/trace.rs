//! Writes the spans of every thread in the Chrome trace event format, for ui.perfetto.dev and chrome://tracing.
//!
//! The file is one JSON array to which complete events are appended. If the run is killed, the array is not closed,
//! which the format allows. Format: "Trace Event Format", the Chromium project.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use scheduler::coordinator::{Event, WorkerId};
use scheduler::protocol::{Lane, TaskSpan};
use scheduler::store::{Incident, RecordingEntry};
use serde_json::{Value, json};
use stage_core::{create_file, path_text};

use super::counters::Counters;
use super::description::label;
use super::workers::is_load;

/// Maximum size of the event buffer, in bytes.
const BUFFER_BYTES: usize = 64 * 1024;
/// Maximum time that events stay in the buffer, in seconds.
const FLUSH_S: f64 = 1.0;
/// Interval of the audio counter, in seconds.
const COUNTER_S: f64 = 0.25;
/// Process number of the coordinator in the trace; workers count from 1.
const COORDINATOR: usize = 0;

/// Writes the trace during the run, in constant memory.
#[derive(Debug)]
pub(crate) struct Trace {
    file: File,
    buffer: String,
    began_us: u64,
    flushed_at_s: f64,
    counted_at_s: f64,
    /// Process numbers of the workers, and the threads that have a name event.
    workers: BTreeMap<WorkerId, usize>,
    named: BTreeSet<(usize, u64)>,
}

impl Trace {
    /// Creates the file. `began_us` is the start of the run, in microseconds since 1970: the origin of the trace.
    ///
    /// # Errors
    /// The file cannot be created.
    pub(crate) fn create(path: &Path, began_us: u64) -> io::Result<Self> {
        let mut trace = Self {
            file: create_file(path)?,
            buffer: String::from("["),
            began_us,
            flushed_at_s: 0.0,
            counted_at_s: f64::NEG_INFINITY,
            workers: BTreeMap::new(),
            named: BTreeSet::new(),
        };
        trace.name_process(COORDINATOR, "coordinator");
        Ok(trace)
    }

    /// Adds an event that happened `at_s` seconds after the start of the run.
    ///
    /// # Errors
    /// The file cannot be written. Retrying does not help.
    pub(crate) fn observe(
        &mut self,
        event: &Event,
        items: &[RecordingEntry],
        counters: &Counters,
        at_s: f64,
    ) -> io::Result<()> {
        match event {
            Event::WorkerUp { worker, pid } => {
                let process = self.process(worker);
                self.name_process(process, &format!("{worker} (pid {pid})"));
            }
            Event::Incident(incident) => self.incident(incident),
            Event::Spans { worker, spans } => {
                for (span, indices) in spans {
                    self.span(worker, span, indices, items);
                }
            }
            Event::StageCommitted { .. } | Event::CheckpointCommitted { .. }
                if at_s - self.counted_at_s >= COUNTER_S =>
            {
                self.count_audio(counters, at_s);
            }
            _ => {}
        }
        if self.buffer.len() >= BUFFER_BYTES || at_s - self.flushed_at_s >= FLUSH_S {
            self.flushed_at_s = at_s;
            self.flush()?;
        }
        Ok(())
    }

    /// Closes the array, so that the file is valid JSON.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn finish(&mut self, counters: &Counters, at_s: f64) -> io::Result<()> {
        self.count_audio(counters, at_s);
        self.buffer.push_str("\n]\n");
        self.flush()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_all(self.buffer.as_bytes())?;
        self.buffer.clear();
        Ok(())
    }

    fn push(&mut self, event: &Value) {
        // The first event, the coordinator's name, follows the opening bracket directly.
        self.buffer.push_str(if self.buffer == "[" { "\n" } else { ",\n" });
        self.buffer.push_str(&event.to_string());
    }

    fn process(&mut self, worker: &WorkerId) -> usize {
        let next = self.workers.len() + 1;
        *self.workers.entry(worker.clone()).or_insert(next)
    }

    fn name_process(&mut self, process: usize, name: &str) {
        self.push(&json!({"ph": "M", "name": "process_name", "pid": process, "args": {"name": name}}));
        self.push(&json!({"ph": "M", "name": "process_sort_index", "pid": process, "args": {"sort_index": process}}));
    }

    /// The thread's number in the trace; the device lane is numbered before the CPU lane. Adds a name event for a new
    /// thread.
    fn thread(&mut self, process: usize, lane: Lane, thread: u32) -> u64 {
        let (number, name) = match lane {
            Lane::Device => (u64::from(thread), "device lane".to_owned()),
            Lane::Cpu => (1000 + u64::from(thread), format!("cpu {thread}")),
        };
        if self.named.insert((process, number)) {
            for (key, args) in
                [("thread_name", json!({"name": name})), ("thread_sort_index", json!({"sort_index": number}))]
            {
                self.push(&json!({"ph": "M", "name": key, "pid": process, "tid": number, "args": args}));
            }
        }
        number
    }

    fn span(&mut self, worker: &WorkerId, span: &TaskSpan, indices: &[usize], items: &[RecordingEntry]) {
        let process = self.process(worker);
        let thread = self.thread(process, span.lane, span.thread);
        let name =
            if is_load(span) { "load models".to_owned() } else { format!("{} {}", span.stage, label(&span.phase)) };
        let recordings: Vec<_> = indices.iter().map(|&index| items[index].name.as_str()).collect();
        let mut args = json!({"recordings": recordings});
        if span.inputs > 0 {
            args["inputs_completed"] = span.inputs.into();
        }
        if span.at_once > 0 {
            args["inputs_at_once"] = span.at_once.into();
        }
        self.push(&json!({
            "ph": "X", "name": name, "cat": span.stage, "pid": process, "tid": thread, "args": args,
            "ts": self.since_begin(span.start_us), "dur": span.end_us.saturating_sub(span.start_us),
        }));
    }

    fn incident(&mut self, incident: &Incident) {
        let named = |worker: &&WorkerId| Some(worker.to_string()) == incident.worker;
        let process = self.workers.keys().find(named).map_or(COORDINATOR, |worker| self.workers[worker]);
        self.push(&json!({
            "ph": "i", "s": "p", "name": label(&incident.kind), "cat": "incident", "pid": process, "tid": 0,
            "ts": self.since_begin(incident.at_ms.saturating_mul(1000)),
            "args": {"worker": incident.worker, "recording": incident.recording.as_deref().map(path_text), "message": incident.message},
        }));
    }

    fn count_audio(&mut self, counters: &Counters, at_s: f64) {
        self.counted_at_s = at_s;
        self.push(&json!({
            "ph": "C", "name": "audio seconds computed", "pid": COORDINATOR, "ts": (at_s * 1e6) as u64,
            "args": {"computed": counters.work.computed_s()},
        }));
    }

    const fn since_begin(&self, us: u64) -> u64 {
        us.saturating_sub(self.began_us)
    }
}

#[cfg(test)]
mod tests {
    use scheduler::store::IncidentKind;

    use super::*;
    use crate::watch::samples::{self, DECODE, TRANSCRIBE, incident, item, span, worker};

    const BEGAN_US: u64 = 500_000;

    fn events() -> Vec<Event> {
        let spans = vec![
            (span(Lane::Device, 0, TRANSCRIBE, 0, 0, 500_000..600_000), vec![]),
            (span(Lane::Device, 0, TRANSCRIBE, 2, 8, 700_000..900_000), vec![0, 1]),
            (span(Lane::Cpu, 1, DECODE, 1, 0, 750_000..800_000), vec![1]),
        ];
        vec![
            Event::WorkerUp { worker: worker(0), pid: 42 },
            Event::Spans { worker: worker(0), spans },
            Event::Incident(incident(IncidentKind::Retried, Some("cpu:0"), "again \"now\"\n")),
        ]
    }

    fn written(finish: bool) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trace.json");
        let items = [item("a", 10.0), item("b \"quoted\"", 20.0)];
        let counters = samples::counters(&items, 0);
        let mut trace = Trace::create(&path, BEGAN_US).unwrap();
        for (i, event) in events().iter().enumerate() {
            trace.observe(event, &items, &counters, 2.0 * (i + 1) as f64).unwrap();
        }
        if finish {
            trace.finish(&counters, 10.0).unwrap();
        }
        std::fs::read_to_string(path).unwrap()
    }

    #[test]
    fn trace_that_is_finished_is_json_with_every_span_on_its_thread() {
        let events: Vec<Value> = serde_json::from_str(&written(true)).unwrap();
        let spans: Vec<_> = events.iter().filter(|event| event["ph"] == "X").collect();
        assert_eq!(spans.len(), 3);
        assert_eq!((&spans[0]["name"], &spans[0]["ts"]), (&json!("load models"), &json!(0)));
        assert_eq!((&spans[1]["ts"], &spans[1]["dur"]), (&json!(200_000), &json!(200_000)));
        assert_eq!(
            spans[1]["args"],
            json!({"recordings": ["a", "b \"quoted\""], "inputs_completed": 8, "inputs_at_once": 8})
        );
        assert_eq!(spans[2]["args"], json!({"recordings": ["b \"quoted\""]}));
        assert_eq!(spans[1]["pid"], spans[2]["pid"]);
        assert_ne!(spans[1]["tid"], spans[2]["tid"]);
        let name = |key: &str, of: &Value| {
            let named = |event: &&Value| event["name"] == key && event["pid"] == of["pid"];
            let named = |event: &&Value| named(event) && (event["tid"].is_null() || event["tid"] == of["tid"]);
            events.iter().find(named).unwrap()["args"]["name"].clone()
        };
        assert_eq!(name("process_name", spans[1]), "cpu:0 (pid 42)");
        assert_eq!(name("thread_name", spans[1]), "device lane");
        assert_eq!(name("thread_name", spans[2]), "cpu 1");
        let incident = events.iter().find(|event| event["ph"] == "i").unwrap();
        assert_eq!((&incident["name"], &incident["ts"]), (&json!("retried"), &json!(500_000)));
        assert_eq!(incident["pid"], spans[1]["pid"]);
    }

    #[test]
    fn trace_without_its_end_lacks_only_the_bracket() {
        let cut = written(false);
        let events: Vec<Value> = serde_json::from_str(&format!("{cut}]")).unwrap();
        assert_eq!(events.iter().filter(|event| event["ph"] == "X").count(), 3);
    }
}
