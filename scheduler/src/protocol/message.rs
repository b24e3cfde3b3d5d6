//! The messages.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use stage_core::{DeviceId, Fingerprint, Phase, StageError, StageKind, Tool};

use super::Fault;
use crate::store::Lease;

/// The version of the protocol; both sides must speak the same one.
pub const VERSION: u32 = 4;

/// The number of a result within one worker, counted from 0: what is acknowledged.
pub type ResultId = u64;

/// Coordinator to worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToWorker {
    /// The answer to `Hello`: what to become.
    Configure(WorkerSettings),
    /// Work. A worker may hold several batches and runs all of them at once.
    Batch(Batch),
    /// These results are durable (or no longer wanted): forget them.
    Ack {
        /// Which.
        results: Vec<ResultId>,
    },
    /// Compute what is known to be good, on the device lane, and say how it went: a worker that comes after a lost one,
    /// or whose device is under suspicion, proves its device first.
    Canary,
    /// Whether the device lane stops when what is under way is answered: the device is too hot.
    Pause {
        /// Stop, or go on.
        paused: bool,
    },
    /// Give these recordings back, if none of their units has reached the device or it is paused: another device takes
    /// them.
    GiveBack {
        /// Their batch's lease.
        lease: Lease,
        /// Which.
        items: Vec<u64>,
    },
    /// End.
    Shutdown {
        /// Finish the recordings that are open and wait until their results are acknowledged; otherwise end at once.
        drain: bool,
    },
}

/// What a worker is configured with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkerSettings {
    /// The device that it computes on. A CUDA device is the first one that the process sees.
    pub device: DeviceId,
    /// Threads of its CPU lane.
    pub threads: usize,
    /// Units under way on the device at a time, at most.
    pub device_batch: usize,
    /// Between two heartbeats, in milliseconds.
    pub heartbeat_ms: u64,
    /// Faults to commit on purpose; for tests alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
    /// Opaque to the scheduler: what the pipeline is built from.
    pub settings: Value,
}

/// Recordings to work on under one lease.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// The right to commit what comes of it.
    pub lease: Lease,
    /// The recordings.
    pub items: Vec<ItemJob>,
}

/// One recording and what to do with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ItemJob {
    /// The coordinator's number for it.
    pub item: u64,
    /// Where it lies.
    pub path: PathBuf,
    /// SHA-256 of its bytes when it was planned.
    pub file_sha256: String,
    /// Its length in seconds, as probed.
    pub audio_s: f64,
    /// The stages to run, in order.
    pub steps: Vec<Step>,
    /// Artifacts on record that the steps read.
    pub have: Vec<Recorded>,
    /// Answers on record of steps that were cut off: their units are not computed again.
    pub parts: Vec<RecordedPart>,
}

impl ItemJob {
    /// The body on record of a stage's artifact, where the stage is not run again.
    #[must_use]
    pub fn recorded(&self, stage: StageKind) -> Option<&str> {
        self.have.iter().find(|recorded| recorded.stage == stage).map(|recorded| recorded.body.as_str())
    }
}

/// An artifact on record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// The stage that made it.
    pub stage: StageKind,
    /// The artifact as JSON.
    pub body: String,
}

/// A device's answer to one unit of a stage, on record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedPart {
    /// The stage.
    pub stage: StageKind,
    /// The unit's place among those of its recording.
    pub index: usize,
    /// The answer as JSON.
    pub body: String,
}

/// One stage to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Which.
    pub stage: StageKind,
    /// The name of its artifact.
    pub fingerprint: Fingerprint,
    /// False where the stage runs only because its output is needed (decode, for the samples).
    pub commit: bool,
    /// Whether its parts are kept: not where its artifact is on record and made anew.
    pub keep_parts: bool,
}

/// Worker to coordinator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromWorker {
    /// The first message.
    Hello {
        /// [`VERSION`] of the worker.
        protocol: u32,
        /// The program, recorded with its artifacts.
        tool: Tool,
        /// Its process.
        pid: u32,
    },
    /// The pipeline is built; batches may come.
    Ready,
    /// The pipeline cannot be built; the worker ends.
    Refused {
        /// Why.
        error: StageError,
    },
    /// Every [`WorkerSettings::heartbeat_ms`], whatever the lanes do.
    Heartbeat(Progress),
    /// What the lanes did since it was told last; comes with heartbeats and at the end of a batch.
    Spans {
        /// In the order of their ends.
        spans: Vec<TaskSpan>,
    },
    /// The answer to [`ToWorker::Canary`].
    CanaryEnded {
        /// What failed, if anything.
        error: Option<StageError>,
    },
    /// The device's memory did not suffice; fewer units are under way from now on, and slowly more again.
    Shrunk {
        /// Units that were under way.
        from: usize,
        /// Units under way, at most, from now on.
        to: usize,
        /// What the device said.
        error: StageError,
    },
    /// The answer to [`ToWorker::GiveBack`].
    GaveBack {
        /// The batch's lease.
        lease: Lease,
        /// What is no longer in the batch; possibly nothing.
        items: Vec<u64>,
    },
    /// Said before the work begins, so that a dead worker's suspects are known.
    Started {
        /// The batch's lease.
        lease: Lease,
        /// Which recording.
        item: u64,
        /// Which stage.
        stage: StageKind,
        /// Which part of it.
        phase: Phase,
    },
    /// The device's answer to one unit, to commit.
    Part {
        /// What to acknowledge.
        result: ResultId,
        /// The batch's lease.
        lease: Lease,
        /// Which recording.
        item: u64,
        /// Which stage.
        stage: StageKind,
        /// The name of the artifact that it will be part of.
        fingerprint: Fingerprint,
        /// The unit's place among those of its recording.
        index: usize,
        /// The answer as JSON.
        body: String,
        /// Seconds of audio that the unit covers; 0 for units of follow-ups.
        audio_s: f64,
        /// When the device's engine took the unit, in milliseconds since 1970.
        started_at_ms: u64,
        /// From then to the answer, in seconds; work on other units is in it.
        duration_s: f64,
    },
    /// An artifact to commit.
    Done {
        /// What to acknowledge.
        result: ResultId,
        /// The batch's lease.
        lease: Lease,
        /// Which recording.
        item: u64,
        /// Which stage.
        stage: StageKind,
        /// The artifact's name, from the step.
        fingerprint: Fingerprint,
        /// The artifact as JSON.
        body: String,
        /// When the stage's first phase began, in milliseconds since 1970.
        started_at_ms: u64,
        /// From there to the end of its last phase, in seconds, waiting between phases included.
        duration_s: f64,
    },
    /// The recording failed; none of its later stages is run.
    Failed {
        /// What to acknowledge.
        result: ResultId,
        /// The batch's lease.
        lease: Lease,
        /// Which recording.
        item: u64,
        /// Why.
        error: StageError,
    },
    /// Every recording of the batch is done or failed.
    BatchFinished {
        /// The batch's lease.
        lease: Lease,
    },
}

/// What both lanes of a worker have done since it started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// CPU lane: tasks.
    pub cpu: LaneProgress,
    /// Device lane: the engine, whose every step and answer counts as done.
    pub device: LaneProgress,
    /// Device lane: loads of the models and canaries, which show no steps.
    pub setup: LaneProgress,
}

/// Progress of one lane. A lane that is busy while `done` stands still may hang.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneProgress {
    /// In hand now.
    pub busy: u64,
    /// Finished so far.
    pub done: u64,
}

/// Which lane of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lane {
    /// The pool of CPU threads.
    Cpu,
    /// The one thread that owns the model.
    Device,
}

/// What a lane's thread did, without a break. The device's engine may run for hours: its time is cut where answers fall,
/// from one group of them to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskSpan {
    /// Which lane.
    pub lane: Lane,
    /// The thread's number in its lane, from 0.
    pub thread: u32,
    /// The recordings (the coordinator's numbers); on the device all that had units under way, none while models load.
    pub items: Vec<u64>,
    /// Which stage.
    pub stage: StageKind,
    /// Which part of it.
    pub phase: Phase,
    /// Units that the device answered in it; 0 in the CPU lane and while models load.
    pub units: u32,
    /// Most units under way on the device in it; 0 where [`units`](Self::units) must be.
    pub at_once: u32,
    /// Beginning, in microseconds since 1970.
    pub start_us: u64,
    /// End, in microseconds since 1970.
    pub end_us: u64,
}
