//! The messages between coordinator and worker.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use stage_core::{ArtifactName, DeviceId, Fingerprint, Phase, PipelineError, StageName, Tool};

use super::Fault;
use crate::store::Lease;

/// The version of the protocol. Both sides must use the same one.
pub const VERSION: u32 = 7;

/// The number of a result within one worker, counted from 0. The coordinator acknowledges results by number.
pub type ResultId = u64;

/// A device of a worker. A worker has one device today. Its messages name it, so that one connection can serve several.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Slot(pub u32);

/// Messages from the coordinator to a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToWorker {
    /// The settings, in reply to `Hello`.
    Configure(WorkerSettings),
    /// Recordings to process. A worker may hold several batches and runs all of them at once.
    Batch(Batch),
    /// These results are durable or no longer needed, so the worker deletes them.
    Ack {
        /// Numbers of the results.
        results: Vec<ResultId>,
    },
    /// Run the health probe on a device and report the result. Sent after a worker was lost or when a device is
    /// suspected. The device must pass the probe before it gets more work.
    HealthProbe {
        /// The device.
        slot: Slot,
    },
    /// Pause or resume a device lane, because the device is too hot. A lane pauses when the inputs in flight are
    /// complete.
    Pause {
        /// The device.
        slot: Slot,
        /// Whether to pause or resume.
        paused: bool,
    },
    /// Return these recordings, so that another device can take them. Only recordings whose inputs have not reached the
    /// device are returned, or all if the device is paused.
    Revoke {
        /// The lease of their batch.
        lease: Lease,
        /// The coordinator's numbers of the recordings.
        items: Vec<u64>,
    },
    /// Exit.
    Shutdown {
        /// Whether to finish the recordings in progress and wait until their results are acknowledged. Otherwise the
        /// worker exits at once.
        drain: bool,
    },
}

/// The settings of a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkerSettings {
    /// The devices to compute on.
    pub slots: Vec<SlotSettings>,
    /// Number of threads in the CPU lane.
    pub threads: usize,
    /// Interval between two heartbeats, in milliseconds.
    pub heartbeat_ms: u64,
    /// How long a task of the CPU lane may take.
    pub task_time: TaskTime,
    /// Faults to inject. For tests only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
    /// Settings from which the pipeline is built. The scheduler does not interpret them.
    pub settings: Value,
    /// SHA-256 of the models that the stages must have, if the worker may run on another machine. It refuses if its
    /// own differ.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub models: BTreeMap<StageName, String>,
}

/// How long a task of the CPU lane may take: a time for each task, and more for longer recordings. Time in which it waits
/// for the device does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskTime {
    /// For each task, in milliseconds.
    pub least_ms: u64,
    /// For each second of the recording, in milliseconds.
    pub per_audio_s_ms: u64,
}

impl Default for TaskTime {
    /// Ten minutes, and two seconds for each second of the recording: a hundred times what a stage needs for a call, and
    /// enough for 64 channels.
    fn default() -> Self {
        Self { least_ms: 600_000, per_audio_s_ms: 2_000 }
    }
}

impl TaskTime {
    /// Headers may state any length. More than this does not count, in seconds: a day.
    const LONGEST_AUDIO_S: f64 = 86_400.0;

    /// The time for a recording with this length in seconds.
    ///
    /// ```
    /// use scheduler::protocol::TaskTime;
    ///
    /// let time = TaskTime { least_ms: 600_000, per_audio_s_ms: 2_000 };
    /// assert_eq!(time.of(60.0).as_secs(), 720);
    /// assert_eq!((time.of(f64::NAN).as_secs(), time.of(1e30)), (600, time.of(86_400.0)));
    /// ```
    #[must_use]
    pub fn of(self, audio_s: f64) -> Duration {
        let audio_s = if audio_s.is_nan() { 0.0 } else { audio_s.clamp(0.0, Self::LONGEST_AUDIO_S) };
        Duration::from_millis(self.least_ms.saturating_add((audio_s * self.per_audio_s_ms as f64) as u64))
    }
}

/// The settings of one device of a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SlotSettings {
    /// The slot by which messages name the device.
    pub slot: Slot,
    /// The device. A CUDA device is the first one that is visible to the process.
    pub device: DeviceId,
    /// Maximum number of inputs in flight on the device.
    pub device_batch: usize,
}

/// Recordings to process under one lease.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// The device to use.
    pub slot: Slot,
    /// The lease under which the results are committed.
    pub lease: Lease,
    /// The recordings.
    pub items: Vec<ItemJob>,
}

/// One recording and the stages to run on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ItemJob {
    /// The coordinator's number of the recording.
    pub item: u64,
    /// The path of its file, which need not be UTF-8.
    #[serde(with = "stage_core::lossless_path")]
    pub path: PathBuf,
    /// SHA-256 of the file at the time of planning.
    pub file_sha256: String,
    /// Length in seconds, as probed.
    pub audio_s: f64,
    /// The stages to run, in order.
    pub steps: Vec<Step>,
    /// Stored artifacts that the steps read.
    pub stored: Vec<Stored>,
    /// Checkpoints of interrupted steps. Inputs with a checkpoint are not computed again.
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

/// The model's output for one input of a stage. It is stored until the artifact of the stage is stored.
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
    /// The stage.
    pub stage: StageName,
    /// The fingerprint of its main artifact.
    pub fingerprint: Fingerprint,
    /// The artifacts to commit, with their fingerprints. Empty if the stage runs only for its transient outputs (for
    /// example decode, for the samples).
    pub commit: Vec<(ArtifactName, Fingerprint)>,
    /// Whether to store checkpoints. False if the artifact is stored already and is computed again.
    pub keep_checkpoints: bool,
}

/// Messages from a worker to the coordinator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromWorker {
    /// The first message of a worker.
    Hello {
        /// [`VERSION`] of the worker.
        protocol: u32,
        /// The program, stored with its artifacts.
        tool: Tool,
        /// Its process ID.
        pid: u32,
    },
    /// The pipeline is built, and the worker accepts batches.
    Ready,
    /// The pipeline cannot be built. The worker exits.
    Refused {
        /// The error.
        error: PipelineError,
    },
    /// Sent for each device every [`WorkerSettings::heartbeat_ms`], even while the lanes are busy.
    Heartbeat {
        /// The device.
        slot: Slot,
        /// Progress since the worker started.
        progress: WorkerProgress,
    },
    /// Tasks that the lanes ran since the last such message. Sent with heartbeats and at the end of a batch.
    Spans {
        /// The tasks, in the order in which they ended.
        spans: Vec<TaskSpan>,
    },
    /// The reply to [`ToWorker::HealthProbe`].
    HealthProbeEnded {
        /// The device.
        slot: Slot,
        /// The error, if the probe failed.
        error: Option<PipelineError>,
    },
    /// A device ran out of memory. The number of inputs in flight is reduced and later grows again slowly.
    Shrunk {
        /// The device.
        slot: Slot,
        /// Inputs that were in flight.
        from: usize,
        /// Maximum number of inputs in flight from now on.
        to: usize,
        /// The device's error.
        error: PipelineError,
    },
    /// The reply to [`ToWorker::Revoke`].
    Revoked {
        /// The batch's lease.
        lease: Lease,
        /// The recordings that the worker no longer holds. May be empty.
        items: Vec<u64>,
    },
    /// Sent before a task starts, so that the recordings in progress are known if the worker dies.
    Started {
        /// The batch's lease.
        lease: Lease,
        /// The coordinator's number of the recording.
        item: u64,
        /// The stage.
        stage: StageName,
        /// The phase.
        phase: Phase,
    },
    /// The model's output for one input, to commit as a checkpoint.
    Checkpoint {
        /// The number of this result.
        result: ResultId,
        /// The batch's lease.
        lease: Lease,
        /// The coordinator's number of the recording.
        item: u64,
        /// The stage.
        stage: StageName,
        /// The fingerprint of the main artifact that the output is for.
        fingerprint: Fingerprint,
        /// The input's index among those of its recording.
        index: usize,
        /// The model's output as JSON.
        body: String,
        /// Seconds of audio that the input covers; 0 for inputs of follow-ups.
        audio_s: f64,
        /// When the device's engine took the input, in milliseconds since 1970.
        started_at_ms: u64,
        /// Time from then until its output, in seconds. Work on other inputs is included.
        duration_s: f64,
    },
    /// A stage's artifacts to commit together.
    Done {
        /// The number of this result.
        result: ResultId,
        /// The batch's lease.
        lease: Lease,
        /// The coordinator's number of the recording.
        item: u64,
        /// The stage.
        stage: StageName,
        /// The artifacts of [`Step::commit`].
        artifacts: Vec<NewBody>,
        /// When the stage's first phase began, in milliseconds since 1970.
        started_at_ms: u64,
        /// Time from then to the end of its last phase, in seconds. Waiting between phases is included.
        duration_s: f64,
    },
    /// The recording failed. Its later stages do not run.
    Failed {
        /// The number of this result.
        result: ResultId,
        /// The batch's lease.
        lease: Lease,
        /// The coordinator's number of the recording.
        item: u64,
        /// The error.
        error: PipelineError,
    },
    /// Every recording of the batch is done or failed.
    BatchFinished {
        /// The batch's lease.
        lease: Lease,
    },
}

/// An artifact that was computed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewBody {
    /// Its name.
    pub artifact: ArtifactName,
    /// Its fingerprint, from the step.
    pub fingerprint: Fingerprint,
    /// The artifact as JSON.
    pub body: String,
}

/// Progress of the lanes of a worker since it started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerProgress {
    /// CPU lane: number of tasks.
    pub cpu: LaneProgress,
    /// Device lane: steps of the engine and completed inputs.
    pub device: LaneProgress,
    /// Device lane: loads of models and health probes, which have no steps.
    pub setup: LaneProgress,
    /// CPU lane: a task that takes longer than its limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overdue: Option<OverdueTask>,
}

/// A task of the CPU lane that takes longer than its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverdueTask {
    /// The coordinator's number of the recording.
    pub item: u64,
    /// The stage.
    pub stage: StageName,
    /// The limit, in milliseconds.
    pub limit_ms: u64,
}

/// Progress of one lane. If a lane is busy and `done` does not grow, it may hang.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneProgress {
    /// Number running now.
    pub busy: u64,
    /// Number finished so far.
    pub done: u64,
}

/// A lane of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lane {
    /// The pool of CPU threads.
    Cpu,
    /// The thread that owns a device's models.
    Device,
}

/// An interval in which a thread of a lane worked without interruption. A device's engine may run for hours, so its
/// time is divided where inputs are completed, from one group of completed inputs to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskSpan {
    /// The lane.
    pub lane: Lane,
    /// The device of a device lane. In the CPU lane, which all devices share, the first device.
    pub slot: Slot,
    /// The index of the thread in its lane, from 0.
    pub thread: u32,
    /// The coordinator's numbers of the recordings. On the device, all recordings with inputs in flight; empty while
    /// models load.
    pub items: Vec<u64>,
    /// The stage.
    pub stage: StageName,
    /// The phase.
    pub phase: Phase,
    /// Number of inputs completed in the interval. 0 in the CPU lane and while models load.
    pub inputs: u32,
    /// Maximum number of inputs in flight on the device. 0 in the CPU lane and while models load.
    pub at_once: u32,
    /// Start, in microseconds since 1970.
    pub start_us: u64,
    /// End, in microseconds since 1970.
    pub end_us: u64,
}
