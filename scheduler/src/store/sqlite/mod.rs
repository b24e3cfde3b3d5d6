//! The store in an SQLite file: WAL, every commit synced to the disk before it is acknowledged.

mod artifacts;
mod care;
mod commits;
mod incidents;
mod inputs;
mod leases;
mod migration;
mod parts;
mod recipes;
mod recordings;
mod runs;
mod schema;
#[cfg(test)]
mod tests;
mod transaction;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use stage_core::{Fingerprint, Recipe};

use super::lock::{self, Writer, WriterLock, beside};
use super::{
    Commit, Committed, Compaction, Export, Failure, Incident, InputFacts, InputStat, Lease, LeaseEnd, Lookup, NewBatch,
    NewRun, Quarantine, RecordingEntry, Run, RunEnd, RunId, Store, StoreCheck, StoreError, StoredPart,
};

/// How long a reading statement waits for a checkpoint or a recovery.
const READ_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a statement of the writer waits before [`transaction`] takes over.
const WRITE_TIMEOUT: Duration = Duration::from_millis(100);
/// Every statement of a run stays prepared.
const PREPARED_STATEMENTS: usize = 64;

/// A [`Store`] in one SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    db: Connection,
    path: PathBuf,
    lock: Option<WriterLock>,
}

impl SqliteStore {
    /// Opens the store for writing; makes it, and its folder, where there is none, and brings one of an older version
    /// up to date.
    ///
    /// # Errors
    /// [`StoreError::Locked`] while another process writes to it; [`StoreError::NewerSchema`], [`StoreError::Foreign`],
    /// [`StoreError::BrokenChain`] for a file that this version must not touch; [`StoreError::Busy`] while another
    /// program holds it; [`StoreError::Open`] or [`StoreError::Database`] from the disk.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let folder = folder_of(path);
        std::fs::create_dir_all(folder).map_err(|source| StoreError::Open { path: folder.to_owned(), source })?;
        let lock = WriterLock::acquire(path)?;
        if !path.exists() {
            create(path)?;
        }
        let db = connect(path)?;
        db.set_prepared_statement_cache_capacity(PREPARED_STATEMENTS);
        Ok(Self { db, path: path.to_owned(), lock: Some(lock) })
    }

    /// Opens the store for reading, beside a writer if there is one. Methods that write fail.
    ///
    /// # Errors
    /// [`StoreError::Missing`] where there is none, or an empty file; [`StoreError::OlderSchema`] for one of an older
    /// version, which is read only after a writer brought it up to date: one version of every query is enough to get
    /// right. Otherwise as [`SqliteStore::open`].
    pub fn open_read_only(path: &Path) -> Result<Self, StoreError> {
        if !path.is_file() {
            return Err(StoreError::Missing { path: path.to_owned() });
        }
        let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        db.busy_timeout(READ_TIMEOUT)?;
        schema::check(&db, path)?;
        Ok(Self { db, path: path.to_owned(), lock: None })
    }

    /// Which process writes to this store now, this one included.
    ///
    /// # Errors
    /// [`StoreError::Open`] where the lock file cannot be read.
    pub fn writer(&self) -> Result<Writer, StoreError> {
        lock::writer(&self.path)
    }
}

/// Makes the store under a temporary name and renames it, so that a reader finds either no store or a complete one.
fn create(path: &Path) -> Result<(), StoreError> {
    let unfinished = beside(path, ".new");
    let failed = |source| StoreError::Open { path: unfinished.clone(), source };
    for leftover in ["", "-wal", "-shm", "-journal"].map(|suffix| beside(&unfinished, suffix)) {
        match std::fs::remove_file(&leftover) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
    }
    // Closing the only connection writes everything into the one file that is renamed.
    connect(&unfinished)?.close().map_err(|(_, error)| error)?;
    std::fs::rename(&unfinished, path).map_err(failed)?;
    std::fs::File::open(folder_of(path)).and_then(|folder| folder.sync_all()).map_err(failed)
}

fn connect(path: &Path) -> Result<Connection, StoreError> {
    let mut db = Connection::open(path)?;
    db.busy_timeout(WRITE_TIMEOUT)?;
    schema::prepare(&mut db, path)?;
    Ok(db)
}

/// The folder that a path lies in.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

impl Store for SqliteStore {
    fn begin_run(&mut self, run: &NewRun) -> Result<RunId, StoreError> {
        runs::begin(&mut self.db, run)
    }

    fn end_run(&mut self, run: RunId, end: RunEnd) -> Result<(), StoreError> {
        runs::end(&mut self.db, run, end)
    }

    fn runs(&self, most: usize) -> Result<Vec<Run>, StoreError> {
        runs::list(&self.db, most)
    }

    fn grant(&mut self, run: RunId, batch: &NewBatch) -> Result<Lease, StoreError> {
        leases::grant(&mut self.db, run, batch)
    }

    fn release(&mut self, lease: Lease, end: LeaseEnd) -> Result<(), StoreError> {
        leases::release(&mut self.db, lease, end)
    }

    fn artifact(&self, fingerprint: &Fingerprint) -> Result<Lookup, StoreError> {
        artifacts::lookup(&self.db, fingerprint)
    }

    fn commit(&mut self, group: &[Commit]) -> Result<Vec<Committed>, StoreError> {
        commits::commit(&mut self.db, group)
    }

    fn parts(&self, fingerprint: &Fingerprint) -> Result<Vec<StoredPart>, StoreError> {
        parts::list(&self.db, fingerprint)
    }

    fn forget_parts(&mut self, fingerprint: &Fingerprint) -> Result<(), StoreError> {
        transaction::write(&mut self.db, |db| parts::forget(db, &fingerprint.to_string()))
    }

    fn recomputations(&self) -> Result<u64, StoreError> {
        commits::recomputations(&self.db)
    }

    fn record_incidents(&mut self, run: RunId, incidents: &[Incident]) -> Result<(), StoreError> {
        incidents::record(&mut self.db, run, incidents)
    }

    fn incidents(&self, run: RunId) -> Result<Vec<Incident>, StoreError> {
        incidents::list(&self.db, run)
    }

    fn record_failures(&mut self, run: RunId, failures: &[Failure]) -> Result<(), StoreError> {
        incidents::record_failures(&mut self.db, run, failures)
    }

    fn failures(&self, run: RunId) -> Result<Vec<Failure>, StoreError> {
        incidents::failures(&self.db, run)
    }

    fn quarantine(&mut self, run: RunId, entries: &[Quarantine]) -> Result<(), StoreError> {
        incidents::quarantine(&mut self.db, run, entries)
    }

    fn quarantined(&self, fingerprint: &Fingerprint) -> Result<Option<Quarantine>, StoreError> {
        incidents::quarantined(&self.db, fingerprint)
    }

    fn quarantines(&self) -> Result<Vec<Quarantine>, StoreError> {
        incidents::quarantines(&self.db)
    }

    fn lift_quarantine(&mut self, fingerprints: &[Fingerprint]) -> Result<(), StoreError> {
        incidents::lift_quarantine(&mut self.db, fingerprints)
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

    fn recipes(&self) -> Result<Vec<Arc<Recipe>>, StoreError> {
        recordings::recipes(&self.db)
    }

    fn put_exports(&mut self, exports: &[Export]) -> Result<(), StoreError> {
        recordings::put_exports(&mut self.db, exports)
    }

    fn exports(&self) -> Result<Vec<Export>, StoreError> {
        recordings::exports(&self.db)
    }

    fn check(&self) -> Result<StoreCheck, StoreError> {
        let held = self.lock.is_some() || self.writer()? != Writer::None;
        let abandoned_leases = if held { 0 } else { leases::live(&self.db)? };
        Ok(StoreCheck { abandoned_leases, ..care::check(&self.db)? })
    }

    fn compact(&mut self) -> Result<Compaction, StoreError> {
        care::compact(&mut self.db, &self.path)
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
