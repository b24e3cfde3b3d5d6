//! What coordinator and worker say to each other: versioned, line-delimited JSON over the worker's stdin and stdout.
//!
//! A conversation: the worker says [`FromWorker::Hello`]; the coordinator answers [`ToWorker::Configure`]; the worker
//! says `Ready` (or `Refused` and ends). Then batches go one way, artifacts and heartbeats the other. The worker keeps
//! each result until it is acknowledged, which is after the store made it durable.

mod codec;
mod fault;
mod message;

pub use codec::{CodecError, Decoder, Encoder, Limits};
pub use fault::{Fault, FaultKind, FaultPlace};
pub use message::{
    Batch, Checkpoint, FromWorker, ItemJob, Lane, LaneProgress, NewBody, ResultId, Slot, SlotSettings, Step, Stored,
    TaskSpan, ToWorker, VERSION, WorkerProgress, WorkerSettings,
};
