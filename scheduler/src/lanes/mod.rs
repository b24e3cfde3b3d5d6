//! The two lanes of a worker: CPU tasks on a pool, device calls on one thread, one bounded channel between them.
//!
//! A CPU task may wait for room in the channel. The device lane waits for nothing that a CPU task holds: its answers
//! leave over an unbounded channel, and each is kept by whoever finishes the recording. So neither can lock the other.

mod cpu;
mod device;
mod guard;
mod progress;
#[cfg(test)]
mod tests;

pub(crate) use cpu::CpuLane;
pub(crate) use device::{DeviceLane, Feed, LaneReport};
pub(crate) use guard::guarded;
pub(crate) use progress::Counters;

use std::sync::atomic::{AtomicBool, Ordering};

use stage_core::{Phase, StageKind};

use crate::store::Lease;

/// A recording on its way through the lanes.
#[derive(Debug)]
pub(crate) struct Ticket {
    /// Its number in this worker, never used again.
    pub(crate) slot: u64,
    /// Its batch's lease.
    pub(crate) lease: Lease,
    /// The coordinator's number for it.
    pub(crate) item: u64,
    abandoned: AtomicBool,
}

impl Ticket {
    pub(crate) const fn new(slot: u64, lease: Lease, item: u64) -> Self {
        Self { slot, lease, item, abandoned: AtomicBool::new(false) }
    }

    /// Gives the recording up: its units are dropped and its preparation ends.
    pub(crate) fn abandon(&self) {
        self.abandoned.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Relaxed)
    }
}

/// Told by a lane before it begins a phase of a recording.
pub(crate) trait Announce: Send + Sync + 'static {
    fn started(&self, ticket: &Ticket, stage: StageKind, phase: Phase);
}
