//! The port to the store: what every backend does. Only the coordinator writes, and every commit carries the [`Lease`]
//! that it was computed under: a late answer under a lease that has ended changes nothing.

use std::fmt;
use std::sync::Arc;

use stage_core::{Fingerprint, Recipe};

use super::StoreError;
use super::types::{
    Commit, Committed, Compaction, Export, Failure, Incident, InputFacts, InputStat, Lease, LeaseEnd, Lookup, NewBatch,
    NewRun, Quarantine, RecordingEntry, Run, RunEnd, RunId, StoreCheck, StoredCheckpoint,
};
use super::writer::Writer;

/// What a store is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reading, beside a writer if there is one. Methods that write fail with [`StoreError::ReadOnly`].
    Read,
    /// Reading and writing a store that exists.
    Write,
    /// Reading and writing; the store is created if it does not exist.
    Create,
}

/// A store of artifacts and of the runs that made them. Every method that writes is atomic, and durable when it returns.
///
/// Each may fail with a [`StoreError`]; what was written before stays. A store opened for reading refuses to write.
#[expect(clippy::missing_errors_doc, reason = "documented once for all methods, above")]
pub trait Store: fmt::Debug {
    /// Which process writes to this store now, this one included.
    fn writer(&self) -> Result<Writer, StoreError>;

    /// Begins a run of this process; leases of earlier runs end.
    fn begin_run(&mut self, run: &NewRun) -> Result<RunId, StoreError>;
    /// Ends a run.
    fn end_run(&mut self, run: RunId, end: RunEnd) -> Result<(), StoreError>;
    /// The last `most` runs, the latest first.
    fn runs(&self, most: usize) -> Result<Vec<Run>, StoreError>;

    /// Grants a lease on a new batch of a run.
    fn grant(&mut self, run: RunId, batch: &NewBatch) -> Result<Lease, StoreError>;
    /// Ends a lease; commits under it are refused from now on.
    fn release(&mut self, lease: Lease, end: LeaseEnd) -> Result<(), StoreError>;

    /// The artifact with this fingerprint, its body and key checked against their hashes.
    fn artifact(&self, fingerprint: &Fingerprint) -> Result<Lookup, StoreError>;
    /// Writes a group of artifacts and checkpoints in one transaction and returns the outcome of each. An artifact
    /// replaces its checkpoints; a checkpoint of an artifact that is stored is refused as [`Committed::AlreadyThere`].
    fn commit(&mut self, group: &[Commit]) -> Result<Vec<Committed>, StoreError>;
    /// The window checkpoints of an artifact that is not complete, by index. One whose body does not match its hash is
    /// left out, so that it is computed again.
    fn checkpoints(&self, fingerprint: &Fingerprint) -> Result<Vec<StoredCheckpoint>, StoreError>;
    /// Deletes the checkpoints of an artifact, so that all of it is computed again.
    fn forget_checkpoints(&mut self, fingerprint: &Fingerprint) -> Result<(), StoreError>;
    /// How often something that was stored already was computed again, over the life of the store.
    fn recomputations(&self) -> Result<u64, StoreError>;

    /// Records incidents of a run.
    fn record_incidents(&mut self, run: RunId, incidents: &[Incident]) -> Result<(), StoreError>;
    /// The incidents of a run, in the order in which they were recorded.
    fn incidents(&self, run: RunId) -> Result<Vec<Incident>, StoreError>;

    /// Records failures of recordings.
    fn record_failures(&mut self, run: RunId, failures: &[Failure]) -> Result<(), StoreError>;
    /// The failures of a run, by path.
    fn failures(&self, run: RunId) -> Result<Vec<Failure>, StoreError>;

    /// Quarantines recordings; an earlier entry of the same artifact is replaced.
    fn quarantine(&mut self, run: RunId, entries: &[Quarantine]) -> Result<(), StoreError>;
    /// The quarantine entry of this artifact's recording, if there is one.
    fn quarantined(&self, fingerprint: &Fingerprint) -> Result<Option<Quarantine>, StoreError>;
    /// All quarantined recordings, by path.
    fn quarantines(&self) -> Result<Vec<Quarantine>, StoreError>;
    /// Deletes the quarantine entries of these artifacts, so that their recordings are tried again.
    fn lift_quarantine(&mut self, fingerprints: &[Fingerprint]) -> Result<(), StoreError>;

    /// The facts about an input that has not changed since they were cached: same path, size, modification time, inode.
    fn cached_input(&self, stat: &InputStat) -> Result<Option<InputFacts>, StoreError>;
    /// Caches facts about inputs.
    fn cache_inputs(&mut self, inputs: &[(InputStat, InputFacts)]) -> Result<(), StoreError>;

    /// Stores the recordings of a run with their recipes. A longer recipe of the same file is kept if the new one is its
    /// beginning, so that running one stage again forgets nothing.
    fn put_recordings(&mut self, run: RunId, recordings: &[RecordingEntry]) -> Result<(), StoreError>;
    /// All recordings, by path.
    fn recordings(&self) -> Result<Vec<RecordingEntry>, StoreError>;

    /// All recipes: those of recordings, of the latest run first, then those that a later run replaced, the newest first.
    fn recipes(&self) -> Result<Vec<Arc<Recipe>>, StoreError>;

    /// Stores the hashes of exported files.
    fn put_exports(&mut self, exports: &[Export]) -> Result<(), StoreError>;
    /// All exported files, by path.
    fn exports(&self) -> Result<Vec<Export>, StoreError>;

    /// Checks the whole store against its hashes, in one snapshot beside a writer if there is one.
    fn check(&self) -> Result<StoreCheck, StoreError>;
    /// Deletes what is not needed any more and returns the space to the system; takes as much free space as the store
    /// meanwhile.
    fn compact(&mut self) -> Result<Compaction, StoreError>;
}
