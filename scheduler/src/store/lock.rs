//! One writer at a time: an exclusive lock on a file beside the store, which the system drops with the process. The
//! file says who holds it.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::StoreError;
use super::clock::{clock_time, now_ms};

/// A process that was just forked holds its parent's lock until it executes its program: that passes at once.
const ATTEMPTS: u32 = 10;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(20);
/// Longest command line that is shown, in characters.
const COMMAND_CHARS: usize = 200;
const MS_A_DAY: u64 = 24 * 3_600_000;

/// The process that writes to a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockHolder {
    /// Its number.
    pub pid: u32,
    /// Its command line.
    pub command: String,
    /// Since when, in milliseconds since 1970.
    pub since_ms: u64,
}

impl LockHolder {
    fn this_process() -> Self {
        Self { pid: std::process::id(), command: command_line(), since_ms: now_ms() }
    }
}

/// What this process was started with, for the record; the program by its name alone.
#[must_use]
pub fn command_line() -> String {
    let mut args = std::env::args();
    let program = args.next().unwrap_or_default();
    let program = Path::new(&program).file_name().map(|name| name.to_string_lossy().into_owned());
    program.into_iter().chain(args).collect::<Vec<_>>().join(" ")
}

impl fmt::Display for LockHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: String = self.command.chars().take(COMMAND_CHARS).collect();
        let cut = if shown.len() < self.command.len() { "…" } else { "" };
        write!(f, "process {} ({shown}{cut}), since {} UTC", self.pid, clock_time(self.since_ms))?;
        match now_ms().saturating_sub(self.since_ms) / MS_A_DAY {
            0 => Ok(()),
            1 => write!(f, " a day ago"),
            days => write!(f, " {days} days ago"),
        }
    }
}

/// Held as long as it lives.
#[derive(Debug)]
pub(super) struct WriterLock(#[expect(dead_code, reason = "held open: closing it would release the lock")] File);

impl WriterLock {
    /// Locks the store for this process and writes into the lock file who holds it.
    pub(super) fn acquire(store: &Path) -> Result<Self, StoreError> {
        let path = lock_path(store);
        let open = |source| StoreError::Open { path: path.clone(), source };
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(open)?;
        for attempt in 1.. {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if attempt < ATTEMPTS => thread::sleep(BETWEEN_ATTEMPTS),
                Err(TryLockError::WouldBlock) => {
                    return Err(StoreError::Locked { path: store.to_owned(), holder: read_holder(&mut file) });
                }
                Err(TryLockError::Error(source)) => return Err(open(source)),
            }
        }
        write_holder(&mut file).map_err(open)?;
        Ok(Self(file))
    }
}

/// Whether a process holds a store, and which one if its lock file says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Writer {
    /// None.
    None,
    /// This one.
    Process(LockHolder),
    /// One that did not say who it is.
    Unnamed,
}

/// Who writes to the store. Looking takes a shared lock for an instant, which a process that acquires the lock waits
/// out.
pub(super) fn writer(store: &Path) -> Result<Writer, StoreError> {
    let path = lock_path(store);
    let open = |source| StoreError::Open { path: path.clone(), source };
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Writer::None),
        Err(error) => return Err(open(error)),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(Writer::None),
        Err(TryLockError::WouldBlock) => Ok(read_holder(&mut file).map_or(Writer::Unnamed, Writer::Process)),
        Err(TryLockError::Error(source)) => Err(open(source)),
    }
}

fn lock_path(store: &Path) -> PathBuf {
    beside(store, ".lock")
}

/// The file whose name is the store's with a suffix.
pub(super) fn beside(store: &Path, suffix: &str) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn write_holder(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    writeln!(file, "{}", serde_json::to_string(&LockHolder::this_process())?)
}

/// None where the file was written by a version that noted less, or is being written.
fn read_holder(file: &mut File) -> Option<LockHolder> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_is_told_in_one_sentence() {
        let today = now_ms() / MS_A_DAY * MS_A_DAY;
        let since_ms = today + (14 * 3600 + 3 * 60 + 5) * 1000;
        let holder = LockHolder { pid: 4711, command: "earwitness run calls".into(), since_ms };
        let whole = "process 4711 (earwitness run calls), since 14:03:05 UTC";
        assert!(holder.to_string().starts_with(whole));
        let older = LockHolder { since_ms: since_ms - 5 * MS_A_DAY, ..holder.clone() };
        assert!(older.to_string().ends_with(" days ago"), "{older}");
        let long = LockHolder { command: "x".repeat(5000), ..holder };
        assert!(long.to_string().len() < 300 && long.to_string().contains('…'));
    }

    #[test]
    fn looking_for_the_writer_leaves_the_lock_alone() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("store.db");
        assert_eq!(writer(&store).unwrap(), Writer::None);
        let lock = WriterLock::acquire(&store).unwrap();
        let Writer::Process(holder) = writer(&store).unwrap() else { panic!("somebody holds it") };
        assert_eq!(holder.pid, std::process::id());
        std::fs::write(lock_path(&store), "4711\n").unwrap();
        assert_eq!(writer(&store).unwrap(), Writer::Unnamed);
        drop(lock);
        assert_eq!(writer(&store).unwrap(), Writer::None);
        WriterLock::acquire(&store).unwrap();
    }
}
