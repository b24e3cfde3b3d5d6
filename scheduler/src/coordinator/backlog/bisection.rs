//! Finds the recording that killed a worker.
//!
//! When a worker is lost, recordings that it had not started are queued again. Recordings that it had started are
//! suspected: they are split into two halves, and each half runs isolated on a separate worker. A half that kills its
//! worker is split again, so that one recording among n is found in about log2(n) losses. A recording that kills its
//! worker twice while it runs alone is the cause. The device is not blamed. It is retired only if the health probe,
//! which is known to work, fails on it.

use stage_core::{ErrorCode, PipelineError};

use super::{Backlog, HeldBatch, Reach};

/// Why a worker was lost.
#[derive(Debug)]
pub(in crate::coordinator) struct Death {
    /// The error code of the recording that causes it again and again.
    pub(in crate::coordinator) code: ErrorCode,
    pub(in crate::coordinator) reason: String,
    /// The job that is known to cause it.
    pub(in crate::coordinator) suspect: Option<usize>,
    /// Whether the worker died with what it ran in. Then only jobs that were lost this way again and again are
    /// suspected.
    pub(in crate::coordinator) with_place: bool,
}

impl Death {
    /// A process that died or was killed for its own behavior.
    pub(in crate::coordinator) fn of(reason: &str) -> Self {
        Self { code: ErrorCode::WorkerDied, reason: reason.to_owned(), suspect: None, with_place: false }
    }

    /// A process that died with its actor or its node.
    pub(in crate::coordinator) fn with_place(reason: &str) -> Self {
        Self { with_place: true, ..Self::of(reason) }
    }
}

/// The result of attributing a worker's death to its recordings.
#[derive(Debug, Default)]
pub(in crate::coordinator) struct Attribution {
    /// Number of recordings that may have caused the death.
    pub(in crate::coordinator) suspected: usize,
    /// Whether the suspected recordings were queued in two isolated halves.
    pub(in crate::coordinator) bisected: bool,
    /// The job that caused the death, and the failure to report.
    pub(in crate::coordinator) cause: Option<(usize, PipelineError)>,
}

impl Backlog<'_> {
    /// Queues a lost worker's jobs again. Suspected jobs are queued as isolated batches.
    pub(in crate::coordinator) fn attribute_death(&mut self, batches: &[HeldBatch], death: &Death) -> Attribution {
        let isolated = batches.iter().any(|batch| batch.isolated);
        let held = || batches.iter().flat_map(|batch| batch.jobs.iter().copied());
        let was_alone = isolated && held().count() == 1;
        let (suspected, others): (Vec<_>, Vec<_>) = held().partition(|job| match death.suspect {
            Some(suspect) => *job == suspect,
            None if self.jobs[*job].reach == Reach::Waiting => false,
            None => !death.with_place || self.jobs[*job].lost_place(),
        });
        others.iter().for_each(|job| self.enqueue(*job));
        let mut attribution = Attribution { suspected: suspected.len(), ..Attribution::default() };
        match suspected[..] {
            [] => {}
            [job] if was_alone => match self.jobs[job].died_alone(death) {
                Some(error) => attribution.cause = Some((job, error)),
                None => self.queue.push_isolated(vec![job]),
            },
            [job] => self.queue.push_isolated(vec![job]),
            _ => {
                let (left, right) = suspected.split_at(suspected.len() / 2);
                self.queue.push_isolated(left.to_vec());
                self.queue.push_isolated(right.to_vec());
                attribution.bisected = true;
            }
        }
        attribution
    }

    /// Queues the jobs of a worker whose device failed. These jobs are not suspected.
    pub(in crate::coordinator) fn requeue(&mut self, batches: &[HeldBatch]) {
        batches.iter().flat_map(|batch| &batch.jobs).for_each(|job| self.enqueue(*job));
    }
}
