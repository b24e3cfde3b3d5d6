//! How long drivers and workers of a cluster have been silent.
//!
//! The lines of all workers come over one pipe, and those of a worker over its actor. A worker is silent only while its actor
//! is not: otherwise a node or a driver that stalls would let its workers look dead, and their recordings be suspected.
//! And nobody is silent while the reader of the pipe waits for the coordinator. So silence is measured by a clock that
//! stands still while the reader waits, up to the actor's last sign of life.

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
    /// When the worker sent its last line.
    last_us: AtomicU64,
    /// When its actor gave its last sign of life.
    alive_us: AtomicU64,
    memory: AtomicU64,
}

impl SlotSilence {
    pub(super) fn new(address: Address, clock: Arc<ReaderClock>) -> Self {
        let unknown = || AtomicU64::new(UNKNOWN);
        Self { address, clock, last_us: unknown(), alive_us: AtomicU64::new(0), memory: unknown() }
    }

    /// Records that the worker was started or sent a line.
    pub(super) fn received(&self) {
        self.last_us.store(self.clock.now_us(), Ordering::Relaxed);
    }

    /// Records a sign of life of the actor, and the memory that the worker uses, in bytes.
    pub(super) fn alive(&self, memory: Option<u64>) {
        self.alive_us.store(self.clock.now_us(), Ordering::Relaxed);
        self.memory.store(memory.unwrap_or(UNKNOWN), Ordering::Relaxed);
    }

    /// How long the worker had sent nothing when its actor gave its last sign of life. Zero before it is started.
    pub(super) fn silent_for(&self) -> Duration {
        let alive = self.alive_us.load(Ordering::Relaxed);
        Duration::from_micros(alive.saturating_sub(self.last_us.load(Ordering::Relaxed)))
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
    fn silence_of_a_worker_counts_only_while_its_actor_replies() {
        let clock = Arc::new(ReaderClock::default());
        let slot = slot(&clock);
        std::thread::sleep(STEP);
        slot.alive(None);
        assert_eq!(slot.silent_for(), Duration::ZERO, "it is not started");
        slot.received();
        std::thread::sleep(STEP);
        clock.received();
        assert_eq!(slot.silent_for(), Duration::ZERO, "the actor is silent too");
        slot.alive(Some(5));
        assert!(slot.silent_for() >= STEP);
        assert_eq!(slot.memory(), Some(5));
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
        slot.alive(None);
        assert!(slot.silent_for() < 5 * STEP, "{:?}", slot.silent_for());
    }
}
