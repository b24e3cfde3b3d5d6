//! Assignment: starts workers, gives them batches, and revokes recordings for idle workers.

use std::path::Path;
use std::time::Instant;

use super::Router;
use crate::coordinator::backlog::{Job, Reach};
use crate::coordinator::fleet::Life;
use crate::coordinator::outcome::RunError;
use crate::protocol::{Batch, ItemJob, Slot, ToWorker};
use crate::store::{NewBatch, StoreError};

impl Router<'_> {
    /// Starts workers for the queued jobs and gives out batches. Every idle worker gets a first batch before any gets a
    /// second.
    pub(super) fn feed(&mut self) -> Result<(), RunError> {
        self.backlog.promote();
        self.fleet.check_cluster()?;
        self.start_workers()?;
        for worker in self.fleet.workers() {
            if self.is_idle(worker) && self.has_room(worker) {
                self.assign(worker)?;
            }
        }
        for worker in self.fleet.workers() {
            if self.has_room(worker) && self.is_queued_for(worker) {
                self.assign(worker)?;
            }
        }
        self.rebalance();
        self.release_idle();
        Ok(())
    }

    /// Whether a worker that is started or starting has no batch.
    pub(super) fn is_idle(&self, worker: usize) -> bool {
        self.fleet.is_started(worker) && self.backlog.holds_nothing(worker)
    }

    /// Whether a worker may get a batch: the work that has not reached its device is at most one share of the queue.
    fn has_room(&self, worker: usize) -> bool {
        self.fleet.life(worker) == Life::Up
            && !self.backlog.is_isolated(worker)
            && self.fleet.takes_work(worker)
            && self.backlog.is_short_of_work(worker, self.fleet.usable())
    }

    /// Whether more jobs are queued for a worker than the idle workers will take.
    fn is_queued_for(&self, worker: usize) -> bool {
        let idle = self.fleet.workers().filter(|other| self.is_idle(*other) && self.fleet.takes_work(*other)).count();
        self.backlog.has_more_than(idle, |job| self.may_run(job, worker))
    }

    /// Whether more jobs are queued for a worker than idle workers, and those requested from the cluster, will take.
    fn needs_another(&self, worker: usize) -> bool {
        let requested = self.fleet.workers().filter(|other| self.fleet.is_requested(*other)).count();
        let idle = self.fleet.workers().filter(|other| self.is_idle(*other) && self.fleet.takes_work(*other)).count();
        self.backlog.has_more_than(requested + idle, |job| self.may_run(job, worker))
    }

    /// Gives the workers back to the cluster for which there is no work.
    fn release_idle(&mut self) {
        if !self.fleet.is_on_cluster() || self.backlog.has_more_than(0, |_| true) {
            return;
        }
        let backlog = &self.backlog;
        self.fleet.release_idle(|worker| backlog.holds_nothing(worker), Instant::now());
    }

    /// Whether a job may run on a worker's device.
    fn may_run(&self, job: &Job, worker: usize) -> bool {
        job.may_run_on(self.fleet.place(worker), self.fleet.usable_places())
    }

    fn start_workers(&mut self) -> Result<(), RunError> {
        for worker in self.fleet.workers() {
            if self.fleet.may_start(worker)
                && self.needs_another(worker)
                && let Err(reason) = self.fleet.start(worker)
            {
                self.retire(worker, &reason)?;
            }
        }
        if self.fleet.is_exhausted() { Err(self.fleet.failure()) } else { Ok(()) }
    }

    fn assign(&mut self, worker: usize) -> Result<(), RunError> {
        let (place, fleet) = (self.fleet.place(worker), &self.fleet);
        let may = |job: &Job| job.may_run_on(place, fleet.usable_places());
        let picked = self.backlog.pick(worker, self.options.batch_items, fleet.usable(), may);
        if picked.jobs.is_empty() {
            return Ok(());
        }
        let (priority, audio_s) = self.backlog.measure(&picked.jobs);
        let (holder, recordings) = (self.fleet.id(worker).to_string(), picked.jobs.len());
        let lease = self.ledger.grant(&NewBatch { worker: holder, priority, recordings, audio_s })?;
        let items = picked.jobs.iter().map(|job| self.item_job(*job)).collect::<Result<_, _>>()?;
        self.fleet.send(worker, ToWorker::Batch(Batch { slot: Slot::default(), lease, items }));
        self.backlog.give(worker, lease, picked);
        Ok(())
    }

    /// Where workers read the recording of a job, if not at its path.
    pub(super) fn place_of(&self, job: usize) -> Option<&Path> {
        self.backlog.indices(job).first().and_then(|index| self.options.place_of(*index))
    }

    /// The message to a worker about one job.
    fn item_job(&self, job: usize) -> Result<ItemJob, StoreError> {
        let (chain, item) = (self.backlog.chain(job), self.backlog.item(job));
        Ok(ItemJob {
            item: job as u64,
            path: self.place_of(job).unwrap_or(&item.path).to_owned(),
            file_sha256: item.file_sha256.clone(),
            audio_s: item.audio_s,
            steps: chain.steps(),
            stored: self.ledger.inputs_of(chain)?,
            checkpoints: self.ledger.checkpoints_of(chain)?,
        })
    }

    /// Revokes recordings in two cases. If a worker's device takes no work but another device does, the worker returns
    /// the recordings that have not reached the device, or all if the device is paused (their checkpoints are kept). If
    /// a worker is idle, the busiest worker returns up to half of its work.
    fn rebalance(&mut self) {
        let (working, barred): (Vec<_>, Vec<_>) =
            self.fleet.workers().partition(|worker| self.fleet.takes_work(*worker));
        if !working.is_empty() {
            for worker in barred {
                let most = if self.fleet.is_paused(worker) { Reach::OnDevice } else { Reach::Begun };
                self.revoke(worker, 1.0, most);
            }
        }
        if self.fleet.workers().any(|worker| self.backlog.holds_nothing(worker) && self.has_room(worker))
            && let Some(busiest) = self.backlog.busiest()
        {
            self.revoke(busiest, 0.5, Reach::Begun);
        }
    }

    fn revoke(&mut self, worker: usize, share: f64, most: Reach) {
        for (lease, items) in self.backlog.revoke(worker, share, most) {
            self.fleet.send(worker, ToWorker::Revoke { lease, items });
        }
    }
}
