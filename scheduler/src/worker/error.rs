//! Why a worker ends.

use std::io;

use stage_core::PipelineError;

use crate::protocol::{CodecError, Slot};

/// Why a worker ended by itself. Exit the process with an error code.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkerError {
    /// Descriptors, threads or the death signal could not be set up.
    #[error("the worker cannot start: {0}")]
    Start(#[from] io::Error),
    /// The thread pool of the CPU lane could not be created.
    #[error("the worker cannot start its threads: {0}")]
    Threads(#[from] rayon::ThreadPoolBuildError),
    /// The coordinator's input could not be decoded.
    #[error("the coordinator sent a malformed message: {0}")]
    Protocol(#[from] CodecError),
    /// A message arrived before the configuration.
    #[error("the coordinator sent a message before the configuration")]
    NotConfigured,
    /// A message names a device that is not in the configuration.
    #[error("the coordinator sent a message for the unknown device slot {}", .0.0)]
    UnknownSlot(Slot),
    /// The stages could not be built. The coordinator was informed.
    #[error("the stages cannot be built: {0}")]
    Refused(#[source] PipelineError),
}
