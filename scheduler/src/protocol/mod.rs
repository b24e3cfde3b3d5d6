//! The protocol between coordinator and worker: versioned, line-delimited JSON over the worker's stdin and stdout.
//!
//! The worker sends [`FromWorker::Hello`]. The coordinator replies with [`ToWorker::Configure`]. The worker sends
//! `Ready`, or sends `Refused` and exits. From then on the coordinator sends batches, and the worker sends artifacts
//! and heartbeats. The worker keeps each result until it is acknowledged, after the store has made it durable.

mod codec;
mod fault;
mod message;

pub use codec::{CodecError, Decoder, Encoder, Limits};
pub use fault::{Fault, FaultKind, FaultPlace};
pub use message::{
    Batch, Checkpoint, FromWorker, ItemJob, Lane, LaneProgress, NewBody, ResultId, Slot, SlotSettings, Step, Stored,
    TaskSpan, ToWorker, VERSION, WorkerProgress, WorkerSettings,
};
