//! The messages.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use stage_core::{DeviceId, Fingerprint, Phase, StageError, StageKind};

use crate::store::Lease;

/// The version of the protocol; both sides must speak the same one.
pub const VERSION: u32 = 1;

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
    /// Units in one device call, at most.
    pub device_batch: usize,
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

/// One stage to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Which.
    pub stage: StageKind,
    /// The name of its artifact.
    pub fingerprint: Fingerprint,
    /// False where the stage runs only because its output is needed (decode, for the samples).
    pub commit: bool,
}

/// Worker to coordinator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromWorker {
    /// The first message.
    Hello {
        /// [`VERSION`] of the worker.
        protocol: u32,
        /// Version of the executable, recorded with its artifacts.
        tool_version: String,
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
    /// Once a second, whatever the lanes do.
    Heartbeat(Progress),
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
    /// Device lane: calls, the load of the models being one.
    pub device: LaneProgress,
}

/// Progress of one lane. A lane that is busy while `done` stands still may hang.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneProgress {
    /// In hand now.
    pub busy: u64,
    /// Finished so far.
    pub done: u64,
}
