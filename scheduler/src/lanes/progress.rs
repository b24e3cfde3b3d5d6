//! What the lanes do, for the heartbeat and the timeline.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::clock::Moment;
use crate::protocol::{Lane, LaneProgress, Progress, TaskSpan};

/// Counts one lane's work.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    busy: AtomicU64,
    done: AtomicU64,
}

impl Counter {
    /// Runs `work` and counts it, busy meanwhile and done afterwards.
    fn count<T>(&self, work: impl FnOnce() -> T) -> T {
        self.busy.fetch_add(1, Ordering::Relaxed);
        let result = work();
        self.done.fetch_add(1, Ordering::Relaxed);
        self.busy.fetch_sub(1, Ordering::Relaxed);
        result
    }

    fn read(&self) -> LaneProgress {
        LaneProgress { busy: self.busy.load(Ordering::Relaxed), done: self.done.load(Ordering::Relaxed) }
    }
}

/// Both lanes' counters, and what they did since it was taken last.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    cpu: Counter,
    device: Counter,
    spans: Mutex<Vec<TaskSpan>>,
}

impl Activity {
    /// Runs `work` in a lane, counts it, and notes the span that `describe` names (its times are filled in here); work
    /// that it does not name is only counted.
    pub(crate) fn track<T>(&self, lane: Lane, describe: Option<TaskSpan>, work: impl FnOnce() -> T) -> T {
        let began = Moment::now();
        let counter = match lane {
            Lane::Cpu => &self.cpu,
            Lane::Device => &self.device,
        };
        let result = counter.count(work);
        if let Some(mut span) = describe {
            (span.start_us, span.end_us) = (began.us(), began.us() + began.elapsed().as_micros() as u64);
            self.spans.lock().unwrap_or_else(PoisonError::into_inner).push(span);
        }
        result
    }

    pub(crate) fn read(&self) -> Progress {
        Progress { cpu: self.cpu.read(), device: self.device.read() }
    }

    /// The spans since the last call.
    pub(crate) fn take_spans(&self) -> Vec<TaskSpan> {
        std::mem::take(&mut *self.spans.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
