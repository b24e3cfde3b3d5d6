//! The work of a run: jobs, the queue, and the batches that workers hold.

mod balance;
mod batches;
mod bisection;
mod held;
mod job;
mod queue;

use std::time::{Duration, Instant};

use stage_core::{ArtifactName, Fingerprint, Phase, PipelineError, StageKey};

use super::event::Place;
use super::options::RunOptions;
use super::outcome::ItemEnd;
use super::plan::Chain;
use crate::store::RecordingEntry;
pub(super) use bisection::{Attribution, Death};
use held::Held;
pub(super) use held::{BatchEnd, HeldBatch};
pub(super) use job::{Job, Reach, Verdict};
use queue::{Entry, Queue};

/// The jobs of a run. Jobs are numbered in the order of the plan, workers as in the fleet.
pub(super) struct Backlog<'a> {
    items: &'a [RecordingEntry],
    jobs: Vec<Job>,
    unfinished: usize,
    queue: Queue,
    held: Vec<Held>,
    /// Number of recordings that were revoked from workers.
    revoked: usize,
}

impl<'a> Backlog<'a> {
    /// Creates all jobs. None is queued yet.
    pub(super) fn new(items: &'a [RecordingEntry], chains: Vec<Chain>, options: &RunOptions, workers: usize) -> Self {
        let job = |chain: Chain| {
            let index = chain.indices.first().copied().unwrap_or_default();
            Job::new(chain, options.priority_of(index), items.get(index).map_or(0.0, |item| item.audio_s))
        };
        let jobs: Vec<_> = chains.into_iter().map(job).collect();
        let held = (0..workers).map(|_| Held::default()).collect();
        Self { items, unfinished: jobs.len(), jobs, queue: Queue::default(), held, revoked: 0 }
    }

    pub(super) const fn jobs(&self) -> std::ops::Range<usize> {
        0..self.jobs.len()
    }

    pub(super) const fn is_finished(&self) -> bool {
        self.unfinished == 0
    }

    /// The job of an item that a worker names. `None` if there is no such job.
    pub(super) fn job_of(&self, item: u64) -> Option<usize> {
        usize::try_from(item).ok().filter(|job| *job < self.jobs.len())
    }

    pub(super) fn chain(&self, job: usize) -> &Chain {
        &self.jobs[job].chain
    }

    pub(super) fn chain_mut(&mut self, job: usize) -> &mut Chain {
        &mut self.jobs[job].chain
    }

    pub(super) fn has_ended(&self, job: usize) -> bool {
        self.jobs[job].end.is_some()
    }

    /// Number of queued jobs.
    pub(super) fn queued(&self) -> usize {
        self.queue.len()
    }

    /// The first of a job's recordings. It represents all of them.
    pub(super) fn item(&self, job: usize) -> &'a RecordingEntry {
        &self.items[self.jobs[job].chain.indices[0]]
    }

    /// The indices of a job's recordings in the plan.
    pub(super) fn indices(&self, job: usize) -> Vec<usize> {
        self.jobs[job].chain.indices.clone()
    }

    /// The key of an artifact that a worker computed under this fingerprint, and whether it replaces a stored one.
    /// `None` if the job does not have the artifact.
    pub(super) fn key(&self, job: usize, name: ArtifactName, fingerprint: Fingerprint) -> Option<(StageKey, bool)> {
        self.chain(job).key(&self.item(job).file_sha256, name, fingerprint)
    }

    pub(super) fn enqueue(&mut self, job: usize) {
        self.queue.push(self.entry(job));
    }

    /// Queues a job again after a delay.
    pub(super) fn retry(&mut self, job: usize, after: Duration) {
        self.queue.push_later(Instant::now() + after, self.entry(job));
    }

    /// Queues the jobs whose delay is over.
    pub(super) fn promote(&mut self) {
        self.queue.promote(Instant::now());
    }

    fn entry(&self, job: usize) -> Entry {
        Entry { job, priority: self.jobs[job].priority, weight_s: self.jobs[job].weight_s }
    }

    /// Records that a worker started a phase of a job.
    pub(super) fn began(&mut self, worker: usize, job: usize, phase: Phase) {
        self.jobs[job].began(phase);
        self.held[worker].made_progress();
    }

    /// Records that a checkpoint of a job was committed.
    pub(super) fn checkpoint_committed(&mut self, job: usize, audio_s: f64) {
        self.jobs[job].committed_s += audio_s;
    }

    /// Records that an artifact of a job was committed. Returns true if it was the last outstanding one of its stage.
    pub(super) fn artifact_committed(&mut self, job: usize, name: ArtifactName) -> bool {
        self.jobs[job].chain.committed(name)
    }

    pub(super) fn is_complete(&self, job: usize) -> bool {
        self.jobs[job].chain.is_complete()
    }

    /// Decides what to do after a failure of a job in a place while workers in `usable` places are left.
    pub(super) fn judge<'p>(
        &mut self,
        job: usize,
        error: &PipelineError,
        place: &Place,
        usable: impl Iterator<Item = &'p Place>,
        backoff: Duration,
    ) -> Verdict {
        self.jobs[job].judge(error, place, &usable.collect::<Vec<_>>(), backoff)
    }

    /// The final error of a job. If it failed on nodes of a cluster because of its file, the error names them.
    pub(super) fn with_nodes(&self, job: usize, error: PipelineError) -> PipelineError {
        self.jobs[job].with_nodes(error)
    }

    /// Records how a job ended.
    pub(super) fn finish(&mut self, job: usize, end: ItemEnd) {
        self.jobs[job].end = Some(end);
        self.unfinished -= 1;
    }

    /// How each recording ended, in the order of the plan, and the number of revoked recordings.
    pub(super) fn into_ends(self) -> (Vec<ItemEnd>, usize) {
        let mut ends = vec![ItemEnd::Unfinished; self.items.len()];
        for job in self.jobs {
            for index in job.chain.indices {
                ends[index] = job.end.clone().unwrap_or(ItemEnd::Unfinished);
            }
        }
        (ends, self.revoked)
    }
}
