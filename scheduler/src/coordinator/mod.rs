//! The coordinator: plans what is not on record, hands it to worker processes, and commits what they make.

mod assign;
mod event;
mod hear;
mod interrupt;
mod job;
mod options;
mod outcome;
mod plan;
mod process;
mod queue;
mod run;
mod slot;

pub use event::Event;
pub use interrupt::Interrupt;
pub use options::{Recompute, RunOptions, Timing, WorkerCommand};
pub use outcome::{ItemEnd, Outcome, RunError};
pub use run::run;
