//! The connection to a worker, wherever it runs, and what arrives over it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::devices::DeviceReading;
use crate::protocol::{CodecError, FromWorker, ToWorker};

/// The connection to a worker. Dropping it kills the worker.
pub(super) trait Connection: fmt::Debug {
    /// Sends a message. If the worker is gone, the message is dropped.
    fn send(&self, message: ToWorker);

    /// Closes the worker's stdin after the messages that were already sent.
    fn close(&mut self);

    /// How long the worker has written nothing.
    fn silent_for(&self) -> Duration;

    /// The memory that the process uses in bytes, without files that are mapped into it. `None` if it is not known.
    fn memory(&self) -> Option<u64>;

    /// Describes how a worker that has closed its stdout exited.
    fn exit_description(&mut self) -> String;
}

/// A message to the coordinator's thread.
#[derive(Debug)]
pub(super) enum Incoming {
    /// From a worker.
    Worker {
        worker: usize,
        /// Which of the worker's successive processes sent it.
        generation: u64,
        output: Output,
    },
    /// From the device monitor.
    Device(Box<DeviceReading>),
    /// From the driver of a cluster.
    Cluster {
        /// Which of the successive drivers sent it.
        driver: u32,
        news: ClusterNews,
    },
}

/// Output of a worker.
#[derive(Debug)]
pub(super) enum Output {
    Message(FromWorker),
    /// A message that cannot be decoded.
    Malformed(CodecError),
    /// The worker closed its stdout.
    Closed,
    /// The cluster has placed the worker and started its process.
    Placed(Placement),
    /// The cluster has had no room for the worker for this time.
    Pending(Duration),
    /// The cluster lost the worker.
    Lost(Loss),
}

/// The place of a worker on a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placement {
    /// The node's name, which is unique in the cluster.
    pub(super) node: Arc<str>,
    /// The GPUs of the worker, as it sees them.
    pub(super) gpus: Vec<String>,
}

/// Why a worker is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::coordinator) struct Loss {
    pub(in crate::coordinator) cause: LossCause,
    pub(in crate::coordinator) reason: String,
}

/// What a loss says about the worker and its recordings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::coordinator) enum LossCause {
    /// The process ended or misbehaved. A recording or the device may be the cause.
    Worker,
    /// What the process runs in is gone: an actor, a node or the driver of a cluster.
    Place,
    /// The program cannot be started there.
    Program,
}

impl Loss {
    /// The process ended or misbehaved.
    pub(in crate::coordinator) fn of_worker(reason: impl Into<String>) -> Self {
        Self { cause: LossCause::Worker, reason: reason.into() }
    }
}

/// A message from the driver of a cluster about the cluster.
#[derive(Debug)]
pub(super) enum ClusterNews {
    /// The driver has joined the cluster.
    Ready {
        /// The name and version of the engine.
        engine: String,
    },
    /// The cluster has room for this number of workers.
    Capacity(usize),
    /// The driver cannot work, and trying again does not help by itself.
    Fatal(String),
    /// The driver ended or misbehaved.
    Ended(String),
}
