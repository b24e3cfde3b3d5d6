//! Sample events for the tests of progress, trace, metrics and report.

use std::ops::Range;
use std::sync::Arc;

use scheduler::coordinator::WorkerId;
use scheduler::protocol::{Lane, Slot, TaskSpan};
use scheduler::store::{Incident, IncidentKind, RecordingEntry};
use stage_core::{DeviceId, Identity, Phase, Phases, Recipe, RecipeStep, StageName, StageSpec};

use super::counters::Counters;

pub(super) const DECODE: StageName = StageName::new("decode");
pub(super) const SEGMENT: StageName = StageName::new("segment");
pub(super) const TRANSCRIBE: StageName = StageName::new("transcribe");
pub(super) const ALIGN: StageName = StageName::new("align");
pub(super) const FORENSICS: StageName = StageName::new("forensics");

/// Stages of the samples. They do not depend on the program's stages, so that tests need no update when those change.
pub(super) fn specs() -> impl Iterator<Item = StageSpec> {
    let spec = |(name, phases, weight)| StageSpec { name, version: 1, inputs: &[], outputs: &[], phases, weight };
    let stages = [
        (DECODE, Phases::Cpu, 0.05),
        (SEGMENT, Phases::Cpu, 0.05),
        (TRANSCRIBE, Phases::Device, 0.75),
        (ALIGN, Phases::Cpu, 0.05),
        (FORENSICS, Phases::Cpu, 0.1),
    ];
    stages.into_iter().map(spec)
}

/// Initial counters for the stages of the samples.
pub(super) fn counters(items: &[RecordingEntry], unreadable: usize) -> Counters {
    Counters::new(specs(), items, unreadable)
}

fn first_phase(stage: StageName) -> Phase {
    if stage == TRANSCRIBE { Phase::Prepare } else { Phase::Run }
}

/// A recording `/calls/NAME` of the given length.
pub(super) fn item(name: &str, audio_s: f64) -> RecordingEntry {
    let spec = specs().next().unwrap();
    let decode = RecipeStep::new(&spec, Identity::without_model(serde_json::Value::Null));
    let recipe = Arc::new(Recipe::new(vec![decode]).unwrap());
    RecordingEntry::new(format!("/calls/{name}"), "00".repeat(32), audio_s, recipe)
}

/// The first worker of `cpu:N`.
pub(super) fn worker(n: u32) -> WorkerId {
    WorkerId { place: DeviceId::Cpu(n).into(), index: 0 }
}

/// A span of a thread, in microseconds since 1970.
pub(super) fn span(lane: Lane, thread: u32, stage: StageName, items: u64, inputs: u32, us: Range<u64>) -> TaskSpan {
    let phase = if lane == Lane::Device { Phase::Infer } else { first_phase(stage) };
    TaskSpan {
        lane,
        slot: Slot::default(),
        thread,
        items: (0..items).collect(),
        stage,
        phase,
        inputs,
        at_once: inputs,
        start_us: us.start,
        end_us: us.end,
    }
}

/// An incident one second after the start of 1970.
pub(super) fn incident(kind: IncidentKind, worker: Option<&str>, message: &str) -> Incident {
    let worker = worker.map(str::to_owned);
    Incident { at_ms: 1000, kind, worker, recording: None, message: message.to_owned() }
}
