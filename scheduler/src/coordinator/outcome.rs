//! The outcome of a run.

use stage_core::PipelineError;

use super::event::WorkerId;
use crate::store::{RunId, StoreError};

/// How the run ended for one recording.
#[derive(Debug, Clone, PartialEq)]
pub enum ItemEnd {
    /// All artifacts are durable.
    Done,
    /// It failed.
    Failed(PipelineError),
    /// The run was interrupted before it was complete. Its committed artifacts stay.
    Unfinished,
}

/// The result of a run that finished or was interrupted.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The number of the run in the store.
    pub run: RunId,
    /// Whether the run was interrupted.
    pub interrupted: bool,
    /// How each item ended, in the order of the plan.
    pub items: Vec<ItemEnd>,
    /// Number of reused artifacts, counted for each recording.
    pub stages_reused: usize,
    /// Number of artifacts that were computed and committed. Equal recordings share theirs.
    pub stages_computed: usize,
    /// Number of recordings that were revoked from a worker to give them to another one.
    pub revoked: usize,
}

/// Why a run could not continue. Committed artifacts stay.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is work, but no device for it.
    #[error("there is no device to work on")]
    NoDevices,
    /// No worker could build its pipeline, for example because a model is missing.
    #[error("no device is left to work on; the last was {worker}")]
    WorkersRefused {
        /// The last worker that was tried.
        worker: WorkerId,
        /// Its error.
        #[source]
        error: Box<PipelineError>,
    },
    /// Every worker died or was retired.
    #[error("no device is left to work on; the last was {worker}: {reason}")]
    WorkersLost {
        /// The last worker that was tried.
        worker: WorkerId,
        /// Why it was lost.
        reason: String,
    },
    /// The cluster cannot be used. The message says what to do.
    #[error("the cluster cannot be used: {0}")]
    Cluster(String),
}
