//! The port to the store: the operations of every backend. Only coordinators write, and every commit carries the
//! [`Lease`] under which it was computed. A commit under an ended lease changes nothing.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use stage_core::{Fingerprint, Recipe};

use super::types::{
    CheckpointHash, Commit, Committed, Compaction, Failure, Forgotten, Incident, InputFacts, InputStat, Lease,
    LeaseEnd, Lookup, NewBatch, NewRun, OutputFile, Quarantine, RecordingEntry, ReviewEntry, ReviewOutcome, Run,
    RunEnd, RunId, StoreCheck, StoredCheckpoint,
};
use super::writer::Writer;
use super::{Custody, Deletion, Entry, StoreError, WorkQueue};

/// The access for which a store is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reading, concurrently with a writer if there is one. Methods that write fail with [`StoreError::ReadOnly`].
    /// Nothing is written, created or locked, so that a store on read-only media or of another user can be read.
    Read,
    /// Reading and writing an existing store.
    Write,
    /// Reading and writing. The store is created if it does not exist.
    Create,
}

/// A store of artifacts and of the runs that computed them. Every method that writes is atomic, and its changes are
/// durable when it returns.
///
/// Each method may fail with a [`StoreError`]. Data that was written before stays. A store opened for reading refuses
/// writes.
///
/// # Example
///
/// Commits an artifact under a lease, and looks it up by its fingerprint:
///
/// ```
/// use scheduler::store::{
///     Access, Commit, Committed, Lookup, NewArtifact, NewBatch, NewRecord, NewRun, StoreError, open,
/// };
/// use serde_json::json;
/// use stage_core::{StageKey, StageName, Tool, sha256_hex};
///
/// let mut store = open(&"memory:port".parse()?, Access::Create)?;
/// let run = store.begin_run(&NewRun { command: "example".into(), ..NewRun::default() })?;
/// let lease = store.grant(run, &NewBatch { worker: "cpu:0".into(), priority: 0, recordings: 1, audio_s: 60.0 })?;
///
/// let key = StageKey {
///     file_sha256: sha256_hex(b"the bytes of the file"),
///     stage: StageName::new("segment"),
///     version: 1,
///     settings: json!({}),
///     model_sha256: None,
///     numeric: None,
///     inputs: Vec::new(),
///     output: None,
/// };
/// let fingerprint = key.fingerprint();
/// let artifact = NewArtifact {
///     key,
///     body: r#"{"spans":[]}"#.to_owned(),
///     started_at_ms: 0,
///     duration_s: 0.1,
///     tool: Tool::of_version("1.0"),
///     device: "cpu:0".to_owned(),
/// };
/// let what = NewRecord::Artifact { artifact, replace: false };
/// assert_eq!(store.commit(&[Commit { lease, what }])?, [Committed::Written]);
///
/// let Lookup::Sound(stored) = store.artifact(&fingerprint)? else { panic!("it was just written") };
/// assert_eq!(stored.artifact.body, r#"{"spans":[]}"#);
/// # Ok::<(), StoreError>(())
/// ```
#[expect(clippy::missing_errors_doc, reason = "documented once for all methods, above")]
pub trait Store: fmt::Debug {
    /// The processes that write to this store now, which may include this one.
    fn writer(&self) -> Result<Writer, StoreError>;

    /// Begins a run of this process. Leases of earlier runs end, except of those that other processes still work on, in a
    /// store that several can write to.
    fn begin_run(&mut self, run: &NewRun) -> Result<RunId, StoreError>;
    /// Ends a run.
    fn end_run(&mut self, run: RunId, end: RunEnd) -> Result<(), StoreError>;
    /// The last `most` runs, latest first.
    fn runs(&self, most: usize) -> Result<Vec<Run>, StoreError>;

    /// Grants a lease on a new batch of a run.
    fn grant(&mut self, run: RunId, batch: &NewBatch) -> Result<Lease, StoreError>;
    /// Ends a lease. Later commits under it are refused.
    fn release(&mut self, lease: Lease, end: LeaseEnd) -> Result<(), StoreError>;

    /// Looks up the artifact with this fingerprint and checks its body and key against their hashes.
    fn artifact(&self, fingerprint: &Fingerprint) -> Result<Lookup, StoreError>;
    /// Commits a group of artifacts and checkpoints in one transaction and returns the outcome of each. An artifact
    /// replaces its checkpoints. A checkpoint of a stored artifact is refused as [`Committed::AlreadyThere`].
    fn commit(&mut self, group: &[Commit]) -> Result<Vec<Committed>, StoreError>;
    /// The window checkpoints of an incomplete artifact, by index. A checkpoint whose body does not match its hash is
    /// left out, so that it is computed again.
    fn checkpoints(&self, fingerprint: &Fingerprint) -> Result<Vec<StoredCheckpoint>, StoreError>;
    /// Deletes the checkpoints of an artifact, so that all of it is computed again.
    fn forget_checkpoints(&mut self, fingerprint: &Fingerprint) -> Result<(), StoreError>;
    /// Number of times that a stored record was computed again, over the life of the store.
    fn recomputations(&self) -> Result<u64, StoreError>;

    /// Records incidents of a run.
    fn record_incidents(&mut self, run: RunId, incidents: &[Incident]) -> Result<(), StoreError>;
    /// The incidents of a run, in the order in which they were recorded.
    fn incidents(&self, run: RunId) -> Result<Vec<Incident>, StoreError>;

    /// Records failures of recordings.
    fn record_failures(&mut self, run: RunId, failures: &[Failure]) -> Result<(), StoreError>;
    /// The failures of a run, by path.
    fn failures(&self, run: RunId) -> Result<Vec<Failure>, StoreError>;

    /// Quarantines recordings. An earlier entry for the same artifact is replaced.
    fn quarantine(&mut self, run: RunId, entries: &[Quarantine]) -> Result<(), StoreError>;
    /// The quarantine entry of this artifact's recording, if there is one.
    fn quarantined(&self, fingerprint: &Fingerprint) -> Result<Option<Quarantine>, StoreError>;
    /// All quarantined recordings, by path.
    fn quarantines(&self) -> Result<Vec<Quarantine>, StoreError>;
    /// Deletes the quarantine entries of these artifacts, so that their recordings are tried again.
    fn lift_quarantine(&mut self, fingerprints: &[Fingerprint]) -> Result<(), StoreError>;

    /// The cached facts about an input, if its path, size, modification time and inode have not changed since.
    fn cached_input(&self, stat: &InputStat) -> Result<Option<InputFacts>, StoreError>;
    /// Caches facts about inputs.
    fn cache_inputs(&mut self, inputs: &[(InputStat, InputFacts)]) -> Result<(), StoreError>;

    /// Stores the recordings of a run with their recipes. A stored recipe of the same recording is kept if it includes the
    /// new one, so that running one stage again does not forget the others. Returns the incidents that this records: files
    /// that have changed or moved.
    fn put_recordings(&mut self, run: RunId, recordings: &[RecordingEntry]) -> Result<Vec<Incident>, StoreError>;
    /// All recordings, by path and hash.
    fn recordings(&self) -> Result<Vec<RecordingEntry>, StoreError>;

    /// All recipes: first those of recordings, by run, latest first; then those that a later run replaced, newest
    /// first.
    fn recipes(&self) -> Result<Vec<Arc<Recipe>>, StoreError>;

    /// Stores entries of written files. An earlier entry of the same path is replaced.
    fn put_outputs(&mut self, outputs: &[OutputFile]) -> Result<(), StoreError>;
    /// All written files, by path.
    fn outputs(&self) -> Result<Vec<OutputFile>, StoreError>;
    /// Deletes the entries of these paths.
    fn forget_outputs(&mut self, paths: &[PathBuf]) -> Result<(), StoreError>;

    /// Adds statements of reviewers. One whose ID is known is not added again. Returns the outcome of each.
    fn put_reviews(&mut self, entries: &[ReviewEntry]) -> Result<Vec<ReviewOutcome>, StoreError>;
    /// The statements about a recording, or about all, by time.
    fn reviews(&self, recording: Option<&str>) -> Result<Vec<ReviewEntry>, StoreError>;

    /// Deletes the content of a recording: its artifacts, places and reviews, and every text that names it. Its hash stays, with
    /// when and by whom it was forgotten; earlier records of that stay too. The entries of written files stay as those of a
    /// forgotten recording, until the files are deleted and [`Self::forget_outputs`] deletes the entries.
    fn forget(&mut self, deletion: &Deletion) -> Result<(), StoreError>;
    /// The recordings whose content was deleted, in this order. A recording that was forgotten twice is there twice.
    fn forgotten(&self) -> Result<Vec<Forgotten>, StoreError>;

    /// The queue that runs on this store share. `None` if only one process at a time can write to it.
    fn queue(&mut self) -> Option<&mut dyn WorkQueue> {
        None
    }

    /// The custody log, with all of its lines.
    fn custody(&self) -> Result<Custody, StoreError>;
    /// The ID of the case, without the log.
    fn case_id(&self) -> Result<String, StoreError> {
        Ok(self.custody()?.case)
    }
    /// The head of the custody log, without its other lines. `None` if it has no line: the store was altered.
    fn head(&self) -> Result<Option<String>, StoreError> {
        Ok(self.custody()?.head())
    }
    /// Adds entries to the custody log about events that no other method records.
    fn log(&mut self, entries: &[Entry]) -> Result<(), StoreError>;
    /// The names under which artifacts are stored: their fingerprints, unless the store was altered.
    fn artifact_names(&self) -> Result<Vec<String>, StoreError>;
    /// The names of the artifacts of a recording, by their keys.
    fn artifacts_of(&self, sha256: &str) -> Result<Vec<String>, StoreError>;
    /// The hashes of the checkpoints of incomplete artifacts, by artifact and index.
    fn checkpoint_hashes(&self) -> Result<Vec<CheckpointHash>, StoreError>;

    /// Checks all stored records against their hashes, in one snapshot, concurrently with a writer if there is one.
    fn check(&self) -> Result<StoreCheck, StoreError>;
    /// Deletes records that are no longer needed and returns the space to the system. This temporarily needs as much
    /// free space as the size of the store.
    fn compact(&mut self) -> Result<Compaction, StoreError>;
}
