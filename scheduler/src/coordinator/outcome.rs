//! How a run ended.

use std::path::PathBuf;

use stage_core::{DeviceId, StageError};

use crate::store::{RunId, StoreError};

/// What became of one recording.
#[derive(Debug, Clone, PartialEq)]
pub enum ItemEnd {
    /// All artifacts are durable.
    Done,
    /// It failed.
    Failed(StageError),
    /// The run was interrupted before its turn; what was committed of it stays.
    Unfinished,
}

/// What became of a run that could go on to its end, or was interrupted.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Its number in the store.
    pub run: RunId,
    /// Whether it was interrupted.
    pub interrupted: bool,
    /// One for each planned item, in order.
    pub items: Vec<ItemEnd>,
    /// Artifacts on record that were reused, counted for each recording.
    pub artifacts_reused: usize,
    /// Artifacts that were computed and committed; equal recordings share theirs.
    pub artifacts_computed: usize,
}

/// Why a run could not go on. What was committed before stays.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is work, and no device to do it on.
    #[error("there is no device to work on")]
    NoDevices,
    /// A planned item's keys are not one a stage, in order, beginning with decode.
    #[error("{}: the keys are not one a stage in order", path.display())]
    BrokenChain {
        /// The recording.
        path: PathBuf,
    },
    /// No worker could build its pipeline: a model that is missing, say.
    #[error("the worker on {device} cannot start: {error}")]
    WorkersRefused {
        /// The device of the last worker that was tried.
        device: DeviceId,
        /// What it said.
        error: StageError,
    },
    /// No worker stays alive.
    #[error("the worker on {device} cannot be kept alive: {reason}")]
    WorkersLost {
        /// The device of the last worker that was tried.
        device: DeviceId,
        /// How it ended.
        reason: String,
    },
}
