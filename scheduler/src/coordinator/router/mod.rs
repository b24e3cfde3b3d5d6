//! Passes messages between the components of the coordinator.
//!
//! Calls go one way: `drive` (the loop) -> `messages`, `assign` -> `failures` -> the functions here -> the components,
//! which do not depend on each other.

mod assign;
mod drive;
mod failures;
mod messages;
mod share;

use std::collections::BTreeMap;

use super::backlog::Backlog;
use super::event::Event;
use super::fleet::Fleet;
use super::ledger::{Ledger, Received, Stored};
use super::options::RunOptions;
use super::outcome::{ItemEnd, Outcome, RunError};
use super::plan::Chain;
use super::sharing::Sharing;
use crate::clock::ClockWatch;
use crate::protocol::{ResultId, ToWorker};
use crate::store::{Committed, Failure, RecordingEntry};

/// The coordinator of a run.
pub(super) struct Router<'a> {
    items: &'a [RecordingEntry],
    options: &'a RunOptions,
    fleet: Fleet<'a>,
    backlog: Backlog<'a>,
    ledger: Ledger<'a>,
    /// `None` if no other run can write to the store.
    sharing: Option<Sharing>,
    clock: ClockWatch,
}

impl<'a> Router<'a> {
    pub(super) fn new(
        items: &'a [RecordingEntry],
        chains: Vec<Chain>,
        ledger: Ledger<'a>,
        sharing: Option<Sharing>,
        options: &'a RunOptions,
    ) -> Result<Self, RunError> {
        let outstanding = chains.iter().filter(|chain| !chain.is_complete()).count();
        let fleet = Fleet::new(options, outstanding, items.first().map(|item| &*item.recipe))?;
        let backlog = Backlog::new(items, chains, options, fleet.workers().len());
        Ok(Self { items, options, fleet, backlog, ledger, sharing, clock: ClockWatch::new() })
    }

    pub(super) fn into_outcome(self, interrupted: bool) -> Outcome {
        let (stages_reused, stages_computed) = self.ledger.artifacts();
        let run = self.ledger.run();
        let (items, revoked) = self.backlog.into_ends();
        Outcome { run, interrupted, items, stages_reused, stages_computed, revoked }
    }

    /// Commits the received results in one transaction, then acknowledges them.
    fn commit(&mut self) -> Result<(), RunError> {
        let results = self.ledger.commit()?;
        if results.is_empty() {
            return Ok(());
        }
        let mut acknowledged: BTreeMap<usize, Vec<ResultId>> = BTreeMap::new();
        for Stored { received, outcome, is_artifact } in results {
            acknowledged.entry(received.worker).or_default().push(received.result);
            match outcome {
                Committed::StaleLease => {}
                _ if is_artifact => self.artifact_committed(&received, outcome == Committed::Written)?,
                _ => self.checkpoint_committed(&received),
            }
        }
        for (worker, results) in acknowledged {
            self.fleet.send(worker, ToWorker::Ack { results });
        }
        self.ledger.acknowledged();
        Ok(())
    }

    fn checkpoint_committed(&mut self, received: &Received) {
        let Received { worker, job, artifact, audio_s, .. } = *received;
        self.fleet.made_progress(worker);
        self.backlog.checkpoint_committed(job, audio_s);
        let (indices, worker) = (self.backlog.indices(job), self.fleet.id(worker).clone());
        self.ledger.emit(Event::CheckpointCommitted { indices, stage: artifact.stage(), worker, audio_s });
    }

    /// Records that an artifact was committed. `is_written` is false if it was stored before.
    fn artifact_committed(&mut self, received: &Received, is_written: bool) -> Result<(), RunError> {
        let Received { worker, job, artifact, duration_s, .. } = *received;
        self.fleet.made_progress(worker);
        if !self.backlog.artifact_committed(job, artifact) {
            return Ok(());
        }
        let (indices, id) = (self.backlog.indices(job), self.fleet.id(worker).clone());
        if is_written {
            self.ledger.computed();
        }
        self.ledger.emit(Event::StageCommitted { indices, stage: artifact.stage(), worker: id, duration_s });
        if self.backlog.is_complete(job) {
            self.backlog.drop_job(worker, job);
            self.finish(job, ItemEnd::Done)?;
        }
        Ok(())
    }

    /// Finishes a job and reports its end for all recordings that share it.
    fn finish(&mut self, job: usize, end: ItemEnd) -> Result<(), RunError> {
        self.settle(job, &end)?;
        let indices = self.backlog.indices(job);
        if let ItemEnd::Failed(error) = &end {
            let failure = |index: &usize| Failure { path: self.items[*index].path.clone(), error: error.clone() };
            self.ledger.record_failures(&indices.iter().map(failure).collect::<Vec<_>>())?;
        }
        for index in indices {
            self.ledger.emit(match &end {
                ItemEnd::Failed(error) => Event::ItemFailed { index, error: error.clone() },
                ItemEnd::Done | ItemEnd::Unfinished => Event::ItemDone { index },
            });
        }
        self.backlog.finish(job, end);
        Ok(())
    }
}
