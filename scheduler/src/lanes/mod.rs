//! The two lanes of a worker: CPU tasks on a pool, the device's engine on one thread, one bounded channel between them.
//!
//! A CPU task may wait for room in the channel. The device lane waits for nothing that a CPU task holds: its answers
//! leave over an unbounded channel, and each is kept by whoever finishes the recording. So neither can lock the other.

mod call_size;
mod cpu;
mod device;
mod flow;
mod guard;
mod intake;
mod progress;
mod stretch;
#[cfg(test)]
mod tests;
mod valve;

pub(crate) use cpu::CpuLane;
pub(crate) use device::{DeviceHandle, DeviceLane, LaneReport};
pub(crate) use guard::guarded;
pub(crate) use intake::Feed;
pub(crate) use progress::Activity;

use std::sync::atomic::{AtomicBool, Ordering};

use stage_core::{Phase, StageError, StageKind};

use crate::protocol::FaultPlace;
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
    /// Where it lies.
    pub(crate) path: String,
    abandoned: AtomicBool,
    on_device: AtomicBool,
}

impl Ticket {
    pub(crate) const fn new(slot: u64, lease: Lease, item: u64, path: String) -> Self {
        Self { slot, lease, item, path, abandoned: AtomicBool::new(false), on_device: AtomicBool::new(false) }
    }

    /// Gives the recording up: its units are dropped and its preparation ends.
    pub(crate) fn abandon(&self) {
        self.abandoned.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Relaxed)
    }

    /// Whether one of its units reached the device.
    pub(crate) fn is_on_device(&self) -> bool {
        self.on_device.load(Ordering::Relaxed)
    }

    /// Notes that a unit reached the device; true for the first one.
    fn reaches_device(&self) -> bool {
        !self.on_device.swap(true, Ordering::Relaxed)
    }
}

/// Told by a lane before it does something.
pub(crate) trait Announce: Send + Sync + 'static {
    /// A phase of a recording begins.
    fn started(&self, ticket: &Ticket, stage: StageKind, phase: Phase);

    /// Work begins, on these recordings: the place for faults on purpose. On the device it begins unit by unit, and
    /// `units` are under way with this one.
    ///
    /// # Errors
    /// The fault.
    fn before(&self, place: FaultPlace, tickets: &[&Ticket], units: usize) -> Result<(), StageError>;
}
