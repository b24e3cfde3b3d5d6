//! The batches that a worker holds: which tasks of them are left.

use std::collections::HashMap;

use crate::dag::{BatchGraph, Task};
use crate::store::Lease;

struct RunningBatch {
    graph: BatchGraph,
    recordings_left: usize,
}

/// Graphs of tasks by the lease of their batch.
#[derive(Default)]
pub(super) struct Batches(HashMap<Lease, RunningBatch>);

impl Batches {
    /// Adds a batch of `recordings` recordings.
    pub(super) fn add(&mut self, lease: Lease, graph: BatchGraph, recordings: usize) {
        self.0.insert(lease, RunningBatch { graph, recordings_left: recordings });
    }

    /// The tasks of a recording that wait for no other.
    pub(super) fn roots(&self, lease: Lease, item: u64) -> Vec<Task> {
        self.0.get(&lease).map_or_else(Vec::new, |batch| batch.graph.roots(item))
    }

    /// Removes a finished task and returns those that waited for it alone.
    pub(super) fn complete(&mut self, lease: Lease, task: Task) -> Vec<Task> {
        self.0.get_mut(&lease).map_or_else(Vec::new, |batch| batch.graph.complete(task))
    }

    /// Removes all tasks of a recording.
    pub(super) fn abandon(&mut self, lease: Lease, item: u64) {
        if let Some(batch) = self.0.get_mut(&lease) {
            batch.graph.abandon(item);
        }
    }

    /// Whether every task of a recording is removed.
    pub(super) fn is_finished(&self, lease: Lease, item: u64) -> bool {
        self.0.get(&lease).is_some_and(|batch| batch.graph.is_finished(item))
    }

    /// Removes `recordings` recordings from a batch; true if they were its last ones, and it is gone.
    pub(super) fn leave(&mut self, lease: Lease, recordings: usize) -> bool {
        let Some(batch) = self.0.get_mut(&lease) else { return false };
        batch.recordings_left -= recordings;
        let is_over = batch.recordings_left == 0;
        if is_over {
            self.0.remove(&lease);
        }
        is_over
    }
}
