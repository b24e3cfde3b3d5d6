//! Sample events for the tests of progress, trace, metrics and report.

use std::ops::Range;
use std::sync::Arc;

use scheduler::coordinator::WorkerId;
use scheduler::protocol::{Lane, TaskSpan};
use scheduler::store::{Incident, IncidentKind, RecordingEntry};
use stage_core::{DeviceId, Identity, Phase, Recipe, StageKind};

/// A recording `/calls/NAME` of the given length.
pub(super) fn item(name: &str, audio_s: f64) -> RecordingEntry {
    let decode = (StageKind::Decode, 1, Identity::without_model(serde_json::Value::Null));
    RecordingEntry {
        path: format!("/calls/{name}").into(),
        file_sha256: "00".repeat(32),
        audio_s,
        name: name.to_owned(),
        recipe: Arc::new(Recipe::new(vec![decode]).unwrap()),
    }
}

/// The first worker of `cpu:N`.
pub(super) fn worker(n: u32) -> WorkerId {
    WorkerId { device: DeviceId::Cpu(n), index: 0 }
}

/// A span of a thread, in microseconds since 1970.
pub(super) fn span(lane: Lane, thread: u32, stage: StageKind, items: u64, units: u32, us: Range<u64>) -> TaskSpan {
    let phase = if lane == Lane::Device { Phase::Infer } else { stage.phases()[0] };
    TaskSpan {
        lane,
        thread,
        items: (0..items).collect(),
        stage,
        phase,
        units,
        at_once: units,
        start_us: us.start,
        end_us: us.end,
    }
}

/// An incident one second after 1970 began.
pub(super) fn incident(kind: IncidentKind, worker: Option<&str>, message: &str) -> Incident {
    let worker = worker.map(str::to_owned);
    Incident { at_ms: 1000, kind, worker, recording: None, message: message.to_owned() }
}
