//! The worker process: runs the batches that it receives and sends the results over the protocol.
//!
//! The executable calls [`serve`] in its hidden subcommand, with a function that builds its stages. [`sim`] contains
//! stages that take simulated times.

mod error;
mod executor;
mod faults;
mod open;
mod outbox;
mod outputs;
mod pending;
mod serve;
pub mod sim;
mod task;

pub use crate::protocol::{Checkpoint, ItemJob, SlotSettings, Step, Stored, WorkerSettings};
pub use error::WorkerError;
pub use serve::serve;

/// The environment variable that is set in worker processes.
pub const WORKER_VARIABLE: &str = "EARWITNESS_WORKER";
