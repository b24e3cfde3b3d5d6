//! The outcome of a run.

use stage_core::StageError;

use super::event::WorkerId;
use crate::store::{RunId, StoreError};

/// The end of one recording.
#[derive(Debug, Clone, PartialEq)]
pub enum ItemEnd {
    /// All artifacts are durable.
    Done,
    /// It failed.
    Failed(StageError),
    /// The run was interrupted before its turn; what was committed of it stays.
    Unfinished,
}

/// The result of a run that came to its end, or was interrupted.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Its number in the store.
    pub run: RunId,
    /// Whether it was interrupted.
    pub interrupted: bool,
    /// One for each planned item, in order.
    pub items: Vec<ItemEnd>,
    /// Stored artifacts that were reused, counted for each recording.
    pub artifacts_reused: usize,
    /// Artifacts that were computed and committed; equal recordings share theirs.
    pub artifacts_computed: usize,
    /// Recordings that were revoked from a worker for another that had nothing to do.
    pub revoked: usize,
}

/// Why a run could not continue. What was committed before stays.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is work, but no device for it.
    #[error("there is no device to work on")]
    NoDevices,
    /// No worker could build its pipeline: a model that is missing, say.
    #[error("no device is left to work on; the last was {worker}: {error}")]
    WorkersRefused {
        /// The last worker that was tried.
        worker: WorkerId,
        /// Its error.
        error: StageError,
    },
    /// No worker stays alive.
    #[error("no device is left to work on; the last was {worker}: {reason}")]
    WorkersLost {
        /// The last worker that was tried.
        worker: WorkerId,
        /// How it ended.
        reason: String,
    },
}
