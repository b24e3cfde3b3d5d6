//! Balances work between workers: decides which worker gets another batch and which recordings are revoked.

use std::collections::BTreeMap;

use super::{Backlog, Reach};
use crate::store::Lease;

impl Backlog<'_> {
    /// Whether the work that a worker holds and that has not reached its device is at most one share of the queue.
    pub(in crate::coordinator) fn is_short_of_work(&self, worker: usize, workers: usize) -> bool {
        let waiting_s: f64 = self.behind(worker, Reach::Begun).map(|(_, job)| self.jobs[job].weight_s).sum();
        waiting_s <= self.queue.share_s(workers)
    }

    /// The worker with the most work left.
    pub(in crate::coordinator) fn busiest(&self) -> Option<usize> {
        (0..self.held.len()).max_by(|a, b| self.left_s(*a).total_cmp(&self.left_s(*b)))
    }

    /// Chooses recordings to revoke from a worker, longest first, among those that have progressed no further than
    /// `most`. Chooses up to `share` of the worker's remaining work, and at least one recording unless it is the only
    /// work left. Chooses none while the worker has not answered the previous request.
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

    /// The jobs of a worker that have progressed no further than `most`, without isolated batches.
    fn behind(&self, worker: usize, most: Reach) -> impl Iterator<Item = (Lease, usize)> {
        self.held[worker].revocable().filter(move |(_, job)| self.jobs[*job].reach <= most)
    }

    /// Seconds of work left in the batches of a worker, without isolated batches.
    fn left_s(&self, worker: usize) -> f64 {
        self.held[worker].revocable().map(|(_, job)| self.jobs[job].left_s()).sum()
    }
}
