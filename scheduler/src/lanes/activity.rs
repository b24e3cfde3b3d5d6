//! The activity of the lanes, reported in heartbeats and on the timeline.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::clock::Moment;
use crate::protocol::{LaneProgress, TaskSpan, WorkerProgress};

/// Counts one kind of task.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    busy: AtomicU64,
    done: AtomicU64,
}

impl Counter {
    /// Counts a step of the running task.
    pub(crate) fn step(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
    }

    /// Runs `work` and counts it: as busy while it runs, as done afterwards.
    fn count<T>(&self, work: impl FnOnce() -> T) -> T {
        self.busy.fetch_add(1, Ordering::Relaxed);
        let result = work();
        self.step();
        self.busy.fetch_sub(1, Ordering::Relaxed);
        result
    }

    fn read(&self) -> LaneProgress {
        LaneProgress { busy: self.busy.load(Ordering::Relaxed), done: self.done.load(Ordering::Relaxed) }
    }
}

/// The counters of both lanes, and their spans since the last call to [`Activity::take_spans`].
#[derive(Debug, Default)]
pub(crate) struct Activity {
    /// Tasks of the CPU lane.
    pub(crate) cpu: Counter,
    /// Steps of the device's engine.
    pub(crate) device: Counter,
    /// Loads of models, and health probes.
    pub(crate) setup: Counter,
    spans: Mutex<Vec<TaskSpan>>,
}

impl Activity {
    /// Runs `work`, counts it, and records the span in `describe`, whose times are filled in here. Without a span, the
    /// work is only counted.
    pub(crate) fn track<T>(&self, counter: &Counter, describe: Option<TaskSpan>, work: impl FnOnce() -> T) -> T {
        let began = Moment::now();
        let result = counter.count(work);
        if let Some(mut span) = describe {
            (span.start_us, span.end_us) = (began.us(), began.us() + began.elapsed().as_micros() as u64);
            self.note(span);
        }
        result
    }

    /// Records a span.
    pub(crate) fn note(&self, span: TaskSpan) {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner).push(span);
    }

    pub(crate) fn read(&self) -> WorkerProgress {
        WorkerProgress { cpu: self.cpu.read(), device: self.device.read(), setup: self.setup.read() }
    }

    /// Takes the spans recorded since the last call.
    pub(crate) fn take_spans(&self) -> Vec<TaskSpan> {
        std::mem::take(&mut *self.spans.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
