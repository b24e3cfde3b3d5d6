//! Batches: picked from the queue, given to workers, finished, returned, or taken from a lost worker.

use super::Backlog;
use super::held::{BatchEnd, HeldBatch};
use super::job::Job;
use super::queue::{BatchLimits, Picked};
use crate::store::Lease;

impl Backlog<'_> {
    /// Whether more than `count` queued jobs satisfy `may`. An isolated batch counts as one job.
    pub(in crate::coordinator) fn has_more_than(&self, count: usize, may: impl Fn(&Job) -> bool) -> bool {
        self.queue.has_more_than(count, |job| may(&self.jobs[job]))
    }

    /// Picks the next batch for a worker among the jobs that satisfy `may`. The batch may be empty.
    pub(in crate::coordinator) fn pick(
        &mut self,
        worker: usize,
        items: usize,
        workers: usize,
        may: impl Fn(&Job) -> bool,
    ) -> Picked {
        let limits = BatchLimits { items, workers, idle: self.holds_nothing(worker) };
        let jobs = &self.jobs;
        self.queue.pick(limits, |job| may(&jobs[job]))
    }

    /// The highest priority in a batch, and the length of its recordings in seconds.
    pub(in crate::coordinator) fn measure(&self, jobs: &[usize]) -> (i32, f64) {
        let priority = jobs.iter().map(|job| self.jobs[*job].priority).max().unwrap_or_default();
        (priority, jobs.iter().map(|job| self.item(*job).audio_s).sum())
    }

    /// Records that a worker was given a batch.
    pub(in crate::coordinator) fn give(&mut self, worker: usize, lease: Lease, picked: Picked) {
        picked.jobs.iter().for_each(|job| self.jobs[*job].given());
        let Picked { jobs, isolated } = picked;
        self.held[worker].give(HeldBatch { lease, jobs: jobs.into_iter().collect(), isolated });
    }

    pub(in crate::coordinator) fn holds_nothing(&self, worker: usize) -> bool {
        self.held[worker].is_empty()
    }

    /// Whether a worker holds an isolated batch.
    pub(in crate::coordinator) fn is_isolated(&self, worker: usize) -> bool {
        self.held[worker].is_isolated()
    }

    /// Removes a job from a worker. Returns false if the worker did not hold it.
    pub(in crate::coordinator) fn drop_job(&mut self, worker: usize, job: usize) -> bool {
        self.held[worker].drop_job(job)
    }

    /// Queues the jobs of a batch that a worker returned. Returns their number, or `None` if it does not hold the
    /// batch.
    pub(in crate::coordinator) fn given_back(&mut self, worker: usize, lease: Lease, items: &[u64]) -> Option<usize> {
        let given = self.held[worker].given_back(lease, items)?;
        self.revoked += given.len();
        given.iter().for_each(|job| self.enqueue(*job));
        Some(given.len())
    }

    /// Handles a worker's report that a batch is finished.
    pub(in crate::coordinator) fn batch_finished(&mut self, worker: usize, lease: Lease) -> BatchEnd {
        self.held[worker].finished(lease)
    }

    /// Takes all batches from a worker that was lost or ended.
    pub(in crate::coordinator) fn take_batches(&mut self, worker: usize) -> Vec<HeldBatch> {
        self.held[worker].take()
    }
}
