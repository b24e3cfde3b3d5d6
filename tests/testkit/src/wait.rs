//! Waiting for an event of another process.

use std::time::{Duration, Instant};

/// Limit for an event that is sure to happen, even on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(120);
const BETWEEN_POLLS: Duration = Duration::from_millis(2);

/// Waits until the condition holds.
///
/// # Panics
/// If it does not hold within [`PATIENCE`]; `event` says what did not happen.
pub fn wait_until(event: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {event}");
        std::thread::sleep(BETWEEN_POLLS);
    }
}
