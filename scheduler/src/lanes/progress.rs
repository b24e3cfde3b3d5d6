//! What the lanes have done, for the heartbeat.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::protocol::{LaneProgress, Progress};

/// Counts one lane's work.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    busy: AtomicU64,
    done: AtomicU64,
}

impl Counter {
    /// Runs `work` and counts it, busy meanwhile and done afterwards.
    pub(crate) fn count<T>(&self, work: impl FnOnce() -> T) -> T {
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

/// Both lanes' counters.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) cpu: Counter,
    pub(crate) device: Counter,
}

impl Counters {
    pub(crate) fn read(&self) -> Progress {
        Progress { cpu: self.cpu.read(), device: self.device.read() }
    }
}
