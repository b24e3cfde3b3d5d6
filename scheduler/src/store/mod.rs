//! What is done, durably: artifacts by fingerprint, and everything that `status`, `verify` and `export` ask for.
//!
//! [`Store`] is the one domain trait; [`SqliteStore`] keeps it in a file. Only the coordinator writes, and every commit
//! carries the [`Lease`] that it was computed under: a late answer of a dead lease changes nothing.

mod error;
mod lock;
mod sqlite;
mod types;

pub use error::StoreError;
pub use sqlite::SqliteStore;
pub use types::{
    Alteration, Commit, Committed, Export, Failure, InputFacts, InputStat, Lease, LeaseEnd, Lookup, NewArtifact,
    RecordingEntry, Run, RunEnd, RunId, StoredArtifact,
};

use stage_core::Fingerprint;

/// The record of work. Every method that writes is atomic and durable when it returns.
///
/// Each may fail with a [`StoreError`]; what was written before stays.
#[expect(clippy::missing_errors_doc, reason = "said once for all methods, above")]
pub trait Store {
    /// Begins a run; leases of earlier runs die.
    fn begin_run(&mut self, command: &str, tool_version: &str) -> Result<RunId, StoreError>;
    /// Ends a run.
    fn end_run(&mut self, run: RunId, end: RunEnd) -> Result<(), StoreError>;
    /// The last runs, the latest first.
    fn runs(&self, most: usize) -> Result<Vec<Run>, StoreError>;

    /// Grants a lease on a new batch of a run.
    fn grant(&mut self, run: RunId) -> Result<Lease, StoreError>;
    /// Ends a lease; commits under it are refused from now on.
    fn release(&mut self, lease: Lease, end: LeaseEnd) -> Result<(), StoreError>;

    /// The artifact of this name, its body and key checked against their hashes.
    fn artifact(&self, fingerprint: &Fingerprint) -> Result<Lookup, StoreError>;
    /// Writes a group of artifacts in one transaction and says for each what became of it.
    fn commit(&mut self, group: &[Commit]) -> Result<Vec<Committed>, StoreError>;

    /// Records failures of recordings.
    fn record_failures(&mut self, run: RunId, failures: &[Failure]) -> Result<(), StoreError>;
    /// The failures of a run.
    fn failures(&self, run: RunId) -> Result<Vec<Failure>, StoreError>;

    /// What is known of an input that has not changed since, by path, size, modification time and inode.
    fn cached_input(&self, stat: &InputStat) -> Result<Option<InputFacts>, StoreError>;
    /// Remembers inputs.
    fn cache_inputs(&mut self, inputs: &[(InputStat, InputFacts)]) -> Result<(), StoreError>;

    /// Remembers the recordings of a run with their chains of keys. A longer chain on record of the same file stays
    /// where the new one is its beginning, so that running one stage again forgets nothing.
    fn put_recordings(&mut self, run: RunId, recordings: &[RecordingEntry]) -> Result<(), StoreError>;
    /// All recordings, by path.
    fn recordings(&self) -> Result<Vec<RecordingEntry>, StoreError>;

    /// Remembers exported files.
    fn put_exports(&mut self, exports: &[Export]) -> Result<(), StoreError>;
    /// All exported files, by path.
    fn exports(&self) -> Result<Vec<Export>, StoreError>;

    /// What the database's own check finds wrong; empty where it finds nothing.
    fn integrity_faults(&self) -> Result<Vec<String>, StoreError>;
}
