//! Reads the monotonic clock for durations and the system clock for timestamps.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

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
