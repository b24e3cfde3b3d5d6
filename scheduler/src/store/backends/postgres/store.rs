//! The implementation of the port for the PostgreSQL store.

use std::cell::RefCell;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::Arc;

use stage_core::{Fingerprint, Recipe};

use super::error::Result;
use super::heartbeat::Heartbeat;
use super::location::{Environment, Location};
use super::session::{Db, Session};
use super::{
    artifacts, checkpoints, commits, custody, forget, incidents, maintenance, outputs, queue, recordings, reviews,
    runs, schema,
};
use crate::store::custody::refuse_unlogged_checkpoints;
use crate::store::{
    Access, CheckpointHash, Commit, Committed, Compaction, Custody, Deletion, Entry, Failure, Forgotten, Incident,
    InputFacts, InputStat, Lease, LeaseEnd, Lookup, NewBatch, NewRun, NewWork, OutputFile, Quarantine, RecordingEntry,
    ReviewEntry, ReviewOutcome, Run, RunEnd, RunId, SharedPlan, Store, StoreCheck, StoreError, StoredCheckpoint,
    WorkEnd, WorkQueue, Writer,
};

/// A [`Store`] in a schema of a PostgreSQL database.
#[derive(Debug)]
pub(super) struct PostgresStore {
    session: RefCell<Session>,
    is_read_only: bool,
    /// The run of this process, while it is registered.
    run: Option<Registered>,
}

#[derive(Debug)]
struct Registered {
    run: RunId,
    _heartbeat: Heartbeat,
}

/// Opens the store at a location.
///
/// # Errors
/// As [`crate::store::open`].
pub(in crate::store::backends) fn open(location: &OsStr, access: Access) -> Result<Box<dyn Store>, StoreError> {
    let location = Location::resolve(location, &Environment::of_process())?;
    Ok(Box::new(PostgresStore::open(location, access)?))
}

/// Refuses checkpoints that the log does not state: a run would make artifacts from them.
fn check_checkpoints(session: &mut Session) -> Result<(), StoreError> {
    let (found, lines) = session.snapshot(|db| {
        let found = checkpoints::sound_hashes(db)?;
        let lines = if found.is_empty() { Vec::new() } else { custody::read(db)?.lines };
        Ok((found, lines))
    })?;
    refuse_unlogged_checkpoints(found, &lines, session.location().shown())
}

impl PostgresStore {
    pub(super) fn open(location: Location, access: Access) -> Result<Self, StoreError> {
        let is_read_only = access == Access::Read;
        let mut session = Session::new(location, is_read_only);
        session.connect()?;
        schema::prepare(&mut session, access)?;
        if !is_read_only {
            check_checkpoints(&mut session)?;
        }
        Ok(Self { session: RefCell::new(session), is_read_only, run: None })
    }

    fn read<T>(&self, work: impl FnMut(&mut Db<'_>) -> Result<T>) -> Result<T, StoreError> {
        self.session.borrow_mut().read(work)
    }

    /// Runs `work` in one transaction. It gets the number of this process's run, if one is registered.
    fn write<T>(&self, mut work: impl FnMut(&mut Db<'_>, Option<RunId>) -> Result<T>) -> Result<T, StoreError> {
        if self.is_read_only {
            return Err(StoreError::ReadOnly);
        }
        let own = self.own_run();
        self.session.borrow_mut().write(|db| work(db, own))
    }

    fn own_run(&self) -> Option<RunId> {
        self.run.as_ref().map(|registered| registered.run)
    }

    fn location(&self) -> Location {
        self.session.borrow().location().clone()
    }
}

/// The registration of a run that did not end would keep others from its work until it expires.
impl Drop for PostgresStore {
    fn drop(&mut self) {
        if let Some(Registered { run, .. }) = self.run.take() {
            self.session.borrow_mut().try_once(runs::END_REGISTRATION, &[&run.0]);
        }
    }
}

impl WorkQueue for PostgresStore {
    fn offer(&mut self, run: RunId, plan: &SharedPlan, work: &[NewWork]) -> Result<(), StoreError> {
        let location = self.location();
        self.write(|db, _| queue::offer(db, run, plan, work, &location))
    }

    fn plan(&self) -> Result<Option<SharedPlan>, StoreError> {
        self.read(queue::plan)
    }

    fn unfinished(&self) -> Result<Vec<String>, StoreError> {
        self.read(queue::unfinished)
    }

    fn claim(&mut self, run: RunId, most: usize, except: &[String]) -> Result<Vec<String>, StoreError> {
        self.write(|db, _| queue::claim(db, run, most, except))
    }

    fn settle(&mut self, run: RunId, recording: &str, end: &WorkEnd) -> Result<(), StoreError> {
        self.write(|db, _| queue::settle(db, run, recording, end))
    }

    fn give_back(&mut self, run: RunId, recordings: &[String]) -> Result<(), StoreError> {
        self.write(|db, _| queue::give_back(db, run, recordings))
    }

    fn ended(&self, since_ms: i64) -> Result<(Vec<(String, WorkEnd)>, i64), StoreError> {
        self.read(|db| queue::ended(db, since_ms))
    }
}

impl Store for PostgresStore {
    fn writer(&self) -> Result<Writer, StoreError> {
        self.read(runs::writer)
    }

    fn begin_run(&mut self, run: &NewRun) -> Result<RunId, StoreError> {
        let location = self.location();
        let renewing = Heartbeat::connect(location.clone())?;
        let id = self.write(|db, own| runs::begin(db, run, own, &location))?;
        self.run = Some(Registered { run: id, _heartbeat: Heartbeat::start(id, renewing) });
        Ok(id)
    }

    fn end_run(&mut self, run: RunId, end: RunEnd) -> Result<(), StoreError> {
        self.write(|db, _| runs::end(db, run, end))?;
        self.run.take_if(|registered| registered.run == run);
        Ok(())
    }

    fn runs(&self, most: usize) -> Result<Vec<Run>, StoreError> {
        self.read(|db| runs::list(db, most))
    }

    fn grant(&mut self, run: RunId, batch: &NewBatch) -> Result<Lease, StoreError> {
        self.write(|db, _| commits::grant(db, run, batch))
    }

    fn release(&mut self, lease: Lease, end: LeaseEnd) -> Result<(), StoreError> {
        self.write(|db, _| commits::release(db, lease, end))
    }

    fn artifact(&self, fingerprint: &Fingerprint) -> Result<Lookup, StoreError> {
        self.read(|db| artifacts::lookup(db, fingerprint))
    }

    fn commit(&mut self, group: &[Commit]) -> Result<Vec<Committed>, StoreError> {
        self.write(|db, own| commits::commit(db, group, own))
    }

    fn checkpoints(&self, fingerprint: &Fingerprint) -> Result<Vec<StoredCheckpoint>, StoreError> {
        self.read(|db| checkpoints::list(db, fingerprint))
    }

    fn forget_checkpoints(&mut self, fingerprint: &Fingerprint) -> Result<(), StoreError> {
        self.write(|db, own| {
            let mut log = custody::Log::lock(db, own)?;
            if checkpoints::forget(db, &[&fingerprint.to_string()])? {
                log.add([Entry::CheckpointsForgotten { fingerprint: *fingerprint }]);
            }
            log.write(db)
        })
    }

    fn recomputations(&self) -> Result<u64, StoreError> {
        self.read(commits::recomputations)
    }

    fn record_incidents(&mut self, run: RunId, incidents: &[Incident]) -> Result<(), StoreError> {
        self.write(|db, _| incidents::record(db, run, incidents))
    }

    fn incidents(&self, run: RunId) -> Result<Vec<Incident>, StoreError> {
        self.read(|db| incidents::list(db, run))
    }

    fn record_failures(&mut self, run: RunId, failures: &[Failure]) -> Result<(), StoreError> {
        self.write(|db, _| incidents::record_failures(db, run, failures))
    }

    fn failures(&self, run: RunId) -> Result<Vec<Failure>, StoreError> {
        self.read(|db| incidents::failures(db, run))
    }

    fn quarantine(&mut self, run: RunId, entries: &[Quarantine]) -> Result<(), StoreError> {
        self.write(|db, _| incidents::quarantine(db, run, entries))
    }

    fn quarantined(&self, fingerprint: &Fingerprint) -> Result<Option<Quarantine>, StoreError> {
        self.read(|db| incidents::quarantined(db, fingerprint))
    }

    fn quarantines(&self) -> Result<Vec<Quarantine>, StoreError> {
        self.read(incidents::quarantines)
    }

    fn lift_quarantine(&mut self, fingerprints: &[Fingerprint]) -> Result<(), StoreError> {
        self.write(|db, own| incidents::lift_quarantine(db, fingerprints, own))
    }

    fn cached_input(&self, stat: &InputStat) -> Result<Option<InputFacts>, StoreError> {
        self.read(|db| recordings::cached_input(db, stat))
    }

    fn cache_inputs(&mut self, inputs: &[(InputStat, InputFacts)]) -> Result<(), StoreError> {
        self.write(|db, _| recordings::cache_inputs(db, inputs))
    }

    fn put_recordings(&mut self, run: RunId, recordings: &[RecordingEntry]) -> Result<Vec<Incident>, StoreError> {
        self.write(|db, _| recordings::put(db, run, recordings))
    }

    fn recordings(&self) -> Result<Vec<RecordingEntry>, StoreError> {
        self.read(recordings::list)
    }

    fn recipes(&self) -> Result<Vec<Arc<Recipe>>, StoreError> {
        self.read(recordings::recipes)
    }

    fn put_outputs(&mut self, outputs: &[OutputFile]) -> Result<(), StoreError> {
        self.write(|db, own| outputs::put(db, outputs, own))
    }

    fn outputs(&self) -> Result<Vec<OutputFile>, StoreError> {
        self.read(outputs::list)
    }

    fn forget_outputs(&mut self, paths: &[PathBuf]) -> Result<(), StoreError> {
        self.write(|db, own| outputs::forget(db, paths, own))
    }

    fn put_reviews(&mut self, entries: &[ReviewEntry]) -> Result<Vec<ReviewOutcome>, StoreError> {
        self.write(|db, own| reviews::put(db, entries, own))
    }

    fn reviews(&self, recording: Option<&str>) -> Result<Vec<ReviewEntry>, StoreError> {
        self.read(|db| reviews::list(db, recording))
    }

    fn forget(&mut self, deletion: &Deletion) -> Result<(), StoreError> {
        let location = self.location();
        self.write(|db, own| {
            runs::check_alone(db, own, &location)?;
            forget::forget(db, deletion, own)
        })
    }

    fn forgotten(&self) -> Result<Vec<Forgotten>, StoreError> {
        self.read(forget::list)
    }

    fn queue(&mut self) -> Option<&mut dyn WorkQueue> {
        Some(self)
    }

    fn custody(&self) -> Result<Custody, StoreError> {
        self.session.borrow_mut().snapshot(custody::read)
    }

    fn case_id(&self) -> Result<String, StoreError> {
        self.read(custody::case_id)
    }

    fn head(&self) -> Result<Option<String>, StoreError> {
        self.read(custody::head)
    }

    fn log(&mut self, entries: &[Entry]) -> Result<(), StoreError> {
        self.write(|db, own| {
            let mut log = custody::Log::open(db, own)?;
            log.add(entries.iter().cloned());
            log.write(db)
        })
    }

    fn artifact_names(&self) -> Result<Vec<String>, StoreError> {
        self.read(artifacts::names)
    }

    fn artifacts_of(&self, sha256: &str) -> Result<Vec<String>, StoreError> {
        self.read(|db| artifacts::of_recording(db, sha256))
    }

    fn checkpoint_hashes(&self) -> Result<Vec<CheckpointHash>, StoreError> {
        self.session.borrow_mut().snapshot(checkpoints::hashes)
    }

    fn check(&self) -> Result<StoreCheck, StoreError> {
        self.session.borrow_mut().snapshot(maintenance::check)
    }

    fn compact(&mut self) -> Result<Compaction, StoreError> {
        let location = self.location();
        self.write(|db, own| runs::check_alone(db, own, &location))?;
        maintenance::compact(self.session.get_mut())
    }
}
