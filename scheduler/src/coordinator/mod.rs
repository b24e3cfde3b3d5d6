//! The coordinator: plans what is not stored, sends it to worker processes, and commits their artifacts.
//!
//! Three components have private state: `fleet` (worker processes, their health, devices), `backlog` (jobs, queue,
//! balance, bisection) and `ledger` (store, leases, group commits, incidents). The `router` passes messages between
//! them. All of this runs on one thread.
//!
//! In a store that several runs share, the run claims its recordings a few at a time from the queue of the store
//! (`sharing`), and also waits for those that the others have claimed.

mod backlog;
mod event;
mod fleet;
mod interrupt;
mod ledger;
mod options;
mod outcome;
mod outlook;
mod plan;
mod router;
mod run;
mod sharing;

pub use event::{CommitPoint, Event, Place, WorkerId};
pub use interrupt::Interrupt;
pub use options::{ClusterOptions, GpuWatch, Recompute, RunOptions, TimeLimits, WorkerCommand};
pub use outcome::{ItemEnd, Outcome, RunError};
pub use outlook::{Outlook, StageOutlook, StageState, outlook};
pub use run::run;
