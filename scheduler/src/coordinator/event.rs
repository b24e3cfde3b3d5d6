//! The events of a run.

use std::fmt;

use stage_core::{DeviceId, Phase, StageError, StageName};

use crate::protocol::{TaskSpan, WorkerProgress};
use crate::store::Incident;

/// A worker: its device, and its number among that device's workers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerId {
    /// Its device.
    pub device: DeviceId,
    /// From 0; more than 0 only where a device has several workers.
    pub index: u32,
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index {
            0 => write!(f, "{}", self.device),
            index => write!(f, "{}#{index}", self.device),
        }
    }
}

/// An event. `index` is the place in the list of [`crate::store::RecordingEntry`]s; equal recordings are computed once
/// and share their events' `indices`.
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
    /// A worker takes batches.
    WorkerUp {
        /// Which.
        worker: WorkerId,
        /// Its process.
        pid: u32,
    },
    /// A worker is alive.
    WorkerProgress {
        /// Which.
        worker: WorkerId,
        /// What its lanes have done.
        progress: WorkerProgress,
    },
    /// An incident; it is in the store too.
    Incident(Incident),
    /// The time spans of tasks in a worker's lanes.
    Spans {
        /// The worker.
        worker: WorkerId,
        /// Each with the places of its recordings in the list.
        spans: Vec<(TaskSpan, Vec<usize>)>,
    },
    /// A phase of a stage begins.
    StageStarted {
        /// The recordings.
        indices: Vec<usize>,
        /// The stage.
        stage: StageName,
        /// The phase.
        phase: Phase,
        /// Where.
        worker: WorkerId,
    },
    /// A group of artifacts and window checkpoints is about to be committed, is durable or is acknowledged.
    GroupCommit {
        /// Which.
        point: CommitPoint,
        /// Artifacts in the group.
        artifacts: usize,
        /// Window checkpoints in the group.
        checkpoints: usize,
    },
    /// An artifact is durable.
    StageCommitted {
        /// The recordings.
        indices: Vec<usize>,
        /// The stage.
        stage: StageName,
        /// Where it was made.
        worker: WorkerId,
        /// From the beginning of the stage's first phase to the end of its last, in seconds.
        duration_s: f64,
    },
    /// A window checkpoint of a stage is durable.
    CheckpointCommitted {
        /// The recordings.
        indices: Vec<usize>,
        /// The stage.
        stage: StageName,
        /// Where it was made.
        worker: WorkerId,
        /// Seconds of audio that the window covers.
        audio_s: f64,
    },
    /// All artifacts of the recording are durable.
    ItemDone {
        /// The recording.
        index: usize,
    },
    /// The recording failed, finally.
    ItemFailed {
        /// The recording.
        index: usize,
        /// Why.
        error: StageError,
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
