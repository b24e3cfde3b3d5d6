//! The implementation of the port for the memory store.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::{Arc, MutexGuard};

use stage_core::{Fingerprint, Recipe};

use super::databases::{Database, WriterLock};
use super::tables::Tables;
use crate::store::custody::Digests;
use crate::store::forget::is_of_recording;
use crate::store::{
    Access, CheckpointHash, Commit, Committed, Compaction, Custody, Deletion, Entry, Failure, Forgotten, Incident,
    InputFacts, InputStat, Lease, LeaseEnd, Lookup, NewBatch, NewRun, OutputFile, Quarantine, RecordingEntry,
    ReviewEntry, ReviewOutcome, Run, RunEnd, RunId, Store, StoreCheck, StoreError, StoredCheckpoint, Writer,
};

/// A handle of a database.
#[derive(Debug)]
struct MemoryStore {
    database: Arc<Database>,
    lock: Option<WriterLock>,
}

/// Opens the store with this name.
///
/// # Errors
/// As [`crate::store::open`].
pub(in crate::store::backends) fn open(name: &OsStr, access: Access) -> Result<Box<dyn Store>, StoreError> {
    let database = Database::find(name, access)?;
    let lock = (access != Access::Read).then(|| WriterLock::acquire(name, &database)).transpose()?;
    Ok(Box::new(MemoryStore { database, lock }))
}

impl MemoryStore {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.database.tables()
    }

    /// Locks the tables for writing.
    fn write(&self) -> Result<MutexGuard<'_, Tables>, StoreError> {
        if self.lock.is_some() { Ok(self.tables()) } else { Err(StoreError::ReadOnly) }
    }
}

impl Store for MemoryStore {
    fn writer(&self) -> Result<Writer, StoreError> {
        Ok(self.database.writer())
    }

    fn begin_run(&mut self, run: &NewRun) -> Result<RunId, StoreError> {
        self.write()?.begin_run(run)
    }

    fn end_run(&mut self, run: RunId, end: RunEnd) -> Result<(), StoreError> {
        self.write()?.end_run(run, end)
    }

    fn runs(&self, most: usize) -> Result<Vec<Run>, StoreError> {
        Ok(self.tables().runs.values().rev().take(most).cloned().collect())
    }

    fn grant(&mut self, run: RunId, _: &NewBatch) -> Result<Lease, StoreError> {
        Ok(self.write()?.grant(run))
    }

    fn release(&mut self, lease: Lease, end: LeaseEnd) -> Result<(), StoreError> {
        self.write()?.release(lease, end);
        Ok(())
    }

    fn artifact(&self, fingerprint: &Fingerprint) -> Result<Lookup, StoreError> {
        Ok(self.tables().artifact(fingerprint))
    }

    fn commit(&mut self, group: &[Commit]) -> Result<Vec<Committed>, StoreError> {
        self.write()?.commit(group)
    }

    fn checkpoints(&self, fingerprint: &Fingerprint) -> Result<Vec<StoredCheckpoint>, StoreError> {
        Ok(self.tables().checkpoints(fingerprint))
    }

    fn forget_checkpoints(&mut self, fingerprint: &Fingerprint) -> Result<(), StoreError> {
        let mut tables = self.write()?;
        let forgotten = tables.forget_checkpoints(&fingerprint.to_string());
        let entry = forgotten.then_some(Entry::CheckpointsForgotten { fingerprint: *fingerprint });
        tables.log.append(entry)
    }

    fn recomputations(&self) -> Result<u64, StoreError> {
        Ok(self.tables().recomputations)
    }

    fn record_incidents(&mut self, run: RunId, incidents: &[Incident]) -> Result<(), StoreError> {
        self.write()?.record_incidents(run, incidents)
    }

    fn incidents(&self, run: RunId) -> Result<Vec<Incident>, StoreError> {
        self.tables().incidents(run)
    }

    fn record_failures(&mut self, run: RunId, failures: &[Failure]) -> Result<(), StoreError> {
        self.write()?.record_failures(run, failures)
    }

    fn failures(&self, run: RunId) -> Result<Vec<Failure>, StoreError> {
        Ok(self.tables().failures(run))
    }

    fn quarantine(&mut self, _: RunId, entries: &[Quarantine]) -> Result<(), StoreError> {
        self.write()?.quarantine(entries)
    }

    fn quarantined(&self, fingerprint: &Fingerprint) -> Result<Option<Quarantine>, StoreError> {
        Ok(self.tables().quarantine.get(&fingerprint.to_string()).cloned())
    }

    fn quarantines(&self) -> Result<Vec<Quarantine>, StoreError> {
        Ok(self.tables().quarantines())
    }

    fn lift_quarantine(&mut self, fingerprints: &[Fingerprint]) -> Result<(), StoreError> {
        self.write()?.lift_quarantine(fingerprints)
    }

    fn cached_input(&self, stat: &InputStat) -> Result<Option<InputFacts>, StoreError> {
        let tables = self.tables();
        let cached = tables.inputs.get(&stat.path).filter(|(cached, _)| cached == stat);
        Ok(cached.map(|(_, facts)| facts.clone()))
    }

    fn cache_inputs(&mut self, inputs: &[(InputStat, InputFacts)]) -> Result<(), StoreError> {
        let by_path = inputs.iter().map(|(stat, facts)| (stat.path.clone(), (stat.clone(), facts.clone())));
        self.write()?.inputs.extend(by_path);
        Ok(())
    }

    fn put_recordings(&mut self, run: RunId, recordings: &[RecordingEntry]) -> Result<Vec<Incident>, StoreError> {
        self.write()?.put_recordings(run, recordings)
    }

    fn recordings(&self) -> Result<Vec<RecordingEntry>, StoreError> {
        self.tables().recordings()
    }

    fn recipes(&self) -> Result<Vec<Arc<Recipe>>, StoreError> {
        self.tables().recipes()
    }

    fn put_outputs(&mut self, outputs: &[OutputFile]) -> Result<(), StoreError> {
        let mut tables = self.write()?;
        let salt = tables.log.custody.salt.clone();
        let entries =
            outputs.iter().map(|output| Digests(&salt).output_entry(output)).collect::<Result<Vec<_>, _>>()?;
        tables.outputs.extend(outputs.iter().map(|output| (output.path.clone(), output.clone())));
        tables.log.append(entries)
    }

    fn outputs(&self) -> Result<Vec<OutputFile>, StoreError> {
        Ok(self.tables().outputs.values().cloned().collect())
    }

    fn forget_outputs(&mut self, paths: &[PathBuf]) -> Result<(), StoreError> {
        let mut tables = self.write()?;
        let salt = tables.log.custody.salt.clone();
        let forgotten = paths.iter().filter(|path| tables.outputs.remove(*path).is_some());
        let entries: Vec<_> = forgotten.map(|path| Entry::OutputForgotten { name: salt.path(path) }).collect();
        tables.log.append(entries)
    }

    fn put_reviews(&mut self, entries: &[ReviewEntry]) -> Result<Vec<ReviewOutcome>, StoreError> {
        self.write()?.put_reviews(entries)
    }

    fn reviews(&self, recording: Option<&str>) -> Result<Vec<ReviewEntry>, StoreError> {
        Ok(self.tables().reviews(recording))
    }

    fn forget(&mut self, deletion: &Deletion) -> Result<(), StoreError> {
        self.write()?.forget(deletion)
    }

    fn forgotten(&self) -> Result<Vec<Forgotten>, StoreError> {
        Ok(self.tables().forgotten.clone())
    }

    fn custody(&self) -> Result<Custody, StoreError> {
        Ok(self.tables().log.custody.clone())
    }

    fn log(&mut self, entries: &[Entry]) -> Result<(), StoreError> {
        self.write()?.log.append(entries.iter().cloned())
    }

    fn artifact_names(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.tables().artifacts.keys().cloned().collect())
    }

    fn checkpoint_hashes(&self) -> Result<Vec<CheckpointHash>, StoreError> {
        Ok(self.tables().checkpoint_hashes())
    }

    fn artifacts_of(&self, sha256: &str) -> Result<Vec<String>, StoreError> {
        let tables = self.tables();
        let of_recording = tables.artifacts.iter().filter(|(_, raw)| is_of_recording(&raw.key, sha256));
        Ok(of_recording.map(|(name, _)| name.clone()).collect())
    }

    fn check(&self) -> Result<StoreCheck, StoreError> {
        let abandoned = self.writer()? == Writer::None;
        let tables = self.tables();
        let faults = [tables.recipe_faults(), tables.artifact_faults()].concat();
        Ok(StoreCheck {
            artifacts: tables.artifacts.len(),
            checkpoints: tables.checkpoints.len(),
            abandoned_leases: if abandoned { tables.live_leases() } else { 0 },
            faults,
        })
    }

    fn compact(&mut self) -> Result<Compaction, StoreError> {
        Ok(self.write()?.compact())
    }
}
