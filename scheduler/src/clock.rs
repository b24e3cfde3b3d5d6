//! Reads the monotonic clock for durations and the system clock for timestamps.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

/// Steps of the system clock up to this many milliseconds are corrections of a time server.
const TOLERANCE_MS: u64 = 2_000;

/// A point in time on both clocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    at: Instant,
    since_1970: Duration,
}

impl Moment {
    pub(crate) fn now() -> Self {
        Self { at: Instant::now(), since_1970: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() }
    }

    /// Milliseconds since 1970.
    pub(crate) const fn ms(&self) -> u64 {
        self.since_1970.as_millis() as u64
    }

    /// Microseconds since 1970.
    pub(crate) const fn us(&self) -> u64 {
        self.since_1970.as_micros() as u64
    }

    /// Time since this moment.
    pub(crate) fn elapsed(&self) -> Duration {
        self.at.elapsed()
    }
}

/// The current time in milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    Moment::now().ms()
}

/// Notices that the system clock was changed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClockWatch {
    /// The system clock, in milliseconds since 1970, and the time since the system started, at the last look.
    last: (u64, u64),
}

impl ClockWatch {
    pub(crate) fn new() -> Self {
        Self { last: (now_ms(), since_start_ms()) }
    }

    /// By how many milliseconds the clock was changed since the last look; `None` if it was not.
    pub(crate) fn moved_ms(&mut self) -> Option<i64> {
        self.look(now_ms(), since_start_ms())
    }

    fn look(&mut self, now_ms: u64, since_start_ms: u64) -> Option<i64> {
        let (then_ms, then_start_ms) = self.last;
        let passed_ms = since_start_ms.saturating_sub(then_start_ms).cast_signed();
        let moved_ms = now_ms.cast_signed() - then_ms.cast_signed() - passed_ms;
        self.last = (now_ms, since_start_ms);
        (moved_ms.unsigned_abs() > TOLERANCE_MS).then_some(moved_ms)
    }
}

/// Time since the system started, in milliseconds, with the time that it was suspended where the system counts it.
fn since_start_ms() -> u64 {
    #[cfg(target_os = "linux")]
    const CLOCK: ClockId = ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    const CLOCK: ClockId = ClockId::Monotonic;
    let time = clock_gettime(CLOCK);
    time.tv_sec.unsigned_abs() * 1000 + time.tv_nsec.unsigned_abs() / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_watch_notices_a_clock_that_was_set_and_no_suspension() {
        let mut watch = ClockWatch { last: (1_000_000, 5_000) };
        assert_eq!(watch.look(1_001_500, 6_000), None, "a small correction");
        assert_eq!(watch.look(5_000_000, 4_005_000), None, "suspended, and counted by both");
        assert_eq!(watch.look(4_940_000, 4_005_000), Some(-60_000));
        assert_eq!(watch.look(4_941_000, 4_006_000), None, "reported once");
        assert_eq!(watch.look(8_541_000, 4_006_000), Some(3_600_000));
        assert_eq!(ClockWatch::new().moved_ms(), None);
    }
}
