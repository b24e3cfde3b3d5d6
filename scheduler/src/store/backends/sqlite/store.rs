//! The implementation of the port for the SQLite store.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;
use stage_core::{Fingerprint, Recipe};

use super::lock::{self, WriterLock};
use super::paths::{folder_of, shown, unavailable};
use super::{artifacts, checkpoints, commits, connection, incidents, maintenance, recordings, runs, transaction};
use crate::store::{
    Access, Commit, Committed, Compaction, Export, Failure, Incident, InputFacts, InputStat, Lease, LeaseEnd, Lookup,
    NewBatch, NewRun, Quarantine, RecordingEntry, Run, RunEnd, RunId, Store, StoreCheck, StoreError, StoredCheckpoint,
    Writer,
};

/// A [`Store`] in one SQLite file.
#[derive(Debug)]
pub(super) struct SqliteStore {
    pub(super) db: Connection,
    path: PathBuf,
    lock: Option<WriterLock>,
}

/// Opens the store in a file.
///
/// # Errors
/// As [`crate::store::open`].
pub(in crate::store::backends) fn open(location: &OsStr, access: Access) -> Result<Box<dyn Store>, StoreError> {
    Ok(Box::new(SqliteStore::open(Path::new(location), access)?))
}

impl SqliteStore {
    /// Opens the store. Creates it and its folder if `access` permits that. Only writers migrate older stores, since
    /// queries are written for one version.
    pub(super) fn open(path: &Path, access: Access) -> Result<Self, StoreError> {
        if access != Access::Create && !path.is_file() {
            return Err(StoreError::Missing { store: shown(path) });
        }
        let db = match access {
            Access::Read => Some(connection::read(path)?),
            Access::Inspect => Some(connection::inspect(path)?),
            Access::Write | Access::Create => None,
        };
        if let Some(db) = db {
            return Ok(Self { db, path: path.to_owned(), lock: None });
        }
        let folder = folder_of(path);
        fs::create_dir_all(folder).map_err(|error| unavailable(folder, error))?;
        let lock = WriterLock::acquire(path)?;
        Ok(Self { db: connection::write(path)?, path: path.to_owned(), lock: Some(lock) })
    }
}

impl Store for SqliteStore {
    fn writer(&self) -> Result<Writer, StoreError> {
        lock::writer(&self.path)
    }

    fn begin_run(&mut self, run: &NewRun) -> Result<RunId, StoreError> {
        Ok(runs::begin(&mut self.db, run)?)
    }

    fn end_run(&mut self, run: RunId, end: RunEnd) -> Result<(), StoreError> {
        Ok(runs::end(&mut self.db, run, end)?)
    }

    fn runs(&self, most: usize) -> Result<Vec<Run>, StoreError> {
        Ok(runs::list(&self.db, most)?)
    }

    fn grant(&mut self, run: RunId, batch: &NewBatch) -> Result<Lease, StoreError> {
        Ok(commits::grant(&mut self.db, run, batch)?)
    }

    fn release(&mut self, lease: Lease, end: LeaseEnd) -> Result<(), StoreError> {
        Ok(commits::release(&mut self.db, lease, end)?)
    }

    fn artifact(&self, fingerprint: &Fingerprint) -> Result<Lookup, StoreError> {
        Ok(artifacts::lookup(&self.db, fingerprint)?)
    }

    fn commit(&mut self, group: &[Commit]) -> Result<Vec<Committed>, StoreError> {
        Ok(commits::commit(&mut self.db, group)?)
    }

    fn checkpoints(&self, fingerprint: &Fingerprint) -> Result<Vec<StoredCheckpoint>, StoreError> {
        Ok(checkpoints::list(&self.db, fingerprint)?)
    }

    fn forget_checkpoints(&mut self, fingerprint: &Fingerprint) -> Result<(), StoreError> {
        Ok(transaction::write(&mut self.db, |db| checkpoints::forget(db, &fingerprint.to_string()))?)
    }

    fn recomputations(&self) -> Result<u64, StoreError> {
        Ok(commits::recomputations(&self.db)?)
    }

    fn record_incidents(&mut self, run: RunId, incidents: &[Incident]) -> Result<(), StoreError> {
        Ok(incidents::record(&mut self.db, run, incidents)?)
    }

    fn incidents(&self, run: RunId) -> Result<Vec<Incident>, StoreError> {
        Ok(incidents::list(&self.db, run)?)
    }

    fn record_failures(&mut self, run: RunId, failures: &[Failure]) -> Result<(), StoreError> {
        Ok(incidents::record_failures(&mut self.db, run, failures)?)
    }

    fn failures(&self, run: RunId) -> Result<Vec<Failure>, StoreError> {
        Ok(incidents::failures(&self.db, run)?)
    }

    fn quarantine(&mut self, run: RunId, entries: &[Quarantine]) -> Result<(), StoreError> {
        Ok(incidents::quarantine(&mut self.db, run, entries)?)
    }

    fn quarantined(&self, fingerprint: &Fingerprint) -> Result<Option<Quarantine>, StoreError> {
        Ok(incidents::quarantined(&self.db, fingerprint)?)
    }

    fn quarantines(&self) -> Result<Vec<Quarantine>, StoreError> {
        Ok(incidents::quarantines(&self.db)?)
    }

    fn lift_quarantine(&mut self, fingerprints: &[Fingerprint]) -> Result<(), StoreError> {
        Ok(incidents::lift_quarantine(&mut self.db, fingerprints)?)
    }

    fn cached_input(&self, stat: &InputStat) -> Result<Option<InputFacts>, StoreError> {
        Ok(recordings::cached_input(&self.db, stat)?)
    }

    fn cache_inputs(&mut self, inputs: &[(InputStat, InputFacts)]) -> Result<(), StoreError> {
        Ok(recordings::cache_inputs(&mut self.db, inputs)?)
    }

    fn put_recordings(&mut self, run: RunId, recordings: &[RecordingEntry]) -> Result<(), StoreError> {
        Ok(recordings::put(&mut self.db, run, recordings)?)
    }

    fn recordings(&self) -> Result<Vec<RecordingEntry>, StoreError> {
        Ok(recordings::list(&self.db)?)
    }

    fn recipes(&self) -> Result<Vec<Arc<Recipe>>, StoreError> {
        Ok(recordings::recipes(&self.db)?)
    }

    fn put_exports(&mut self, exports: &[Export]) -> Result<(), StoreError> {
        Ok(recordings::put_exports(&mut self.db, exports)?)
    }

    fn exports(&self) -> Result<Vec<Export>, StoreError> {
        Ok(recordings::exports(&self.db)?)
    }

    fn check(&self) -> Result<StoreCheck, StoreError> {
        let held = self.lock.is_some() || self.writer()? != Writer::None;
        let abandoned_leases = if held { 0 } else { commits::live(&self.db)? };
        Ok(StoreCheck { abandoned_leases, ..maintenance::check(&self.db)? })
    }

    fn compact(&mut self) -> Result<Compaction, StoreError> {
        Ok(maintenance::compact(&mut self.db, &self.path)?)
    }
}
