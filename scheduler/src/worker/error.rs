//! Why a worker ends.

use std::io;

use stage_core::StageError;

use crate::protocol::{CodecError, Slot};

/// Why a worker ended without being asked to. End the process with a failing exit code.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkerError {
    /// Descriptors, threads or the death signal could not be set up.
    #[error("the worker cannot start: {0}")]
    Start(#[from] io::Error),
    /// The CPU lane could not be made.
    #[error("the worker cannot start its threads: {0}")]
    Threads(#[from] rayon::ThreadPoolBuildError),
    /// The coordinator's input cannot be understood.
    #[error("the coordinator cannot be understood: {0}")]
    Protocol(#[from] CodecError),
    /// Another message came before the configuration.
    #[error("the coordinator did not begin with the configuration")]
    NotConfigured,
    /// A message names a device that the configuration does not.
    #[error("the coordinator sent a message for the unknown device slot {}", .0.0)]
    UnknownSlot(Slot),
    /// The stages could not be built; this was reported to the coordinator.
    #[error("the stages cannot be built: {0}")]
    Refused(#[source] StageError),
}
