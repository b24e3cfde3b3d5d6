//! Reads a database without writing anything: no log, no shared memory, no lock.
//!
//! Beside a live writer the reader takes part in the writer's locking. Otherwise nobody writes, and the reader uses the
//! file and its log, if a killed process left one, without locks. It notices by size, time and inode if a process
//! begins to write in the meantime, and then reads again.

use std::cell::{Cell, RefCell};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::error::Result;
use super::paths::{beside, unavailable};
use super::{connection, lock};
use crate::store::{StoreError, Writer};

/// How often a read is repeated because the store changed in the meantime. Beside a live writer one is enough.
const ATTEMPTS: usize = 20;

/// A connection for reading.
#[derive(Debug)]
pub(super) struct Reader {
    path: PathBuf,
    db: RefCell<Connection>,
    /// The state of the files that `db` reads without locks. `None` if it takes part in the locking.
    seen: Cell<Option<Files>>,
}

/// The state of the database and of its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Files {
    db: Option<FileState>,
    log: Option<FileState>,
}

/// Device, inode, length in bytes, and modification time in seconds and nanoseconds.
type FileState = (u64, u64, u64, i64, i64);

impl Reader {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let (db, seen) = connect(path)?;
        Ok(Self { path: path.to_owned(), db: RefCell::new(db), seen: Cell::new(seen) })
    }

    /// Runs `work` on an unchanging state of the store.
    pub(super) fn read<T>(&self, work: impl Fn(&Connection) -> Result<T>) -> Result<T> {
        for _ in 0..ATTEMPTS {
            let result = work(&self.db.borrow());
            if self.is_current()? {
                return result;
            }
            let (db, seen) = connect(&self.path)?;
            self.db.replace(db);
            self.seen.set(seen);
        }
        let cause = io::Error::other("another program changes it all the time");
        Err(unavailable(&self.path, cause).into())
    }

    fn is_current(&self) -> Result<bool> {
        Ok(match self.seen.get() {
            Some(seen) => seen == Files::of(&self.path)?,
            None => true,
        })
    }
}

fn connect(path: &Path) -> Result<(Connection, Option<Files>)> {
    let seen = Files::of(path)?;
    let has = |suffix| beside(path, suffix).is_file();
    // A writer that has just begun has no log yet: this process must not create it.
    if has("-wal") && has("-shm") && lock::writer(path)? != Writer::None {
        match connection::shared(path) {
            Ok(db) => return Ok((db, None)),
            // The locks of another user's writer may be out of reach.
            Err(error) if error.is_out_of_reach() => {}
            Err(error) => return Err(error),
        }
    }
    let db = if has("-wal") { connection::with_log(path)? } else { connection::immutable(path)? };
    Ok((db, Some(seen)))
}

impl Files {
    fn of(path: &Path) -> Result<Self, StoreError> {
        Ok(Self { db: state(path)?, log: state(&beside(path, "-wal"))? })
    }
}

fn state(path: &Path) -> Result<Option<FileState>, StoreError> {
    match fs::metadata(path) {
        Ok(found) => Ok(Some((found.dev(), found.ino(), found.size(), found.mtime(), found.mtime_nsec()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unavailable(path, error)),
    }
}
