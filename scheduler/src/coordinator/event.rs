//! The events of a run.

use std::fmt;
use std::sync::Arc;

use stage_core::{DeviceId, Phase, PipelineError, StageName};

use crate::protocol::{TaskSpan, WorkerProgress};
use crate::store::Incident;

/// A device, and the node of the cluster that has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The device. Every node of a cluster may call its first GPU `cuda:0`.
    pub device: DeviceId,
    /// The node, or `None` for this machine and for a worker that the cluster has not placed yet.
    pub node: Option<Arc<str>>,
}

impl From<DeviceId> for Place {
    /// A device of this machine.
    fn from(device: DeviceId) -> Self {
        Self { device, node: None }
    }
}

impl fmt::Display for Place {
    /// `cuda:0`, or `cuda:0@node` on a cluster.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.node {
            Some(node) => write!(f, "{}@{node}", self.device),
            None => write!(f, "{}", self.device),
        }
    }
}

/// A worker: its place, and its index among the workers of that place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerId {
    /// Its place.
    pub place: Place,
    /// From 0; more than 0 only where a device has several workers.
    pub index: u32,
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index {
            0 => write!(f, "{}", self.place),
            index => write!(f, "{}#{index}", self.place),
        }
    }
}

/// An event of a run. `index` is the index of a recording in the list of [`crate::store::RecordingEntry`]s. Equal
/// recordings are computed once, and their events have the `indices` of all of them.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A cached artifact is reused.
    Reused {
        /// The recording.
        index: usize,
        /// The stage.
        stage: StageName,
    },
    /// A worker is ready for batches.
    WorkerUp {
        /// The worker.
        worker: WorkerId,
        /// Its process ID.
        pid: u32,
    },
    /// A worker sent a heartbeat.
    WorkerProgress {
        /// The worker.
        worker: WorkerId,
        /// The progress of its lanes.
        progress: WorkerProgress,
    },
    /// An incident, which is also stored.
    Incident(Incident),
    /// The time spans of tasks in a worker's lanes.
    Spans {
        /// The worker.
        worker: WorkerId,
        /// The spans, each with the indices of its recordings.
        spans: Vec<(TaskSpan, Vec<usize>)>,
    },
    /// A phase of a stage started.
    StageStarted {
        /// The recordings.
        indices: Vec<usize>,
        /// The stage.
        stage: StageName,
        /// The phase.
        phase: Phase,
        /// The worker that runs it.
        worker: WorkerId,
    },
    /// A group of artifacts and window checkpoints is about to be committed, is durable or is acknowledged.
    GroupCommit {
        /// The point.
        point: CommitPoint,
        /// Number of artifacts in the group.
        artifacts: usize,
        /// Number of window checkpoints in the group.
        checkpoints: usize,
    },
    /// An artifact is durable.
    StageCommitted {
        /// The recordings.
        indices: Vec<usize>,
        /// The stage.
        stage: StageName,
        /// The worker that computed it.
        worker: WorkerId,
        /// Time from the start of the stage's first phase to the end of its last, in seconds.
        duration_s: f64,
    },
    /// A window checkpoint of a stage is durable.
    CheckpointCommitted {
        /// The recordings.
        indices: Vec<usize>,
        /// The stage.
        stage: StageName,
        /// The worker that computed it.
        worker: WorkerId,
        /// Seconds of audio that the window covers.
        audio_s: f64,
    },
    /// All artifacts of the recording are durable.
    ItemDone {
        /// The recording.
        index: usize,
    },
    /// The recording failed and is not retried.
    ItemFailed {
        /// The recording.
        index: usize,
        /// The error.
        error: PipelineError,
    },
}

/// A point in the commit of a group of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitPoint {
    /// It is about to be committed.
    Before,
    /// It is durable.
    Durable,
    /// Its workers have the acknowledgment.
    Acknowledged,
}
