//! What is done, durably: artifacts by fingerprint, and everything that `status`, `verify` and `export` ask for.
//!
//! [`Store`] is the one domain trait; [`SqliteStore`] keeps it in a file. Only the coordinator writes, and every commit
//! carries the [`Lease`] that it was computed under: a late answer of a dead lease changes nothing.

mod clock;
mod error;
mod lock;
mod sqlite;
mod types;

pub use error::StoreError;
pub use lock::{LockHolder, Writer, command_line};
pub use sqlite::SqliteStore;
pub use types::{
    Alteration, Commit, Committed, Compaction, Export, Failure, Incident, IncidentKind, InputFacts, InputStat, Lease,
    LeaseEnd, Lookup, NewArtifact, NewBatch, NewPart, NewRecord, NewRun, Quarantine, RecordingEntry, Run, RunEnd,
    RunId, StoreCheck, StoreFault, StoredArtifact, StoredPart, UnknownIncident,
};

use std::sync::Arc;

use stage_core::{Fingerprint, Recipe};

/// The record of work. Every method that writes is atomic and durable when it returns.
///
/// Each may fail with a [`StoreError`]; what was written before stays.
#[expect(clippy::missing_errors_doc, reason = "said once for all methods, above")]
pub trait Store {
    /// Begins a run of this process; leases of earlier runs die.
    fn begin_run(&mut self, run: &NewRun) -> Result<RunId, StoreError>;
    /// Ends a run.
    fn end_run(&mut self, run: RunId, end: RunEnd) -> Result<(), StoreError>;
    /// The last runs, the latest first.
    fn runs(&self, most: usize) -> Result<Vec<Run>, StoreError>;

    /// Grants a lease on a new batch of a run.
    fn grant(&mut self, run: RunId, batch: &NewBatch) -> Result<Lease, StoreError>;
    /// Ends a lease; commits under it are refused from now on.
    fn release(&mut self, lease: Lease, end: LeaseEnd) -> Result<(), StoreError>;

    /// The artifact of this name, its body and key checked against their hashes.
    fn artifact(&self, fingerprint: &Fingerprint) -> Result<Lookup, StoreError>;
    /// Writes a group of artifacts and parts in one transaction and says for each what became of it. An artifact takes
    /// the place of its parts; a part of an artifact that is on record is refused as there already.
    fn commit(&mut self, group: &[Commit]) -> Result<Vec<Committed>, StoreError>;
    /// The parts of an artifact that is not complete, by index. One that does not hold its hash is left out, so that it
    /// is made again.
    fn parts(&self, fingerprint: &Fingerprint) -> Result<Vec<StoredPart>, StoreError>;
    /// Forgets the parts of an artifact, so that all of it is computed again.
    fn forget_parts(&mut self, fingerprint: &Fingerprint) -> Result<(), StoreError>;
    /// How often something was computed, over the life of the store, that was on record already.
    fn recomputations(&self) -> Result<u64, StoreError>;

    /// Records incidents of a run.
    fn record_incidents(&mut self, run: RunId, incidents: &[Incident]) -> Result<(), StoreError>;
    /// The incidents of a run, in the order in which they were recorded.
    fn incidents(&self, run: RunId) -> Result<Vec<Incident>, StoreError>;

    /// Records failures of recordings.
    fn record_failures(&mut self, run: RunId, failures: &[Failure]) -> Result<(), StoreError>;
    /// The failures of a run, by path.
    fn failures(&self, run: RunId) -> Result<Vec<Failure>, StoreError>;

    /// Sets recordings aside; what was said of the same artifact before is replaced.
    fn quarantine(&mut self, run: RunId, entries: &[Quarantine]) -> Result<(), StoreError>;
    /// Why the recording of this artifact is set aside, if it is.
    fn quarantined(&self, fingerprint: &Fingerprint) -> Result<Option<Quarantine>, StoreError>;
    /// All recordings that are set aside, by path.
    fn quarantines(&self) -> Result<Vec<Quarantine>, StoreError>;
    /// Lets the recordings of these artifacts be tried again.
    fn lift_quarantine(&mut self, fingerprints: &[Fingerprint]) -> Result<(), StoreError>;

    /// What is known of an input that has not changed since, by path, size, modification time and inode.
    fn cached_input(&self, stat: &InputStat) -> Result<Option<InputFacts>, StoreError>;
    /// Remembers inputs.
    fn cache_inputs(&mut self, inputs: &[(InputStat, InputFacts)]) -> Result<(), StoreError>;

    /// Remembers the recordings of a run with their recipes. A longer recipe on record of the same file stays where
    /// the new one is its beginning, so that running one stage again forgets nothing.
    fn put_recordings(&mut self, run: RunId, recordings: &[RecordingEntry]) -> Result<(), StoreError>;
    /// All recordings, by path.
    fn recordings(&self) -> Result<Vec<RecordingEntry>, StoreError>;

    /// All recipes: those of recordings, of the latest run first, then those that a later run replaced, the newest first.
    fn recipes(&self) -> Result<Vec<Arc<Recipe>>, StoreError>;

    /// Remembers exported files.
    fn put_exports(&mut self, exports: &[Export]) -> Result<(), StoreError>;
    /// All exported files, by path.
    fn exports(&self) -> Result<Vec<Export>, StoreError>;

    /// Holds the whole store against its hashes, in one snapshot beside a writer if there is one.
    fn check(&self) -> Result<StoreCheck, StoreError>;
    /// Drops what is not needed any more and gives the space back to the disk; needs as much free space as the store
    /// takes, for the time being.
    fn compact(&mut self) -> Result<Compaction, StoreError>;
}
