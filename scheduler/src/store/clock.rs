//! The store's clock.

use crate::clock::Moment;

/// Now, in milliseconds since 1970.
pub(super) fn now_ms() -> u64 {
    Moment::now().ms()
}

/// The time of day in UTC, `14:03:05`, of milliseconds since 1970.
pub(super) fn clock_time(ms: u64) -> String {
    let s = ms / 1000 % 86_400;
    format!("{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
}
