//! The ledger: leases, incidents, failures and group commits in the store, and the events that report them.
//!
//! The results of a burst of messages are committed in one transaction and acknowledged afterwards.

use std::path::PathBuf;

use stage_core::{ArtifactName, Fingerprint, StageName};

use super::event::{CommitPoint, Event, WorkerId};
use super::outcome::RunError;
use super::plan::Chain;
use crate::clock::now_ms;
use crate::protocol::{self, ResultId};
use crate::store::{
    Commit, Committed, Entry, Failure, Incident, IncidentKind, Lease, LeaseEnd, NewBatch, NewRecord, Quarantine, RunId,
    Store, StoreError, WorkEnd,
};

/// The caller's event handler.
pub(super) type Observer<'a> = &'a mut dyn FnMut(Event, &mut dyn Store);

/// A result that was received from a worker.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) worker: usize,
    pub(super) result: ResultId,
    pub(super) lease: Lease,
    pub(super) job: usize,
    /// The artifact, or the artifact that a checkpoint belongs to.
    pub(super) artifact: ArtifactName,
    pub(super) duration_s: f64,
    /// Seconds of audio that a checkpoint covers.
    pub(super) audio_s: f64,
}

/// A result after its commit, with the outcome.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) received: Received,
    pub(super) outcome: Committed,
    /// Whether it is an artifact. Otherwise it is a checkpoint.
    pub(super) is_artifact: bool,
}

/// The results of the current burst. Both lists have the same order.
#[derive(Debug, Default)]
struct Group {
    received: Vec<Received>,
    commits: Vec<Commit>,
    /// Numbers of artifacts and checkpoints in the last committed group.
    counts: (usize, usize),
}

/// The store of a run. Only the ledger writes to it.
pub(super) struct Ledger<'a> {
    run: RunId,
    store: &'a mut dyn Store,
    observe: Observer<'a>,
    group: Group,
    stages_reused: usize,
    stages_computed: usize,
}

impl<'a> Ledger<'a> {
    pub(super) fn new(run: RunId, store: &'a mut dyn Store, observe: Observer<'a>) -> Self {
        Self { run, store, observe, group: Group::default(), stages_reused: 0, stages_computed: 0 }
    }

    pub(super) const fn run(&self) -> RunId {
        self.run
    }

    /// Number of stages whose artifacts were reused, and number of stages that were computed and committed.
    pub(super) const fn artifacts(&self) -> (usize, usize) {
        (self.stages_reused, self.stages_computed)
    }

    /// Counts a stage whose last outstanding artifact was computed and committed.
    pub(super) const fn computed(&mut self) {
        self.stages_computed += 1;
    }

    pub(super) fn emit(&mut self, event: Event) {
        (self.observe)(event, &mut *self.store);
    }

    /// Counts and reports a stage whose stored artifacts are reused.
    pub(super) fn reused(&mut self, index: usize, stage: StageName) {
        self.stages_reused += 1;
        self.emit(Event::Reused { index, stage });
    }

    /// Records and reports an incident.
    pub(super) fn incident(
        &mut self,
        kind: IncidentKind,
        place: Option<String>,
        recording: Option<PathBuf>,
        message: String,
    ) -> Result<(), RunError> {
        let incident = Incident { at_ms: now_ms(), kind, worker: place, recording, message };
        self.store.record_incidents(self.run, std::slice::from_ref(&incident))?;
        self.emit(Event::Incident(incident));
        Ok(())
    }

    /// Records and reports an incident of a worker.
    pub(super) fn worker_incident(
        &mut self,
        kind: IncidentKind,
        worker: &WorkerId,
        message: String,
    ) -> Result<(), RunError> {
        self.incident(kind, Some(worker.to_string()), None, message)
    }

    /// Records that the clock of the machine was changed. A step back is stated by the log itself.
    pub(super) fn clock_changed(&mut self, moved_ms: i64) -> Result<(), RunError> {
        if moved_ms > 0 {
            self.store.log(&[Entry::Clock { moved_ms }])?;
        }
        let message = format!("the clock of the machine was changed by {:+.1} s", moved_ms as f64 / 1000.0);
        self.incident(IncidentKind::ClockChanged, None, None, message)
    }

    pub(super) fn record_failures(&mut self, failures: &[Failure]) -> Result<(), StoreError> {
        self.store.record_failures(self.run, failures)
    }

    pub(super) fn grant(&mut self, batch: &NewBatch) -> Result<Lease, StoreError> {
        self.store.grant(self.run, batch)
    }

    pub(super) fn release(&mut self, lease: Lease, end: LeaseEnd) -> Result<(), StoreError> {
        self.store.release(lease, end)
    }

    pub(super) fn quarantine(&mut self, entry: Quarantine) -> Result<(), StoreError> {
        self.store.quarantine(self.run, &[entry])
    }

    /// The quarantine entry of an artifact. With `retry`, the entry is deleted instead.
    pub(super) fn quarantined(
        &mut self,
        fingerprint: Fingerprint,
        retry: bool,
    ) -> Result<Option<Quarantine>, StoreError> {
        let entry = self.store.quarantined(&fingerprint)?;
        if entry.is_some() && retry {
            self.store.lift_quarantine(&[fingerprint])?;
            return Ok(None);
        }
        Ok(entry)
    }

    /// Adds a result to the group of the current burst.
    pub(super) fn receive(&mut self, received: Received, what: NewRecord) {
        self.group.commits.push(Commit { lease: received.lease, what });
        self.group.received.push(received);
    }

    /// Commits the results of the current burst in one transaction. They may be acknowledged when this returns.
    pub(super) fn commit(&mut self) -> Result<Vec<Stored>, StoreError> {
        if self.group.commits.is_empty() {
            return Ok(Vec::new());
        }
        let commits = std::mem::take(&mut self.group.commits);
        let received = std::mem::take(&mut self.group.received);
        let is_artifact = |commit: &Commit| matches!(commit.what, NewRecord::Artifact { .. });
        let artifacts = commits.iter().filter(|commit| is_artifact(commit)).count();
        self.group.counts = (artifacts, commits.len() - artifacts);
        self.at(CommitPoint::Before);
        let outcomes = self.store.commit(&commits)?;
        self.at(CommitPoint::Durable);
        let mut stored = Vec::with_capacity(commits.len());
        for ((received, outcome), commit) in received.into_iter().zip(outcomes).zip(&commits) {
            let is_artifact = is_artifact(commit);
            stored.push(Stored { received, outcome, is_artifact });
        }
        Ok(stored)
    }

    /// Reports that the last group was acknowledged to its workers.
    pub(super) fn acknowledged(&mut self) {
        self.at(CommitPoint::Acknowledged);
    }

    fn at(&mut self, point: CommitPoint) {
        let (artifacts, checkpoints) = self.group.counts;
        self.emit(Event::GroupCommit { point, artifacts, checkpoints });
    }

    /// Claims recordings from the queue that other runs share, without these.
    pub(super) fn claim(&mut self, most: usize, except: &[String]) -> Result<Vec<String>, StoreError> {
        self.store.queue().map_or(Ok(Vec::new()), |queue| queue.claim(self.run, most, except))
    }

    /// Leaves a recording to other runs.
    pub(super) fn give_back(&mut self, recording: String) -> Result<(), StoreError> {
        self.store.queue().map_or(Ok(()), |queue| queue.give_back(self.run, &[recording]))
    }

    /// Tells other runs how the work on a claimed recording ended.
    pub(super) fn settle(&mut self, recording: &str, end: &WorkEnd) -> Result<(), StoreError> {
        self.store.queue().map_or(Ok(()), |queue| queue.settle(self.run, recording, end))
    }

    /// The recordings that ended lately in any run, and the time up to which that is known.
    pub(super) fn ended_elsewhere(&mut self, since_ms: i64) -> Result<(Vec<(String, WorkEnd)>, i64), StoreError> {
        self.store.queue().map_or(Ok((Vec::new(), since_ms)), |queue| queue.ended(since_ms))
    }

    /// Reads again which artifacts of a chain are stored.
    pub(super) fn refresh(&self, chain: &mut Chain) -> Result<(), StoreError> {
        chain.refresh(self.store)
    }

    /// The stored artifacts that a worker needs for a chain.
    pub(super) fn inputs_of(&self, chain: &Chain) -> Result<Vec<protocol::Stored>, StoreError> {
        chain.stored(self.store)
    }

    /// The checkpoints of a chain's outstanding artifacts.
    pub(super) fn checkpoints_of(&self, chain: &Chain) -> Result<Vec<protocol::Checkpoint>, StoreError> {
        chain.checkpoints(self.store)
    }
}
