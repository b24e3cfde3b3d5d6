//! The store in an SQLite file: WAL, every commit synced to the disk before it is acknowledged.

mod artifacts;
mod inputs;
mod recordings;
mod runs;
mod schema;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OpenFlags};
use stage_core::Fingerprint;

use super::lock::WriterLock;
use super::{
    Commit, Committed, Export, Failure, InputFacts, InputStat, Lease, LeaseEnd, Lookup, RecordingEntry, Run, RunEnd,
    RunId, Store, StoreError,
};

/// How long a statement waits for a reader or a checkpoint.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// A [`Store`] in one SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    db: Connection,
    _lock: Option<WriterLock>,
}

impl SqliteStore {
    /// Opens the store for writing; makes it, and its folder, where there is none.
    ///
    /// # Errors
    /// [`StoreError::Locked`] while another process writes to it; [`StoreError::NewerSchema`], [`StoreError::Foreign`]
    /// for a file that this version must not touch; [`StoreError::Open`] or [`StoreError::Database`] from the disk.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|source| StoreError::Open { path: folder.to_owned(), source })?;
        }
        let lock = WriterLock::acquire(path)?;
        let db = Connection::open(path)?;
        db.busy_timeout(BUSY_TIMEOUT)?;
        schema::prepare(&db, path)?;
        Ok(Self { db, _lock: Some(lock) })
    }

    /// Opens the store for reading, beside a writer if there is one. Methods that write fail.
    ///
    /// # Errors
    /// [`StoreError::Missing`] where there is none; otherwise as [`SqliteStore::open`].
    pub fn open_read_only(path: &Path) -> Result<Self, StoreError> {
        if !path.is_file() {
            return Err(StoreError::Missing { path: path.to_owned() });
        }
        let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        db.busy_timeout(BUSY_TIMEOUT)?;
        schema::check(&db, path)?;
        Ok(Self { db, _lock: None })
    }
}

impl Store for SqliteStore {
    fn begin_run(&mut self, command: &str, tool_version: &str) -> Result<RunId, StoreError> {
        runs::begin(&mut self.db, command, tool_version)
    }

    fn end_run(&mut self, run: RunId, end: RunEnd) -> Result<(), StoreError> {
        runs::end(&self.db, run, end)
    }

    fn runs(&self, most: usize) -> Result<Vec<Run>, StoreError> {
        runs::list(&self.db, most)
    }

    fn grant(&mut self, run: RunId) -> Result<Lease, StoreError> {
        runs::grant(&mut self.db, run)
    }

    fn release(&mut self, lease: Lease, end: LeaseEnd) -> Result<(), StoreError> {
        runs::release(&self.db, lease, end)
    }

    fn artifact(&self, fingerprint: &Fingerprint) -> Result<Lookup, StoreError> {
        artifacts::lookup(&self.db, fingerprint)
    }

    fn commit(&mut self, group: &[Commit]) -> Result<Vec<Committed>, StoreError> {
        artifacts::commit(&mut self.db, group)
    }

    fn record_failures(&mut self, run: RunId, failures: &[Failure]) -> Result<(), StoreError> {
        runs::record_failures(&mut self.db, run, failures)
    }

    fn failures(&self, run: RunId) -> Result<Vec<Failure>, StoreError> {
        runs::failures(&self.db, run)
    }

    fn cached_input(&self, stat: &InputStat) -> Result<Option<InputFacts>, StoreError> {
        inputs::cached(&self.db, stat)
    }

    fn cache_inputs(&mut self, inputs: &[(InputStat, InputFacts)]) -> Result<(), StoreError> {
        inputs::cache(&mut self.db, inputs)
    }

    fn put_recordings(&mut self, run: RunId, recordings: &[RecordingEntry]) -> Result<(), StoreError> {
        recordings::put(&mut self.db, run, recordings)
    }

    fn recordings(&self) -> Result<Vec<RecordingEntry>, StoreError> {
        recordings::list(&self.db)
    }

    fn put_exports(&mut self, exports: &[Export]) -> Result<(), StoreError> {
        recordings::put_exports(&mut self.db, exports)
    }

    fn exports(&self) -> Result<Vec<Export>, StoreError> {
        recordings::exports(&self.db)
    }

    fn integrity_faults(&self) -> Result<Vec<String>, StoreError> {
        let mut statement = self.db.prepare("PRAGMA integrity_check")?;
        let lines = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
        Ok(lines.into_iter().filter(|line| line != "ok").collect())
    }
}

/// Paths are stored as bytes: a file's name need not be text.
fn path_bytes(path: &Path) -> &[u8] {
    use std::os::unix::ffi::OsStrExt;
    path.as_os_str().as_bytes()
}

fn path_from(bytes: Vec<u8>) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    std::ffi::OsString::from_vec(bytes).into()
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}
