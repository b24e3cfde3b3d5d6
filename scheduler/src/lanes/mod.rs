//! The two lanes of a worker: a thread pool for CPU tasks, one thread for the engine of a device, and one bounded
//! channel from the first to the second.
//!
//! A CPU task may block while the channel is full. The device lane never waits for a CPU task: its outputs leave over
//! an unbounded channel, and the executor keeps them until the recording is finished. So the lanes cannot deadlock.

mod activity;
mod call_size;
mod cpu;
mod device;
mod flow;
mod intake;
mod interval;
#[cfg(test)]
mod tests;

pub(crate) use activity::{Activity, TaskClock};
pub(crate) use cpu::CpuLane;
pub(crate) use device::{DeviceHandle, DeviceLane};
pub(crate) use intake::Feed;

use std::any::Any;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use stage_core::{ErrorCode, ModelOutput, Origin, Phase, PipelineError, StageName};

use crate::clock::Moment;
use crate::protocol::FaultPlace;
use crate::store::Lease;

/// A recording on its way through the lanes.
#[derive(Debug)]
pub(crate) struct Ticket {
    /// Its number in this worker. Numbers are not reused.
    pub(crate) id: u64,
    /// The lease of its batch.
    pub(crate) lease: Lease,
    /// The coordinator's number of the recording.
    pub(crate) item: u64,
    /// The path of its file.
    pub(crate) path: String,
    abandoned: AtomicBool,
    /// Stages for which an input has reached the device.
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

    /// Whether any of its inputs has reached the device.
    pub(crate) fn is_on_device(&self) -> bool {
        !self.on_device.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Records that an input of a stage has reached the device. Returns true for the first one.
    fn reaches_device(&self, stage: StageName) -> bool {
        self.on_device.lock().unwrap_or_else(PoisonError::into_inner).insert(stage)
    }
}

/// A report from the device lane.
pub(crate) enum LaneReport {
    /// Input `index` of a recording's stage is complete: its output, when it was drawn, and how long it was in flight.
    Completed { ticket: u64, stage: StageName, index: usize, output: ModelOutput, began: Moment, duration: Duration },
    /// The device failed on an input that ran alone. The recording's other inputs are dropped.
    Failed { ticket: u64, error: PipelineError },
    /// The device's memory was too small for `from` inputs. At most `to` are tried from now on.
    Shrunk { from: usize, to: usize, error: PipelineError },
    /// The health probe ran.
    HealthProbeEnded { error: Option<PipelineError> },
}

/// Called by a lane before it starts work.
pub(crate) trait Announce: Send + Sync + 'static {
    /// A phase of a recording starts.
    fn started(&self, ticket: &Ticket, stage: StageName, phase: Phase);

    /// Work on these recordings starts. Faults are injected here. On the device this is called for each input, and
    /// `inputs` are in flight including this one.
    ///
    /// # Errors
    /// The injected fault.
    fn before(&self, place: FaultPlace, tickets: &[&Ticket], inputs: usize) -> Result<(), PipelineError>;
}

/// Runs `work` and turns a panic into an error of class `Bug` with the panic's message, so that a panic in a stage
/// fails one recording and not the worker. Values that `work` was changing when it panicked must not be used again.
pub(crate) fn guarded<T>(
    origin: impl Into<Origin>,
    work: impl FnOnce() -> Result<T, PipelineError>,
) -> Result<T, PipelineError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        Err(PipelineError::bug(origin, ErrorCode::Panic, format!("panicked: {}", message(panic.as_ref()))))
    })
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}
