//! Group commit: what a burst of messages brought becomes durable in one transaction, then it is acknowledged.

use std::collections::BTreeMap;

use stage_core::StageKind;

use super::event::CommitPoint;
use super::run::Coordinator;
use super::{Event, ItemEnd, RunError};
use crate::protocol::{ResultId, ToWorker};
use crate::store::{Commit, Committed, Lease, NewRecord};

/// A record that has come and is not committed yet.
pub(super) struct Held {
    pub(super) slot: usize,
    pub(super) result: ResultId,
    pub(super) job: usize,
    pub(super) stage: StageKind,
    pub(super) duration_s: f64,
    /// Seconds of audio that a part covers.
    pub(super) audio_s: f64,
    pub(super) lease: Lease,
}

impl Coordinator<'_> {
    /// Keeps a record for the burst's commit.
    pub(super) fn hold(&mut self, held: Held, what: NewRecord) {
        self.commits.push(Commit { lease: held.lease, what });
        self.held.push(held);
    }

    /// Commits what has come in one transaction, then acknowledges it.
    pub(super) fn flush(&mut self) -> Result<(), RunError> {
        if self.held.is_empty() {
            return Ok(());
        }
        let (held, commits) = (std::mem::take(&mut self.held), std::mem::take(&mut self.commits));
        let parts = commits.iter().filter(|commit| matches!(commit.what, NewRecord::Checkpoint(_))).count();
        let counts = (commits.len() - parts, parts);
        self.at_commit(CommitPoint::Before, counts);
        let outcomes = self.store.commit(&commits)?;
        self.at_commit(CommitPoint::Durable, counts);
        let mut acknowledged: BTreeMap<usize, Vec<ResultId>> = BTreeMap::new();
        for ((held, outcome), commit) in held.into_iter().zip(outcomes).zip(&commits) {
            acknowledged.entry(held.slot).or_default().push(held.result);
            if outcome != Committed::StaleLease {
                match commit.what {
                    NewRecord::Artifact { .. } => self.artifact_committed(&held, outcome)?,
                    NewRecord::Checkpoint(_) => self.part_committed(&held),
                }
            }
        }
        for (slot, results) in acknowledged {
            self.slots[slot].say(ToWorker::Ack { results });
        }
        self.at_commit(CommitPoint::Acknowledged, counts);
        Ok(())
    }

    fn at_commit(&mut self, point: CommitPoint, (artifacts, parts): (usize, usize)) {
        (self.observe)(Event::GroupCommit { point, artifacts, parts }, &mut *self.store);
    }

    fn part_committed(&mut self, held: &Held) {
        self.slots[held.slot].proved_itself();
        self.jobs[held.job].answered_s += held.audio_s;
        let (indices, worker) = (self.jobs[held.job].chain.indices.clone(), self.slots[held.slot].worker.clone());
        let event = Event::PartCommitted { indices, stage: held.stage, worker, audio_s: held.audio_s };
        (self.observe)(event, &mut *self.store);
    }

    fn artifact_committed(&mut self, held: &Held, outcome: Committed) -> Result<(), RunError> {
        let Held { slot, job, stage, duration_s, .. } = *held;
        self.artifacts_computed += usize::from(outcome == Committed::Written);
        self.slots[slot].proved_itself();
        let chain = &mut self.jobs[job].chain;
        if !chain.outstanding.remove(&stage) {
            return Ok(());
        }
        let (indices, worker) = (chain.indices.clone(), self.slots[slot].worker.clone());
        let complete = chain.outstanding.is_empty();
        (self.observe)(Event::StageCommitted { indices, stage, worker, duration_s }, &mut *self.store);
        if complete {
            self.take_from_batches(slot, job);
            self.settle(job, ItemEnd::Done)?;
        }
        Ok(())
    }
}
