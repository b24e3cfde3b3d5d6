//! The messages.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use stage_core::{ArtifactName, DeviceId, Fingerprint, Phase, StageError, StageName, Tool};

use super::Fault;
use crate::store::Lease;

/// The version of the protocol; both sides must speak the same one.
pub const VERSION: u32 = 5;

/// The number of a result within one worker, counted from 0: what is acknowledged.
pub type ResultId = u64;

/// A device of a worker. A worker has one today; its messages name it, so that one connection can carry several.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Slot(pub u32);

/// Coordinator to worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToWorker {
    /// The reply to `Hello`: what to become.
    Configure(WorkerSettings),
    /// Work. A worker may hold several batches and runs all of them at once.
    Batch(Batch),
    /// These results are durable (or no longer wanted): forget them.
    Ack {
        /// Which.
        results: Vec<ResultId>,
    },
    /// Run the health probe on a device and report the result: after a worker was lost, or when a device is suspected,
    /// the device has to pass it first.
    HealthProbe {
        /// Which device.
        slot: Slot,
    },
    /// Whether a device lane stops when the inputs in flight are complete: its device is too hot.
    Pause {
        /// Which device.
        slot: Slot,
        /// Stop, or resume.
        paused: bool,
    },
    /// Return these recordings, if none of their inputs has reached the device or it is paused: another device takes
    /// them.
    Revoke {
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
    /// The devices that it computes on.
    pub slots: Vec<SlotSettings>,
    /// Threads of its CPU lane.
    pub threads: usize,
    /// Between two heartbeats, in milliseconds.
    pub heartbeat_ms: u64,
    /// Faults to commit on purpose; for tests alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
    /// Opaque to the scheduler: what the pipeline is built from.
    pub settings: Value,
}

/// One device of a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SlotSettings {
    /// How messages name it.
    pub slot: Slot,
    /// The device. A CUDA device is the first one that the process sees.
    pub device: DeviceId,
    /// Inputs in flight on the device at a time, at most.
    pub device_batch: usize,
}

/// Recordings to work on under one lease.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// The device to work on.
    pub slot: Slot,
    /// The right to commit the results.
    pub lease: Lease,
    /// The recordings.
    pub items: Vec<ItemJob>,
}

/// One recording and what to do with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ItemJob {
    /// The coordinator's number for it.
    pub item: u64,
    /// Its file.
    pub path: PathBuf,
    /// SHA-256 of its bytes when it was planned.
    pub file_sha256: String,
    /// Its length in seconds, as probed.
    pub audio_s: f64,
    /// The stages to run, in order.
    pub steps: Vec<Step>,
    /// Stored artifacts that the steps read.
    pub stored: Vec<Stored>,
    /// Checkpoints of steps that were interrupted: their inputs are not computed again.
    pub checkpoints: Vec<Checkpoint>,
}

/// A stored artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// Its name.
    pub artifact: ArtifactName,
    /// The artifact as JSON.
    pub body: String,
}

/// What the model made of one input of a stage, as it is stored until the stage's artifact is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The stage.
    pub stage: StageName,
    /// The input's index among those of its recording.
    pub index: usize,
    /// The model's output as JSON.
    pub body: String,
}

/// One stage to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Which.
    pub stage: StageName,
    /// The fingerprint of its main artifact.
    pub fingerprint: Fingerprint,
    /// Which of its artifacts to commit, with their fingerprints: none where the stage runs only because its transient
    /// outputs are needed (decode, for the samples).
    pub commit: Vec<(ArtifactName, Fingerprint)>,
    /// Whether its inputs are stored: not where its artifact is stored and made again.
    pub keep_checkpoints: bool,
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
    /// For each device every [`WorkerSettings::heartbeat_ms`], also while the lanes are busy.
    Heartbeat {
        /// Which device.
        slot: Slot,
        /// What was done since the worker started.
        progress: WorkerProgress,
    },
    /// What the lanes did since the last such message; sent with heartbeats and at the end of a batch.
    Spans {
        /// In the order of their ends.
        spans: Vec<TaskSpan>,
    },
    /// The reply to [`ToWorker::HealthProbe`].
    HealthProbeEnded {
        /// Which device.
        slot: Slot,
        /// What failed, if anything.
        error: Option<StageError>,
    },
    /// A device's memory did not suffice; fewer inputs are in flight from now on, and slowly more again.
    Shrunk {
        /// Which device.
        slot: Slot,
        /// Inputs that were in flight.
        from: usize,
        /// Inputs in flight, at most, from now on.
        to: usize,
        /// What the device said.
        error: StageError,
    },
    /// The reply to [`ToWorker::Revoke`].
    Revoked {
        /// The batch's lease.
        lease: Lease,
        /// What is no longer in the batch; possibly nothing.
        items: Vec<u64>,
    },
    /// Sent before the work begins, so that it is known which recordings a dead worker was working on.
    Started {
        /// The batch's lease.
        lease: Lease,
        /// Which recording.
        item: u64,
        /// Which stage.
        stage: StageName,
        /// Which phase of it.
        phase: Phase,
    },
    /// What the model made of one input, to commit.
    Checkpoint {
        /// What to acknowledge.
        result: ResultId,
        /// The batch's lease.
        lease: Lease,
        /// Which recording.
        item: u64,
        /// Which stage.
        stage: StageName,
        /// The fingerprint of the main artifact that will be made of it.
        fingerprint: Fingerprint,
        /// The input's index among those of its recording.
        index: usize,
        /// The model's output as JSON.
        body: String,
        /// Seconds of audio that the input covers; 0 for inputs of follow-ups.
        audio_s: f64,
        /// When the device's engine took the input, in milliseconds since 1970.
        started_at_ms: u64,
        /// From then to its output, in seconds; work on other inputs is included.
        duration_s: f64,
    },
    /// A stage's artifacts to commit together.
    Done {
        /// What to acknowledge.
        result: ResultId,
        /// The batch's lease.
        lease: Lease,
        /// Which recording.
        item: u64,
        /// Which stage.
        stage: StageName,
        /// Those of [`Step::commit`].
        artifacts: Vec<NewBody>,
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

/// An artifact that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewBody {
    /// Its name.
    pub artifact: ArtifactName,
    /// Its fingerprint, from the step.
    pub fingerprint: Fingerprint,
    /// The artifact as JSON.
    pub body: String,
}

/// What both lanes of a worker have done since it started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerProgress {
    /// CPU lane: tasks.
    pub cpu: LaneProgress,
    /// Device lane: the engine; each step and each completed input counts as done.
    pub device: LaneProgress,
    /// Device lane: loads of the models and health probes, which show no steps.
    pub setup: LaneProgress,
}

/// WorkerProgress of one lane. A lane that is busy while `done` stands still may hang.
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
    /// The one thread that owns a device's models.
    Device,
}

/// What a lane's thread did without interruption. A device's engine may run for hours: its time is cut where inputs are
/// completed, from one group of them to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskSpan {
    /// Which lane.
    pub lane: Lane,
    /// The device of a device lane; the first one in the CPU lane, which all devices share.
    pub slot: Slot,
    /// The thread's number in its lane, from 0.
    pub thread: u32,
    /// The recordings (the coordinator's numbers); on the device all that had inputs in flight, none while models load.
    pub items: Vec<u64>,
    /// Which stage.
    pub stage: StageName,
    /// Which phase of it.
    pub phase: Phase,
    /// Inputs that were completed in it; 0 in the CPU lane and while models load.
    pub inputs: u32,
    /// Most inputs in flight on the device in it; 0 where [`inputs`](Self::inputs) must be.
    pub at_once: u32,
    /// Beginning, in microseconds since 1970.
    pub start_us: u64,
    /// End, in microseconds since 1970.
    pub end_us: u64,
}
