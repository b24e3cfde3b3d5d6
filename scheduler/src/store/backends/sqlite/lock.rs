//! Allows one writer at a time, with an exclusive lock on a file beside the store. The system releases the lock when
//! the process ends, so that no lock is ever stale. The file names the holder.

use std::fs::{File, Metadata, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::paths::{beside, unavailable};
use crate::store::plain_file::{self, NO_LINKS};
use crate::store::{LockHolder, StoreError, Writer};

/// A newly forked process shares its parent's lock until it executes its program, so locking is tried again.
const ATTEMPTS: u32 = 10;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(20);

/// Longest content of a lock file, in bytes: command lines have a limit of the system.
const LONGEST: u64 = 4 << 20;

/// The lock, held until it is dropped.
#[derive(Debug)]
pub(super) struct WriterLock {
    /// Held open: closing it would release the lock.
    file: File,
    path: PathBuf,
}

impl WriterLock {
    /// Locks the store for this process and writes the holder into the lock file.
    pub(super) fn acquire(store: &Path) -> Result<Self, StoreError> {
        let path = lock_path(store);
        let failed = |error| unavailable(&path, error);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).custom_flags(NO_LINKS);
        let mut file = options.open(&path).map_err(failed)?;
        if !is_lock(&mut file).map_err(failed)? {
            return Err(StoreError::Foreign { store: path.display().to_string() });
        }
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
        Ok(Self { file, path })
    }

    /// Whether the lock file still has its name, so that no other process can lock another one.
    pub(super) fn is_in_place(&self) -> bool {
        let same = |held: &Metadata, found: &Metadata| (held.dev(), held.ino()) == (found.dev(), found.ino());
        matches!((self.file.metadata(), self.path.symlink_metadata()), (Ok(held), Ok(found)) if same(&held, &found))
    }
}

/// The command line of the holder may name recordings, so it does not stay.
impl Drop for WriterLock {
    fn drop(&mut self) {
        let _ = self.file.set_len(0);
    }
}

/// The process that writes to the store. This takes a shared lock for an instant. A process that tries to acquire the
/// lock at that moment tries again.
pub(super) fn writer(store: &Path) -> Result<Writer, StoreError> {
    let path = lock_path(store);
    let failed = |error| unavailable(&path, error);
    let mut file = match plain_file::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Writer::None),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(Writer::Unnamed),
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

/// Whether a file is a lock file of this or an earlier version, not one of another program that has its name.
fn is_lock(file: &mut File) -> io::Result<bool> {
    let found = file.metadata()?;
    if !found.is_file() || found.len() > LONGEST {
        return Ok(false);
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    file.rewind()?;
    let is_number = bytes.trim_ascii().iter().all(u8::is_ascii_digit);
    Ok(is_number || bytes.starts_with(b"{\"pid\":"))
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

    #[test]
    fn lock_that_is_a_pipe_or_a_link_is_an_error_and_nobody_waits() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("store.db");
        let made = std::process::Command::new("mkfifo").arg(lock_path(&store)).status().unwrap();
        assert!(made.success());
        assert!(matches!(writer(&store), Err(StoreError::Unavailable { .. })));
        WriterLock::acquire(&store).unwrap_err();
        std::fs::remove_file(lock_path(&store)).unwrap();
        std::os::unix::fs::symlink("/dev/zero", lock_path(&store)).unwrap();
        writer(&store).unwrap_err();
        WriterLock::acquire(&store).unwrap_err();
    }
}
