//! The data for the template, with all numbers formatted as text.

use std::path::PathBuf;

use askama::Template;
use scheduler::coordinator::WorkerId;
use scheduler::protocol::Lane;
use scheduler::store::{Incident, IncidentKind, RecordingEntry};
use stage_core::{DecodeWarning, Measured, StageName, printable, shown};

use super::drawing::{Area, Mark, Scale};
use super::format::{count, duration, percent, short, times};
use super::timeline::{Kind, LaneOrder, color_class, kinds};
use super::{Report, RunInfo};
use crate::export::utc;
use crate::watch::Ending;
use crate::watch::counters::{Counters, StageCounters};
use crate::watch::description::{FileFailure, label};
use crate::watch::workers::WorkerCounters;

/// Number of files in the table of slowest files.
const SLOWEST: usize = 20;

/// The whole page.
#[derive(Template)]
#[template(path = "report.html")]
pub(super) struct Page<'a> {
    version: &'static str,
    command: String,
    began: String,
    ended: String,
    ending: &'static str,
    /// `good`, `warn` or `bad`.
    tone: &'static str,
    reason: Option<String>,
    facts: Vec<Fact>,
    scale: Scale,
    marks: Vec<Mark>,
    kinds: Vec<Kind>,
    lanes: Vec<LaneRow>,
    workers: Vec<WorkerRow>,
    stages: Vec<StageRow>,
    incidents: Vec<IncidentRow>,
    more_incidents: u64,
    failures: &'a [FileFailure],
    more_failures: u64,
    defects: Vec<DefectRow>,
    more_defects: u64,
    slowest: Vec<SlowRow>,
}

/// A named number.
struct Fact {
    name: &'static str,
    value: String,
    detail: String,
}

/// A row of the timeline.
struct LaneRow {
    worker: String,
    lane: String,
    first: bool,
    areas: Vec<Area>,
    busy: Measured<String>,
}

struct WorkerRow {
    name: String,
    pid: Measured<u32>,
    state: &'static str,
    device_busy: Measured<String>,
    cpu_busy: Measured<String>,
    inputs: String,
    inputs_at_once: Measured<String>,
    audio: String,
    speed: String,
}

struct StageRow {
    name: &'static str,
    /// CSS class, which sets the color.
    class: String,
    committed: String,
    reused: String,
    checkpoints: String,
    cpu: String,
    device: String,
    elapsed: String,
    speed: Measured<String>,
}

struct IncidentRow {
    number: usize,
    at: String,
    left: String,
    kind: String,
    /// `good`, `warn` or `bad`.
    tone: &'static str,
    worker: String,
    recording: String,
    message: String,
}

struct DefectRow {
    path: String,
    kind: String,
    /// `warn` if sound is missing.
    tone: &'static str,
    message: String,
}

struct SlowRow {
    path: String,
    audio: String,
    worked: String,
    ratio: String,
}

impl<'a> Page<'a> {
    pub(super) fn new(
        report: &'a Report,
        info: &RunInfo<'a>,
        counters: &Counters,
        items: &'a [RecordingEntry],
    ) -> Self {
        let scale = Scale::new(&report.timeline, info.wall_s);
        let (ending, tone, reason) = match info.ending {
            Ending::Finished if counters.files.failed > 0 => ("finished, with failures", "warn", None),
            Ending::Finished if report.loses_sound => ("finished; sound of some recordings is missing", "warn", None),
            Ending::Finished => ("finished", "good", None),
            Ending::Interrupted => ("interrupted; run the same command to resume", "warn", None),
            Ending::Broken(reason) => ("aborted", "bad", Some(printable(reason).into_owned())),
        };
        let since = |incident: &Incident| (incident.at_ms as f64 * 1e3 - report.began_us as f64) / 1e6;
        let incidents = report.incidents.listed.iter().enumerate();
        Self {
            version: env!("CARGO_PKG_VERSION"),
            command: printable(info.command).into_owned(),
            began: utc(report.began_us / 1000),
            ended: utc(report.began_us / 1000 + (info.wall_s * 1e3) as u64),
            ending,
            tone,
            reason,
            facts: facts(counters, info.wall_s),
            marks: scale.marks(),
            kinds: kinds(),
            lanes: lanes(report, &scale, counters, info.wall_s),
            workers: counters.workers.iter().map(|(id, of)| worker(id, of, info.wall_s)).collect(),
            stages: counters.stages.iter().map(|(name, of)| stage(name, of)).collect(),
            incidents: incidents.map(|(i, of)| incident(i + 1, of, since(of), &scale)).collect(),
            more_incidents: report.incidents.more,
            failures: &report.failures.listed,
            more_failures: report.failures.more,
            defects: report.defects.listed.iter().map(defect).collect(),
            more_defects: report.defects.more,
            slowest: counters.slowest(SLOWEST).into_iter().map(|(index, s)| slow(&items[index], s)).collect(),
            scale,
        }
    }
}

fn defect((path, warning): &(PathBuf, DecodeWarning)) -> DefectRow {
    DefectRow {
        path: shown(path),
        kind: warning.kind.to_string(),
        tone: if warning.kind.loses_sound() { "warn" } else { "good" },
        message: printable(&warning.message).into_owned(),
    }
}

fn facts(counters: &Counters, wall_s: f64) -> Vec<Fact> {
    let (files, work) = (counters.files, &counters.work);
    let sum = |of: fn(&StageCounters) -> u64| counters.stages.iter().map(|(_, counters)| of(counters)).sum::<u64>();
    let open = files.planned.saturating_sub(files.done + files.failed);
    let named = |n: u64, name: &str| if n == 0 { String::new() } else { format!(", {} {name}", count(n)) };
    let files_detail = format!(
        "of {}{}{}",
        count(files.planned as u64),
        named(files.failed as u64, "failed"),
        named(open as u64, "not finished")
    );
    let reused_audio = if work.reused_s() > 0.0 { hours(work.reused_s()) } else { "none".to_owned() };
    let workers = match counters.workers.came_up() {
        1 => "one worker".to_owned(),
        n => format!("{n} workers"),
    };
    let fact = |name, value, detail| Fact { name, value, detail };
    vec![
        fact("files done", count(files.done as u64), files_detail),
        fact("audio done", hours(work.done_s()), format!("of {}, {reused_audio} cached", hours(work.total_s()))),
        fact("wall time", duration(wall_s), workers),
        fact("times real time", times(work.computed_s() / wall_s.max(1e-3)), "computed audio, wall time".to_owned()),
        fact("stages computed", count(sum(|of| of.committed)), format!("{} cached", count(sum(|of| of.reused)))),
    ]
}

fn lanes(report: &Report, scale: &Scale, counters: &Counters, wall_s: f64) -> Vec<LaneRow> {
    let mut last: Option<&WorkerId> = None;
    let mut lanes = Vec::new();
    for (id, lane, row) in report.timeline.rows() {
        let (lane, name) = match lane {
            LaneOrder::Device => (Lane::Device, "device".to_owned()),
            LaneOrder::Cpu => (Lane::Cpu, format!("cpu × {}", row.threads)),
        };
        let worker = counters.workers.iter().find(|(other, _)| *other == id);
        lanes.push(LaneRow {
            worker: id.to_string(),
            lane: name,
            first: last.replace(id) != Some(id),
            areas: scale.areas(row),
            busy: busy(worker.and_then(|(_, worker)| worker.lane(lane).busy_share(wall_s))),
        });
    }
    lanes
}

fn worker(id: &WorkerId, of: &WorkerCounters, wall_s: f64) -> WorkerRow {
    let inputs_at_once = of.device.inputs_at_once().map(|inputs| format!("{inputs:.1}"));
    WorkerRow {
        name: id.to_string(),
        pid: Measured::from_option(of.pid, "no process was ready"),
        state: of.state.name(),
        device_busy: busy(of.device.busy_share(wall_s)),
        cpu_busy: busy(of.cpu.busy_share(wall_s)),
        inputs: count(of.device.inputs),
        inputs_at_once: Measured::from_option(inputs_at_once, "no window was reported"),
        audio: hours(of.audio_s),
        speed: times(of.audio_s / wall_s.max(1e-3)),
    }
}

fn busy(share: Option<f64>) -> Measured<String> {
    Measured::from_option(share.map(percent), "the lane reported no work")
}

fn stage(name: StageName, of: &StageCounters) -> StageRow {
    let worked_s = (of.cpu_us + of.device_us) as f64 / 1e6;
    StageRow {
        name: name.as_str(),
        class: color_class(name),
        committed: count(of.committed),
        reused: count(of.reused),
        checkpoints: count(of.checkpoints),
        cpu: duration(of.cpu_us as f64 / 1e6),
        device: duration(of.device_us as f64 / 1e6),
        elapsed: duration(of.duration_s),
        speed: Measured::from_option((worked_s > 0.0).then(|| times(of.audio_s / worked_s)), "no lane reported it"),
    }
}

fn incident(number: usize, of: &Incident, at_s: f64, scale: &Scale) -> IncidentRow {
    let tone = match of.kind {
        IncidentKind::WorkerLost
        | IncidentKind::ProbeFailed
        | IncidentKind::DeviceRetired
        | IncidentKind::DeviceLost
        | IncidentKind::DevicePaused
        | IncidentKind::DriverLost
        | IncidentKind::Quarantined
        | IncidentKind::RecordingChanged => "bad",
        IncidentKind::DeviceHeld
        | IncidentKind::DeviceThrottled
        | IncidentKind::BatchShrunk
        | IncidentKind::BatchBisected
        | IncidentKind::Retried
        | IncidentKind::RecordingMoved
        | IncidentKind::WorkerPending
        | IncidentKind::ClockChanged => "warn",
        IncidentKind::ProbePassed | IncidentKind::DeviceResumed => "good",
    };
    IncidentRow {
        number,
        at: duration(at_s.max(0.0)),
        left: scale.left(at_s),
        kind: label(&of.kind).replace('-', " "),
        tone,
        worker: of.worker.clone().unwrap_or_default(),
        recording: of.recording.as_deref().map(shown).unwrap_or_default(),
        message: printable(&of.message).into_owned(),
    }
}

fn slow(item: &RecordingEntry, worked_s: f64) -> SlowRow {
    SlowRow {
        path: shown(&item.path),
        audio: duration(item.audio_s),
        worked: duration(worked_s),
        ratio: short(worked_s / item.audio_s),
    }
}

/// Hours with two decimals; below a minute, seconds.
fn hours(seconds: f64) -> String {
    if seconds < 60.0 { format!("{seconds:.1} s") } else { format!("{:.2} h", seconds / 3600.0) }
}
