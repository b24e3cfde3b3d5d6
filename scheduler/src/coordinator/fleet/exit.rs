//! How a process of the fleet ended.

use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(2);

/// Waits up to `patience` for a process to exit. Returns `None` if it does not.
pub(super) fn wait(child: &mut Child, patience: Duration) -> Option<ExitStatus> {
    let mut status = None;
    wait_until(patience, || match child.try_wait() {
        Ok(found) => {
            status = found;
            found.is_some()
        }
        Err(_) => true,
    });
    status
}

/// Waits up to `patience` until a condition holds.
pub(super) fn wait_until(patience: Duration, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + patience;
    while !condition() && Instant::now() < deadline {
        thread::sleep(PAUSE);
    }
}

/// Describes an exit, such as `exited with code 3`.
pub(super) fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exited with code {code}"),
        (None, Some(signal)) => format!("killed by signal {signal}"),
        (None, None) => format!("exited: {status}"),
    }
}
