//! Balance between workers: who has room for another batch, and what is revoked from one for another.

use std::collections::BTreeMap;

use super::{Backlog, Reach};
use crate::store::Lease;

impl Backlog<'_> {
    /// Whether what a worker holds and has not brought to its device is less than a share of the queue.
    pub(in crate::coordinator) fn is_short_of_work(&self, worker: usize, workers: usize) -> bool {
        let waiting_s: f64 = self.behind(worker, Reach::Begun).map(|(_, job)| self.jobs[job].weight_s).sum();
        waiting_s <= self.queue.share_s(workers)
    }

    /// The worker with the most work left.
    pub(in crate::coordinator) fn busiest(&self) -> Option<usize> {
        (0..self.held.len()).max_by(|a, b| self.left_s(*a).total_cmp(&self.left_s(*b)))
    }

    /// Chooses recordings to revoke from a worker: up to a share of what it holds, the longest first, that have come no
    /// further than `most`; at least one, if that is not all it has. None until it has answered the last time.
    pub(in crate::coordinator) fn revoke(
        &mut self,
        worker: usize,
        share: f64,
        most: Reach,
    ) -> BTreeMap<Lease, Vec<u64>> {
        let mut asked: BTreeMap<Lease, Vec<u64>> = BTreeMap::new();
        if self.held[worker].was_asked() {
            return asked;
        }
        let left_s = self.left_s(worker);
        let mut behind: Vec<_> = self.behind(worker, most).collect();
        behind.sort_by(|(_, a), (_, b)| self.jobs[*b].weight_s.total_cmp(&self.jobs[*a].weight_s));
        let mut asked_s = 0.0;
        for (lease, job) in behind {
            let weight_s = self.jobs[job].weight_s;
            let fits = asked_s + weight_s <= left_s * share;
            if fits || (asked.is_empty() && weight_s < left_s) {
                asked_s += weight_s;
                asked.entry(lease).or_default().push(job as u64);
            }
        }
        self.held[worker].asked(!asked.is_empty());
        asked
    }

    /// The jobs that a worker holds and that have come no further than `most`; without isolated batches.
    fn behind(&self, worker: usize, most: Reach) -> impl Iterator<Item = (Lease, usize)> {
        self.held[worker].revocable().filter(move |(_, job)| self.jobs[*job].reach <= most)
    }

    /// Seconds of work left of all that a worker holds.
    fn left_s(&self, worker: usize) -> f64 {
        self.held[worker].revocable().map(|(_, job)| self.jobs[job].left_s()).sum()
    }
}
