//! Processes of a test.

use std::process::{Command, Stdio};

/// Sends a signal by its name, such as `INT`. Returns false if the process does not exist any more.
///
/// # Panics
/// If `kill` is not installed.
pub fn send_signal(pid: u32, name: &str) -> bool {
    let kill = Command::new("kill").args([format!("-{name}"), pid.to_string()]).stderr(Stdio::null()).status();
    kill.unwrap().success()
}

/// Whether the process exists and is not a zombie.
#[must_use]
pub fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.trim().is_empty() && !rest.trim_start().starts_with('Z'))
}
