//! The protocol between coordinator and worker: versioned, line-delimited JSON over the worker's stdin and stdout.
//!
//! The worker sends [`FromWorker::Hello`]. The coordinator replies with [`ToWorker::Configure`]. The worker sends
//! `Ready`, or sends `Refused` and exits. From then on the coordinator sends batches, and the worker sends artifacts
//! and heartbeats. The worker keeps each result until it is acknowledged, after the store has made it durable.
//!
//! ```
//! use scheduler::protocol::{CodecError, Decoder, Encoder, VERSION};
//!
//! let mut pipe = Vec::new();
//! Encoder::new(&mut pipe).write(&"any serde type")?;
//! assert_eq!(String::from_utf8_lossy(&pipe), format!("{{\"v\":{VERSION},\"message\":\"any serde type\"}}\n"));
//!
//! let mut decoder = Decoder::new(pipe.as_slice());
//! assert_eq!(decoder.read::<String>()?.as_deref(), Some("any serde type"));
//! assert_eq!(decoder.read::<String>()?, None, "the end of the input");
//!
//! let garbage = Decoder::new(b"not a message\n".as_slice()).read::<String>();
//! assert!(matches!(garbage, Err(CodecError::Garbage { .. })));
//! # Ok::<(), CodecError>(())
//! ```

mod codec;
mod fault;
mod message;

pub(crate) use codec::{Assembler, read_line};
pub use codec::{CodecError, Decoder, Encoder, Limits};
pub use fault::{Fault, FaultKind, FaultPlace};
pub use message::{
    Batch, Checkpoint, FromWorker, ItemJob, Lane, LaneProgress, NewBody, OverdueTask, ResultId, Slot, SlotSettings,
    Step, Stored, TaskSpan, TaskTime, ToWorker, VERSION, WorkerProgress, WorkerSettings,
};
