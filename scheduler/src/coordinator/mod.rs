//! The coordinator: plans what is not on record, hands it to worker processes, and commits what they make.

mod assign;
mod commit;
mod event;
mod health;
mod hear;
mod interrupt;
mod job;
mod losses;
mod options;
mod outcome;
mod plan;
mod process;
mod queue;
mod run;
mod slot;
mod suspects;

pub use event::{CommitPoint, Event, WorkerId};
pub use interrupt::Interrupt;
pub use job::SET_ASIDE;
pub use options::{GpuWatch, Recompute, RunOptions, Timing, WorkerCommand};
pub use outcome::{ItemEnd, Outcome, RunError};
pub use run::run;
