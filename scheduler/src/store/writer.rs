//! The process that writes to a store.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use stage_core::{printable, shown};

use crate::clock::now_ms;

/// Longest command line in messages, in characters.
const COMMAND_CHARS: usize = 200;
const MS_A_DAY: u64 = 24 * 3_600_000;

/// The process that writes to a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockHolder {
    /// Its process ID.
    pub pid: u32,
    /// Its command line.
    pub command: String,
    /// Its machine, if the store can be used from several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// When it locked the store, in milliseconds since 1970.
    pub since_ms: u64,
}

impl LockHolder {
    /// This process, as the holder from now on.
    pub(super) fn this_process() -> Self {
        Self { pid: std::process::id(), command: command_line(), host: None, since_ms: now_ms() }
    }
}

/// The command line of this process on one line, with the program's path reduced to its name. Bytes that are not UTF-8
/// are written as `\xB1`.
#[must_use]
pub fn command_line() -> String {
    let mut args = std::env::args_os();
    let program = args.next().unwrap_or_default();
    let program = Path::new(&program).file_name().map(ToOwned::to_owned);
    program.into_iter().chain(args).map(|arg| shown(Path::new(&arg))).collect::<Vec<_>>().join(" ")
}

impl fmt::Display for LockHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: String = self.command.chars().take(COMMAND_CHARS).collect();
        let cut = if shown.len() < self.command.len() { "…" } else { "" };
        let host = self.host.as_deref().map(|host| format!(" on {}", printable(host))).unwrap_or_default();
        write!(f, "process {}{host} ({shown}{cut}), since {} UTC", self.pid, clock_time(self.since_ms))?;
        match now_ms().saturating_sub(self.since_ms) / MS_A_DAY {
            0 => Ok(()),
            1 => write!(f, " a day ago"),
            days => write!(f, " {days} days ago"),
        }
    }
}

/// The time of day in UTC, such as `14:03:05`, for a time in milliseconds since 1970.
fn clock_time(ms: u64) -> String {
    let s = ms / 1000 % 86_400;
    format!("{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
}

/// Whether a process writes to a store, and which one if it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Writer {
    /// No process writes.
    None,
    /// This process writes.
    Process(LockHolder),
    /// These processes write, the latest first.
    Several(Vec<LockHolder>),
    /// An unknown process writes.
    Unnamed,
}

impl Writer {
    /// The processes that are known to write.
    #[must_use]
    pub fn holders(&self) -> &[LockHolder] {
        match self {
            Self::None | Self::Unnamed => &[],
            Self::Process(holder) => std::slice::from_ref(holder),
            Self::Several(holders) => holders,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lock_holder_is_shown_with_command_and_time() {
        let today = now_ms() / MS_A_DAY * MS_A_DAY;
        let since_ms = today + (14 * 3600 + 3 * 60 + 5) * 1000;
        let holder = LockHolder { pid: 4711, command: "earwitness run calls".into(), host: None, since_ms };
        let whole = "process 4711 (earwitness run calls), since 14:03:05 UTC";
        assert!(holder.to_string().starts_with(whole));
        let older = LockHolder { since_ms: since_ms - 5 * MS_A_DAY, ..holder.clone() };
        assert!(older.to_string().ends_with(" days ago"), "{older}");
        let elsewhere = LockHolder { host: Some("node7".into()), ..holder.clone() };
        assert!(elsewhere.to_string().starts_with("process 4711 on node7 ("), "{elsewhere}");
        let long = LockHolder { command: "x".repeat(5000), ..holder };
        assert!(long.to_string().len() < 300 && long.to_string().contains('…'));
    }
}
