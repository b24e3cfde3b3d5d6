//! One writer at a time: an exclusive lock on a file beside the store, which the system drops with the process.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::StoreError;

/// A process that was just forked holds its parent's lock until it executes its program: that passes at once.
const ATTEMPTS: u32 = 10;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(20);

/// Held as long as it lives.
#[derive(Debug)]
pub(super) struct WriterLock(#[expect(dead_code, reason = "held open: closing it would release the lock")] File);

impl WriterLock {
    /// Locks the store for this process and writes the process's number into the lock file.
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
                    return Err(StoreError::Locked { path: store.to_owned(), holder: holder(&mut file) });
                }
                Err(TryLockError::Error(source)) => return Err(open(source)),
            }
        }
        write_pid(&mut file).map_err(open)?;
        Ok(Self(file))
    }
}

fn lock_path(store: &Path) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

fn write_pid(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    writeln!(file, "{}", std::process::id())
}

fn holder(file: &mut File) -> String {
    let mut pid = String::new();
    match file.read_to_string(&mut pid) {
        Ok(_) if !pid.trim().is_empty() => pid.trim().to_owned(),
        _ => "unknown".to_owned(),
    }
}
