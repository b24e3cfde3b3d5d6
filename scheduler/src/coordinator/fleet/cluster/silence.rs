//! How long drivers and workers of a cluster have been silent.
//!
//! The lines of all workers come over one pipe. A worker is silent only while its driver sends: otherwise a driver that
//! stalls would let all of its workers look dead. And nobody is silent while the reader of the pipe waits for the
//! coordinator. So silence is measured by a clock that stands still while the reader waits, up to the driver's last line.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::wire::Address;

/// The value of an unknown time or size.
const UNKNOWN: u64 = u64::MAX;

/// The clock of the thread that reads a driver's lines.
#[derive(Debug)]
pub(super) struct ReaderClock {
    start: Instant,
    waited_us: AtomicU64,
    is_waiting: AtomicBool,
    last_us: AtomicU64,
}

impl Default for ReaderClock {
    fn default() -> Self {
        Self {
            start: Instant::now(),
            waited_us: AtomicU64::new(0),
            is_waiting: AtomicBool::new(false),
            last_us: AtomicU64::new(0),
        }
    }
}

impl ReaderClock {
    fn now_us(&self) -> u64 {
        micros(self.start.elapsed()).saturating_sub(self.waited_us.load(Ordering::Relaxed))
    }

    /// Records that the driver sent a line.
    pub(super) fn received(&self) {
        self.last_us.store(self.now_us(), Ordering::Relaxed);
    }

    /// Stops the clock during `wait`.
    pub(super) fn while_waiting<T>(&self, wait: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        self.is_waiting.store(true, Ordering::Relaxed);
        let result = wait();
        self.waited_us.fetch_add(micros(began.elapsed()), Ordering::Relaxed);
        self.is_waiting.store(false, Ordering::Relaxed);
        result
    }

    /// How long the driver has sent nothing.
    pub(super) fn silent_for(&self) -> Duration {
        if self.is_waiting.load(Ordering::Relaxed) {
            return Duration::ZERO;
        }
        Duration::from_micros(self.now_us().saturating_sub(self.last_us.load(Ordering::Relaxed)))
    }
}

/// The silence and the memory of a slot's current worker.
#[derive(Debug)]
pub(super) struct SlotSilence {
    pub(super) address: Address,
    clock: Arc<ReaderClock>,
    last_us: AtomicU64,
    memory: AtomicU64,
}

impl SlotSilence {
    pub(super) fn new(address: Address, clock: Arc<ReaderClock>) -> Self {
        Self { address, clock, last_us: AtomicU64::new(UNKNOWN), memory: AtomicU64::new(UNKNOWN) }
    }

    /// Records that the worker was started or sent a line.
    pub(super) fn received(&self) {
        self.last_us.store(self.clock.now_us(), Ordering::Relaxed);
    }

    /// How long the worker had sent nothing at the driver's last line. Zero before it is started.
    pub(super) fn silent_for(&self) -> Duration {
        let driver = self.clock.last_us.load(Ordering::Relaxed);
        Duration::from_micros(driver.saturating_sub(self.last_us.load(Ordering::Relaxed)))
    }

    /// Records the memory that the worker uses, in bytes.
    pub(super) fn uses(&self, bytes: u64) {
        self.memory.store(bytes, Ordering::Relaxed);
    }

    /// The memory that the worker uses, in bytes, if it is known.
    pub(super) fn memory(&self) -> Option<u64> {
        Some(self.memory.load(Ordering::Relaxed)).filter(|bytes| *bytes != UNKNOWN)
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_millis(30);

    fn slot(clock: &Arc<ReaderClock>) -> SlotSilence {
        SlotSilence::new(Address { slot: 0, generation: 1 }, Arc::clone(clock))
    }

    #[test]
    fn silence_of_a_worker_counts_only_while_its_driver_sends() {
        let clock = Arc::new(ReaderClock::default());
        let slot = slot(&clock);
        std::thread::sleep(STEP);
        clock.received();
        assert_eq!(slot.silent_for(), Duration::ZERO, "it is not started");
        slot.received();
        std::thread::sleep(STEP);
        assert_eq!(slot.silent_for(), Duration::ZERO, "the driver is silent too");
        assert!(clock.silent_for() >= STEP);
        clock.received();
        assert!(slot.silent_for() >= STEP);
    }

    #[test]
    fn silence_does_not_grow_while_the_reader_waits_for_the_coordinator() {
        let clock = Arc::new(ReaderClock::default());
        let slot = slot(&clock);
        slot.received();
        clock.received();
        clock.while_waiting(|| {
            std::thread::sleep(10 * STEP);
            assert_eq!(clock.silent_for(), Duration::ZERO);
        });
        clock.received();
        assert!(slot.silent_for() < 5 * STEP, "{:?}", slot.silent_for());
    }
}
