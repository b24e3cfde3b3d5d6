//! Formats progress as text and as JSON.

use scheduler::coordinator::Event;
use scheduler::store::RecordingEntry;
use serde_json::{Value, json};
use stage_core::{path_bytes, path_text, printable};

use crate::defects::Defects;
use crate::inputs::SkippedFile;
use crate::table::clock;
use crate::watch::counters::Counters;
use crate::watch::description::{FileFailure, label};
use crate::watch::workers::{State, WorkerCounters};

/// `1.20/3.40 h, 244.1x real time, ETA 12:34, 12/183 files, 1 failed`.
pub(super) fn summary(counters: &Counters, at_s: f64) -> String {
    let (work, files) = (&counters.work, counters.files);
    let hours = |seconds: f64| seconds.max(0.0) / 3600.0;
    let speed = counters.pace.speed().unwrap_or_else(|| average_speed(counters, at_s));
    let eta = match counters.eta_s() {
        Some(eta_s) if work.remaining_s() > 0.0 => format!(", ETA {}", clock(eta_s)),
        _ => String::new(),
    };
    let failed = if files.failed == 0 { String::new() } else { format!(", {} failed", files.failed) };
    format!(
        "{:.2}/{:.2} h, {speed:.1}x real time{eta}, {}/{} files{failed}",
        hours(work.done_s()),
        hours(work.total_s()),
        files.done + files.failed,
        files.planned,
    )
}

/// ` 122.0x  transcribe infer call-3`, preceded by the state unless it is `up`.
pub(super) fn worker(worker: &WorkerCounters, items: &[RecordingEntry], at_s: f64) -> String {
    let state = if worker.state == State::Up { String::new() } else { format!("{}  ", worker.state.name()) };
    format!("{:6.1}x  {state}{}", worker.speed(at_s), current_work(worker, items))
}

/// The summary and all workers, on one line.
pub(super) fn plain(items: &[RecordingEntry], counters: &Counters, at_s: f64) -> String {
    let workers = counters.workers.iter().map(|(id, of)| format!("; {id} {}", worker(of, items, at_s).trim_start()));
    summary(counters, at_s) + &workers.collect::<String>()
}

/// The numbers as one JSON object. A value without an estimate is null.
pub(super) fn json(items: &[RecordingEntry], counters: &Counters, at_s: f64) -> Value {
    let (work, files) = (&counters.work, counters.files);
    let workers = counters.workers.iter().map(|(id, worker)| {
        json!({
            "worker": id.to_string(),
            "state": worker.state.name(),
            "current_work": worker.current_work.map(|_| current_work(worker, items)),
            "device_lane_busy": worker.progress.device.busy > 0,
            "audio_done_s": worker.audio_s,
            "speed": worker.speed(at_s),
        })
    });
    json!({
        "audio_done_s": work.done_s(),
        "audio_reused_s": work.reused_s(),
        "audio_remaining_s": work.remaining_s(),
        "audio_total_s": work.total_s(),
        "files_done": files.done,
        "files_failed": files.failed,
        "files_total": files.planned,
        "elapsed_s": at_s,
        "eta_s": counters.eta_s(),
        "speed": average_speed(counters, at_s),
        "recent_speed": counters.pace.speed(),
        "workers": workers.collect::<Vec<_>>(),
    })
}

/// The JSON line of an event that is printed at once; `event` states its kind.
pub(super) fn event(event: &Event) -> Option<Value> {
    Some(match event {
        Event::WorkerUp { worker, pid } => json!({"event": "worker_up", "worker": worker.to_string(), "pid": pid}),
        Event::Incident(incident) => json!({
            "event": "incident", "at_ms": incident.at_ms, "kind": incident.kind, "worker": incident.worker,
            "recording": incident.recording.as_deref().map(path_text), "message": incident.message,
        }),
        _ => return None,
    })
}

/// The JSON line of a failed file.
pub(super) fn file_failed(failure: &FileFailure) -> Value {
    let mut line = json!(failure);
    line["event"] = "file_failed".into();
    if let Some(bytes) = path_bytes(&failure.path) {
        line["path_bytes"] = bytes.into();
    }
    line
}

/// The JSON line of a skipped file.
pub(super) fn skipped(skipped: &SkippedFile) -> Value {
    let mut line = skipped.json();
    line["event"] = "skipped".into();
    line
}

/// The JSON line of a recording with warnings.
pub(super) fn defects(defects: &Defects) -> Value {
    let mut line = json!({"event": "warnings", "path": path_text(&defects.path), "warnings": defects.warnings});
    if let Some(bytes) = path_bytes(&defects.path) {
        line["path_bytes"] = bytes.into();
    }
    line
}

/// Seconds of audio computed per second since the start of the run.
fn average_speed(counters: &Counters, at_s: f64) -> f64 {
    counters.work.computed_s() / at_s.max(1e-3)
}

fn current_work(worker: &WorkerCounters, items: &[RecordingEntry]) -> String {
    match worker.current_work {
        Some(current) => {
            format!("{} {} {}", current.stage, label(&current.phase), printable(&items[current.index].name))
        }
        None => "waiting for work".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use scheduler::store::IncidentKind;
    use stage_core::{ErrorClass, ErrorCode, Phase, PipelineError};

    use super::*;
    use crate::watch::samples::{self, DECODE, TRANSCRIBE, incident, item, worker as worker_id};

    fn items() -> [RecordingEntry; 2] {
        [item("long", 7200.0), item("short", 3600.0)]
    }

    /// One worker, ten seconds after it came up, with a tenth of the long recording transcribed.
    fn counters() -> Counters {
        let mut counters = samples::counters(&items(), 0);
        let (indices, stage, worker) = (vec![0], TRANSCRIBE, worker_id(0));
        counters.observe(&Event::WorkerUp { worker: worker.clone(), pid: 42 }, 5.0);
        let phase = Phase::Infer;
        counters.observe(&Event::StageStarted { indices: indices.clone(), stage, phase, worker: worker.clone() }, 6.0);
        counters.observe(&Event::CheckpointCommitted { indices, stage, worker, audio_s: 720.0 }, 15.0);
        counters
    }

    #[test]
    fn checkpoint_of_a_long_recording_gives_speed_and_eta() {
        let counters = counters();
        assert_eq!(summary(&counters, 15.0), "0.15/3.00 h, 54.0x real time, ETA 3:10, 0/2 files");
        let json = json(&items(), &counters, 15.0);
        assert_eq!(json["eta_s"], 190.0);
        assert_eq!(json["recent_speed"], 54.0);
        assert_eq!(json["speed"], 36.0);
        assert_eq!(json["workers"][0]["current_work"], "transcribe infer long");
    }

    #[test]
    fn eta_without_an_estimate_is_null_and_not_shown() {
        let counters = samples::counters(&items(), 0);
        assert_eq!(json(&items(), &counters, 1.0)["eta_s"], Value::Null);
        assert!(!summary(&counters, 1.0).contains("ETA"));
    }

    #[test]
    fn plain_line_shows_a_paused_device() {
        let mut counters = counters();
        let hot = Event::Incident(incident(IncidentKind::DevicePaused, Some("cpu:0"), "86 C"));
        counters.observe(&hot, 15.0);
        let line = plain(&items(), &counters, 15.0);
        assert!(line.ends_with("; cpu:0 54.0x  paused  transcribe infer long"), "{line}");
        assert_eq!(json(&items(), &counters, 15.0)["workers"][0]["state"], "paused");
        let line = event(&hot).unwrap();
        assert_eq!((&line["event"], &line["kind"]), (&json!("incident"), &json!("device-paused")));
    }

    #[test]
    fn file_failed_has_path_origin_class_code_message_and_causes() {
        let error = PipelineError::new(DECODE, ErrorClass::BadInput, ErrorCode::UnsupportedCodec, "no codec")
            .caused_by(&std::fmt::Error);
        let failure = FileFailure::new("/calls/short".as_ref(), &error);
        assert_eq!(
            file_failed(&failure),
            json!({
                "event": "file_failed", "path": "/calls/short", "origin": "decode", "class": "bad_input",
                "code": "unsupported-codec", "message": "no codec", "causes": [std::fmt::Error.to_string()],
            })
        );
    }
}
