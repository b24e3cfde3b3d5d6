//! The implementation of the port for the SQLite store.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;
use stage_core::{Fingerprint, Recipe};

use super::error::Result;
use super::lock::{self, WriterLock};
use super::paths::{folder_of, shown, unavailable};
use super::reader::Reader;
use super::{
    artifacts, checkpoints, commits, connection, custody, forget, incidents, maintenance, outputs, recordings, reviews,
    runs, transaction,
};
use crate::store::custody::{LogFile, Reconciled, logs_beside, refuse_unlogged_checkpoints};
use crate::store::{
    Access, CheckpointHash, Commit, Committed, Compaction, Custody, Deletion, Entry, Failure, Forgotten, Incident,
    InputFacts, InputStat, Lease, LeaseEnd, Lookup, NewBatch, NewRun, OutputFile, Quarantine, RecordingEntry,
    ReviewEntry, ReviewOutcome, Run, RunEnd, RunId, Store, StoreCheck, StoreError, StoredCheckpoint, Writer,
};

/// The first bytes of every SQLite database.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// A [`Store`] in one SQLite file.
#[derive(Debug)]
pub(super) struct SqliteStore {
    path: PathBuf,
    access: Opened,
}

#[derive(Debug)]
enum Opened {
    ToRead(Reader),
    ToWrite(WriterHandle),
}

/// The connection of the writer, with its lock and the file that it opened.
#[derive(Debug)]
struct WriterHandle {
    db: Connection,
    lock: WriterLock,
    /// Device and inode of the database.
    file: (u64, u64),
    /// The file of the custody log.
    log: LogFile,
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
        let access = match access {
            Access::Read => Opened::ToRead(Reader::open(path)?),
            Access::Write | Access::Create => Opened::ToWrite(WriterHandle::open(path)?),
        };
        Ok(Self { path: path.to_owned(), access })
    }

    fn read<T>(&self, work: impl Fn(&Connection) -> Result<T>) -> Result<T, StoreError> {
        Ok(match &self.access {
            Opened::ToRead(reader) => reader.read(work)?,
            Opened::ToWrite(writer) => work(&writer.db)?,
        })
    }

    /// Runs `work`, which writes. The store and its lock must still be the files that were opened: what would be written
    /// to a deleted file would be lost.
    fn write<T>(&mut self, work: impl FnOnce(&mut Connection) -> Result<T>) -> Result<T, StoreError> {
        let Opened::ToWrite(writer) = &mut self.access else { return Err(StoreError::ReadOnly) };
        if !writer.lock.is_in_place() || file_id(&self.path) != Some(writer.file) {
            return Err(StoreError::Replaced { store: shown(&self.path) });
        }
        let value = work(&mut writer.db)?;
        writer.append_log()?;
        Ok(value)
    }

    /// The connection of the writer, for tests that look behind the port.
    #[cfg(test)]
    pub(super) fn db(&self) -> &Connection {
        match &self.access {
            Opened::ToWrite(writer) => &writer.db,
            Opened::ToRead(_) => panic!("the store was opened for reading"),
        }
    }
}

impl WriterHandle {
    fn open(path: &Path) -> Result<Self, StoreError> {
        check_place(path)?;
        let folder = folder_of(path);
        fs::create_dir_all(folder).map_err(|error| unavailable(folder, error))?;
        let lock = WriterLock::acquire(path)?;
        if let (false, Some(log)) = (path.exists(), logs_beside(path).first()) {
            return Err(StoreError::Lost { store: shown(path), log: shown(log) });
        }
        let mut db = connection::write(path)?;
        let file = file_id(path).ok_or_else(|| StoreError::Replaced { store: shown(path) })?;
        let log = open_log(&mut db, path)?;
        let mut opened = Self { db, lock, file, log };
        opened.append_log()?;
        Ok(opened)
    }

    /// Appends the lines of the last transaction to the file of the log. If that fails, the next start appends them.
    fn append_log(&mut self) -> Result<(), StoreError> {
        let lines = custody::texts_from(&self.db, self.log.lines())?;
        if lines.is_empty() { Ok(()) } else { self.log.append(&lines) }
    }
}

/// Opens the file of the custody log, and adds an entry if it had to be repaired.
fn open_log(db: &mut Connection, path: &Path) -> Result<LogFile, StoreError> {
    let stored = custody::read(db)?;
    let file = LogFile::path_of(path, &stored.chain);
    if stored.lines.is_empty() {
        let reason = "the store has no log".to_owned();
        return Err(StoreError::CustodyBroken { log: shown(&file), reason });
    }
    if let Some(reason) = custody::number_fault(db)? {
        return Err(StoreError::CustodyBroken { log: shown(&file), reason });
    }
    if let Some(other) = logs_beside(path).iter().find(|log| **log != file) {
        let reason = "it is the log of another store".to_owned();
        return Err(StoreError::CustodyBroken { log: shown(other), reason });
    }
    let (log, reconciled) = LogFile::open(file, &stored.lines)?;
    if let Reconciled::Repaired { appended, torn } = reconciled {
        transaction::write(db, |db| custody::append(db, [Entry::Repaired { appended, torn }]))?;
    }
    check_checkpoints(db, path, &stored.lines)?;
    Ok(log)
}

/// Refuses checkpoints that the log does not state: a run would make artifacts from them. One that does not match its own
/// hash is computed again.
fn check_checkpoints(db: &Connection, path: &Path, lines: &[String]) -> Result<(), StoreError> {
    refuse_unlogged_checkpoints(checkpoints::sound_hashes(db)?, lines, shown(path))
}

/// Checks before anything is created that the path is free or a database, and not a link.
fn check_place(path: &Path) -> Result<(), StoreError> {
    let foreign = || StoreError::Foreign { store: shown(path) };
    match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(unavailable(path, error)),
        Ok(found) if found.is_symlink() => Err(unavailable(path, io::Error::other("a link, which is not followed"))),
        Ok(found) if !found.is_file() => Err(foreign()),
        Ok(_) => {
            let mut start = [0; MAGIC.len()];
            let read = File::open(path).and_then(|mut file| file.read_exact(&mut start));
            match read {
                Ok(()) if start == *MAGIC => Ok(()),
                Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(unavailable(path, error)),
                _ => Err(foreign()),
            }
        }
    }
}

/// Device and inode of a file that is not a link.
fn file_id(path: &Path) -> Option<(u64, u64)> {
    let found = path.symlink_metadata().ok()?;
    Some((found.dev(), found.ino()))
}

impl Store for SqliteStore {
    fn writer(&self) -> Result<Writer, StoreError> {
        lock::writer(&self.path)
    }

    fn begin_run(&mut self, run: &NewRun) -> Result<RunId, StoreError> {
        self.write(|db| runs::begin(db, run))
    }

    fn end_run(&mut self, run: RunId, end: RunEnd) -> Result<(), StoreError> {
        self.write(|db| runs::end(db, run, end))
    }

    fn runs(&self, most: usize) -> Result<Vec<Run>, StoreError> {
        self.read(|db| runs::list(db, most))
    }

    fn grant(&mut self, run: RunId, batch: &NewBatch) -> Result<Lease, StoreError> {
        self.write(|db| commits::grant(db, run, batch))
    }

    fn release(&mut self, lease: Lease, end: LeaseEnd) -> Result<(), StoreError> {
        self.write(|db| commits::release(db, lease, end))
    }

    fn artifact(&self, fingerprint: &Fingerprint) -> Result<Lookup, StoreError> {
        self.read(|db| artifacts::lookup(db, fingerprint))
    }

    fn commit(&mut self, group: &[Commit]) -> Result<Vec<Committed>, StoreError> {
        self.write(|db| commits::commit(db, group))
    }

    fn checkpoints(&self, fingerprint: &Fingerprint) -> Result<Vec<StoredCheckpoint>, StoreError> {
        self.read(|db| checkpoints::list(db, fingerprint))
    }

    fn forget_checkpoints(&mut self, fingerprint: &Fingerprint) -> Result<(), StoreError> {
        self.write(|db| {
            transaction::write(db, |db| match checkpoints::forget(db, &fingerprint.to_string())? {
                true => custody::append(db, [Entry::CheckpointsForgotten { fingerprint: *fingerprint }]),
                false => Ok(()),
            })
        })
    }

    fn recomputations(&self) -> Result<u64, StoreError> {
        self.read(commits::recomputations)
    }

    fn record_incidents(&mut self, run: RunId, incidents: &[Incident]) -> Result<(), StoreError> {
        self.write(|db| incidents::record(db, run, incidents))
    }

    fn incidents(&self, run: RunId) -> Result<Vec<Incident>, StoreError> {
        self.read(|db| incidents::list(db, run))
    }

    fn record_failures(&mut self, run: RunId, failures: &[Failure]) -> Result<(), StoreError> {
        self.write(|db| incidents::record_failures(db, run, failures))
    }

    fn failures(&self, run: RunId) -> Result<Vec<Failure>, StoreError> {
        self.read(|db| incidents::failures(db, run))
    }

    fn quarantine(&mut self, run: RunId, entries: &[Quarantine]) -> Result<(), StoreError> {
        self.write(|db| incidents::quarantine(db, run, entries))
    }

    fn quarantined(&self, fingerprint: &Fingerprint) -> Result<Option<Quarantine>, StoreError> {
        self.read(|db| incidents::quarantined(db, fingerprint))
    }

    fn quarantines(&self) -> Result<Vec<Quarantine>, StoreError> {
        self.read(incidents::quarantines)
    }

    fn lift_quarantine(&mut self, fingerprints: &[Fingerprint]) -> Result<(), StoreError> {
        self.write(|db| incidents::lift_quarantine(db, fingerprints))
    }

    fn cached_input(&self, stat: &InputStat) -> Result<Option<InputFacts>, StoreError> {
        self.read(|db| recordings::cached_input(db, stat))
    }

    fn cache_inputs(&mut self, inputs: &[(InputStat, InputFacts)]) -> Result<(), StoreError> {
        self.write(|db| recordings::cache_inputs(db, inputs))
    }

    fn put_recordings(&mut self, run: RunId, recordings: &[RecordingEntry]) -> Result<Vec<Incident>, StoreError> {
        self.write(|db| recordings::put(db, run, recordings))
    }

    fn recordings(&self) -> Result<Vec<RecordingEntry>, StoreError> {
        self.read(recordings::list)
    }

    fn recipes(&self) -> Result<Vec<Arc<Recipe>>, StoreError> {
        self.read(recordings::recipes)
    }

    fn put_outputs(&mut self, outputs: &[OutputFile]) -> Result<(), StoreError> {
        self.write(|db| outputs::put(db, outputs))
    }

    fn outputs(&self) -> Result<Vec<OutputFile>, StoreError> {
        self.read(outputs::list)
    }

    fn forget_outputs(&mut self, paths: &[PathBuf]) -> Result<(), StoreError> {
        self.write(|db| outputs::forget(db, paths))
    }

    fn put_reviews(&mut self, entries: &[ReviewEntry]) -> Result<Vec<ReviewOutcome>, StoreError> {
        self.write(|db| reviews::put(db, entries))
    }

    fn reviews(&self, recording: Option<&str>) -> Result<Vec<ReviewEntry>, StoreError> {
        self.read(|db| reviews::list(db, recording))
    }

    fn forget(&mut self, deletion: &Deletion) -> Result<(), StoreError> {
        self.write(|db| forget::forget(db, deletion))
    }

    fn forgotten(&self) -> Result<Vec<Forgotten>, StoreError> {
        self.read(forget::list)
    }

    fn custody(&self) -> Result<Custody, StoreError> {
        let stored = self.read(custody::read)?;
        let file = Some(LogFile::path_of(&self.path, &stored.chain));
        Ok(Custody { file, ..stored })
    }

    fn case_id(&self) -> Result<String, StoreError> {
        self.read(custody::case_id)
    }

    fn head(&self) -> Result<Option<String>, StoreError> {
        self.read(custody::head)
    }

    fn log(&mut self, entries: &[Entry]) -> Result<(), StoreError> {
        self.write(|db| transaction::write(db, |db| custody::append(db, entries.iter().cloned())))
    }

    fn artifact_names(&self) -> Result<Vec<String>, StoreError> {
        self.read(artifacts::names)
    }

    fn checkpoint_hashes(&self) -> Result<Vec<CheckpointHash>, StoreError> {
        self.read(checkpoints::hashes)
    }

    fn artifacts_of(&self, sha256: &str) -> Result<Vec<String>, StoreError> {
        self.read(|db| artifacts::of_recording(db, sha256))
    }

    fn check(&self) -> Result<StoreCheck, StoreError> {
        let held = matches!(self.access, Opened::ToWrite(_)) || self.writer()? != Writer::None;
        let abandoned_leases = if held { 0 } else { self.read(commits::live)? };
        Ok(StoreCheck { abandoned_leases, ..self.read(maintenance::check)? })
    }

    fn compact(&mut self) -> Result<Compaction, StoreError> {
        let path = self.path.clone();
        self.write(|db| maintenance::compact(db, &path))
    }
}
