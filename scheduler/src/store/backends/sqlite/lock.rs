//! Allows one writer at a time, with an exclusive lock on a file beside the store. The system releases the lock when
//! the process ends, so that no lock is ever stale. The file names the holder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::paths::{beside, unavailable};
use crate::store::{LockHolder, StoreError, Writer};

/// A newly forked process shares its parent's lock until it executes its program, so locking is tried again.
const ATTEMPTS: u32 = 10;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(20);

/// The lock, held until it is dropped.
#[derive(Debug)]
pub(super) struct WriterLock(#[expect(dead_code, reason = "held open: closing it would release the lock")] File);

impl WriterLock {
    /// Locks the store for this process and writes the holder into the lock file.
    pub(super) fn acquire(store: &Path) -> Result<Self, StoreError> {
        let path = lock_path(store);
        let failed = |error| unavailable(&path, error);
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
        for attempt in 1.. {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if attempt < ATTEMPTS => thread::sleep(BETWEEN_ATTEMPTS),
                Err(TryLockError::WouldBlock) => {
                    return Err(StoreError::Locked {
                        store: store.display().to_string(),
                        holder: read_holder(&mut file),
                    });
                }
                Err(TryLockError::Error(source)) => return Err(failed(source)),
            }
        }
        write_holder(&mut file).map_err(failed)?;
        Ok(Self(file))
    }
}

/// The process that writes to the store. This takes a shared lock for an instant. A process that tries to acquire the
/// lock at that moment tries again.
pub(super) fn writer(store: &Path) -> Result<Writer, StoreError> {
    let path = lock_path(store);
    let failed = |error| unavailable(&path, error);
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Writer::None),
        Err(error) => return Err(failed(error)),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(Writer::None),
        Err(TryLockError::WouldBlock) => Ok(read_holder(&mut file).map_or(Writer::Unnamed, Writer::Process)),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

fn lock_path(store: &Path) -> PathBuf {
    beside(store, ".lock")
}

fn write_holder(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    writeln!(file, "{}", serde_json::to_string(&LockHolder::this_process())?)
}

/// Returns `None` if the file was written by an older version that recorded less, or is being written.
fn read_holder(file: &mut File) -> Option<LockHolder> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lock_is_not_disturbed_by_asking_for_its_holder() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("store.db");
        assert_eq!(writer(&store).unwrap(), Writer::None);
        let lock = WriterLock::acquire(&store).unwrap();
        let Writer::Process(holder) = writer(&store).unwrap() else { panic!("this process holds it") };
        assert_eq!(holder.pid, std::process::id());
        std::fs::write(lock_path(&store), "4711\n").unwrap();
        assert_eq!(writer(&store).unwrap(), Writer::Unnamed);
        drop(lock);
        assert_eq!(writer(&store).unwrap(), Writer::None);
        WriterLock::acquire(&store).unwrap();
    }
}
