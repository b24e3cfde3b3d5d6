//! What a run tells while it goes on.

use stage_core::{DeviceId, Phase, StageError, StageKind};

use crate::protocol::Progress;

/// Something happened. `index` is the place in the list of [`crate::store::RecordingEntry`]s; equal recordings are computed once
/// and share their events' `indices`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// An artifact on record is reused.
    Reused {
        /// The recording.
        index: usize,
        /// The stage.
        stage: StageKind,
    },
    /// A worker takes batches.
    WorkerUp {
        /// Its device.
        device: DeviceId,
        /// Its process.
        pid: u32,
    },
    /// A worker is alive.
    WorkerProgress {
        /// Its device.
        device: DeviceId,
        /// What its lanes have done.
        progress: Progress,
    },
    /// A worker is gone before its time; its unfinished recordings went back to the queue.
    WorkerLost {
        /// Its device.
        device: DeviceId,
        /// Why.
        reason: String,
    },
    /// A phase of a stage begins.
    StageStarted {
        /// The recordings.
        indices: Vec<usize>,
        /// The stage.
        stage: StageKind,
        /// The phase.
        phase: Phase,
        /// Where.
        device: DeviceId,
    },
    /// An artifact is durable.
    StageCommitted {
        /// The recordings.
        indices: Vec<usize>,
        /// The stage.
        stage: StageKind,
        /// Where it was made.
        device: DeviceId,
        /// From the beginning of the stage's first phase to the end of its last, in seconds.
        duration_s: f64,
    },
    /// A failure that may pass: the recording is tried again.
    Retried {
        /// The recordings.
        indices: Vec<usize>,
        /// What failed.
        error: StageError,
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
