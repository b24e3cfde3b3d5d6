//! The worker process: runs the batches it is given and answers over the protocol.
//!
//! The executable calls [`serve`] from its hidden subcommand with a function that builds its [`Pipeline`].

mod answers;
mod executor;
mod faults;
mod open;
mod outbox;
mod pipeline;
mod reports;
mod serve;
pub mod sim;
mod spool;
mod stdio;
mod task;

pub use crate::protocol::{ItemJob, Recorded, RecordedPart, Step, WorkerSettings};
pub use pipeline::{Artifact, Pipeline};
pub use serve::{WorkerError, serve};
