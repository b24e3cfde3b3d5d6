//! The batches that a worker holds.

use std::collections::BTreeSet;

use crate::store::Lease;

/// A batch that a worker holds.
#[derive(Debug)]
pub(in crate::coordinator) struct HeldBatch {
    pub(in crate::coordinator) lease: Lease,
    /// Jobs that are neither done nor failed.
    pub(in crate::coordinator) jobs: BTreeSet<usize>,
    /// Whether the jobs are suspected of killing workers. Their worker gets no other batch.
    pub(in crate::coordinator) isolated: bool,
}

/// The result of checking a worker's report that a batch is finished against the batches that it holds.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::coordinator) enum BatchEnd {
    Complete,
    /// Some recordings of the batch are neither done nor failed.
    Incomplete,
    /// The worker does not hold the batch.
    Unknown,
}

/// The batches that a worker holds.
#[derive(Debug, Default)]
pub(super) struct Held {
    batches: Vec<HeldBatch>,
    /// The worker was asked to return recordings and has not answered, or had none to return and has made no progress
    /// since.
    was_asked: bool,
}

impl Held {
    pub(super) fn give(&mut self, batch: HeldBatch) {
        self.was_asked = false;
        self.batches.push(batch);
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    pub(super) fn is_isolated(&self) -> bool {
        self.batches.iter().any(|batch| batch.isolated)
    }

    /// The jobs that may be revoked. Isolated batches stay on their worker.
    pub(super) fn revocable(&self) -> impl Iterator<Item = (Lease, usize)> {
        let batches = self.batches.iter().filter(|batch| !batch.isolated);
        batches.flat_map(|batch| batch.jobs.iter().map(|job| (batch.lease, *job)))
    }

    pub(super) const fn was_asked(&self) -> bool {
        self.was_asked
    }

    /// Records whether the worker was asked to return `any` recordings.
    pub(super) const fn asked(&mut self, any: bool) {
        self.was_asked = any;
    }

    /// Records that the worker made progress, so it may have recordings to return again.
    pub(super) const fn made_progress(&mut self) {
        self.was_asked = false;
    }

    /// Removes a job. Returns false if the worker does not hold it.
    pub(super) fn drop_job(&mut self, job: usize) -> bool {
        self.batches.iter_mut().any(|batch| batch.jobs.remove(&job))
    }

    /// Removes the jobs of a batch that the worker returned. Returns `None` if it does not hold the batch.
    pub(super) fn given_back(&mut self, lease: Lease, items: &[u64]) -> Option<Vec<usize>> {
        let batch = self.batches.iter_mut().find(|batch| batch.lease == lease)?;
        let given: Vec<_> = items.iter().map(|item| *item as usize).filter(|job| batch.jobs.remove(job)).collect();
        // A worker that had nothing to return is asked again after it has made progress.
        self.was_asked = given.is_empty();
        Some(given)
    }

    /// Removes a batch that the worker finished.
    pub(super) fn finished(&mut self, lease: Lease) -> BatchEnd {
        match self.batches.iter().position(|batch| batch.lease == lease) {
            Some(position) if self.batches[position].jobs.is_empty() => {
                self.batches.remove(position);
                BatchEnd::Complete
            }
            Some(_) => BatchEnd::Incomplete,
            None => BatchEnd::Unknown,
        }
    }

    pub(super) fn take(&mut self) -> Vec<HeldBatch> {
        std::mem::take(self).batches
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Lease = Lease { batch: 1, number: 1 };
    const SECOND: Lease = Lease { batch: 2, number: 2 };

    fn held(batches: &[(Lease, &[usize], bool)]) -> Held {
        let mut held = Held::default();
        for (lease, jobs, isolated) in batches {
            held.give(HeldBatch { lease: *lease, jobs: jobs.iter().copied().collect(), isolated: *isolated });
        }
        held
    }

    #[test]
    fn held_batch_is_complete_when_none_of_its_jobs_is_left() {
        let mut held = held(&[(FIRST, &[3, 4], false)]);
        assert_eq!((held.finished(FIRST), held.finished(SECOND)), (BatchEnd::Incomplete, BatchEnd::Unknown));
        assert!(held.drop_job(3) && !held.drop_job(3) && held.drop_job(4));
        assert!(!held.is_empty());
        assert_eq!((held.finished(FIRST), held.finished(FIRST)), (BatchEnd::Complete, BatchEnd::Unknown));
        assert!(held.is_empty());
    }

    #[test]
    fn held_jobs_are_given_back_once_and_a_worker_without_any_is_asked_after_progress() {
        let mut held = held(&[(FIRST, &[3, 4], false)]);
        held.asked(true);
        assert_eq!(held.given_back(SECOND, &[3]), None);
        assert_eq!(held.given_back(FIRST, &[3, 9]), Some(vec![3]));
        assert!(!held.was_asked());
        assert_eq!(held.given_back(FIRST, &[3]), Some(vec![]));
        assert!(held.was_asked());
        held.made_progress();
        assert!(!held.was_asked());
    }

    #[test]
    fn held_jobs_in_isolation_are_not_revocable() {
        let mut held = held(&[(FIRST, &[1], false), (SECOND, &[2], true)]);
        assert!(held.is_isolated());
        assert_eq!(held.revocable().collect::<Vec<_>>(), [(FIRST, 1)]);
        assert_eq!(held.take().len(), 2);
        assert!(held.is_empty() && !held.is_isolated());
    }
}
