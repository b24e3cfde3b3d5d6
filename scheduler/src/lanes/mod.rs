//! The two lanes of a worker: CPU tasks on a pool, a device's engine on one thread, one bounded channel between them.
//!
//! A CPU task may wait for room in the channel. The device lane waits for nothing that a CPU task holds: its outputs
//! leave over an unbounded channel, and the executor keeps each until the recording is finished. So neither can block
//! the other for good.

mod activity;
mod call_size;
mod cpu;
mod device;
mod flow;
mod intake;
mod interval;
#[cfg(test)]
mod tests;

pub(crate) use activity::Activity;
pub(crate) use cpu::CpuLane;
pub(crate) use device::{DeviceHandle, DeviceLane};
pub(crate) use intake::Feed;

use std::any::Any;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use stage_core::{ErrorClass, ModelOutput, Phase, StageError, StageName};

use crate::clock::Moment;
use crate::protocol::FaultPlace;
use crate::store::Lease;

/// A recording on its way through the lanes.
#[derive(Debug)]
pub(crate) struct Ticket {
    /// Its number in this worker, never used again.
    pub(crate) id: u64,
    /// Its batch's lease.
    pub(crate) lease: Lease,
    /// The coordinator's number for it.
    pub(crate) item: u64,
    /// Its file.
    pub(crate) path: String,
    abandoned: AtomicBool,
    /// Stages of which an input reached the device.
    on_device: Mutex<BTreeSet<StageName>>,
}

impl Ticket {
    pub(crate) fn new(id: u64, lease: Lease, item: u64, path: String) -> Self {
        Self { id, lease, item, path, abandoned: AtomicBool::new(false), on_device: Mutex::default() }
    }

    /// Abandons the recording: its inputs are dropped and its preparation ends.
    pub(crate) fn abandon(&self) {
        self.abandoned.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Relaxed)
    }

    /// Whether one of its inputs reached the device.
    pub(crate) fn is_on_device(&self) -> bool {
        !self.on_device.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Records that an input of a stage reached the device; true for the first one.
    fn reaches_device(&self, stage: StageName) -> bool {
        self.on_device.lock().unwrap_or_else(PoisonError::into_inner).insert(stage)
    }
}

/// A report of the device lane.
pub(crate) enum LaneReport {
    /// Input `index` of a recording's stage is complete: its output, when it was drawn, and how long it was in flight.
    Completed { ticket: u64, stage: StageName, index: usize, output: ModelOutput, began: Moment, duration: Duration },
    /// The device failed on an input, alone; the recording's other inputs are dropped.
    Failed { ticket: u64, error: StageError },
    /// The device's memory did not hold `from` inputs; at most `to` are tried from now on.
    Shrunk { from: usize, to: usize, error: StageError },
    /// The health probe ran.
    HealthProbeEnded { error: Option<StageError> },
}

/// Called by a lane before it does something.
pub(crate) trait Announce: Send + Sync + 'static {
    /// A phase of a recording begins.
    fn started(&self, ticket: &Ticket, stage: StageName, phase: Phase);

    /// Work begins, on these recordings: the place for faults on purpose. On the device it begins input by input, and
    /// `inputs` are in flight with this one.
    ///
    /// # Errors
    /// The fault.
    fn before(&self, place: FaultPlace, tickets: &[&Ticket], inputs: usize) -> Result<(), StageError>;
}

/// Runs `work`, so that a panic in a stage fails one recording and not the worker: the panic becomes an error of class
/// `Bug` with its message. Values that `work` was changing when it panicked must not be used again.
pub(crate) fn guarded<T>(stage: StageName, work: impl FnOnce() -> Result<T, StageError>) -> Result<T, StageError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        Err(StageError::new(stage, ErrorClass::Bug, "panic", format!("panicked: {}", message(panic.as_ref()))))
    })
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}
