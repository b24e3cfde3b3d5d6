//! The unfinished tasks of the batches that a worker holds, and the tasks that are ready for the CPU lane.

use std::collections::BTreeSet;
use std::collections::HashMap;

use stage_core::{Phase, StageName};

use crate::dag::{BatchGraph, Task};
use crate::store::Lease;

/// A batch, and the number of its recordings that are left.
struct RunningBatch {
    graph: BatchGraph,
    recordings_left: usize,
}

/// The batches that a worker holds, by lease.
#[derive(Default)]
pub(super) struct Batches(HashMap<Lease, RunningBatch>);

impl Batches {
    /// Adds a batch of `recordings` recordings.
    pub(super) fn add(&mut self, lease: Lease, graph: BatchGraph, recordings: usize) {
        self.0.insert(lease, RunningBatch { graph, recordings_left: recordings });
    }

    /// The tasks of a recording that wait for no other task.
    pub(super) fn roots(&self, lease: Lease, item: u64) -> Vec<Task> {
        self.0.get(&lease).map_or_else(Vec::new, |batch| batch.graph.roots(item))
    }

    /// Removes a finished task and returns the tasks that were waiting only for it.
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

    /// Removes `recordings` recordings from a batch. Returns true if they were the last ones, and removes the batch.
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

/// A CPU task of a recording. Tasks of earlier stages sort first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Work {
    /// The position of the stage in the data flow.
    pub(super) rank: usize,
    pub(super) stage: StageName,
    pub(super) phase: Phase,
}

/// The ready tasks, ordered by recording, oldest first.
#[derive(Debug, Default)]
pub(super) struct ReadyTasks {
    tasks: BTreeSet<(u64, Work)>,
    /// Number of running tasks that prepare inputs.
    preparing: usize,
}

impl ReadyTasks {
    pub(super) fn push(&mut self, recording: u64, work: Work) {
        self.tasks.insert((recording, work));
    }

    /// Takes the next task for a pool of `threads` threads. Preparation may block on the device, so one thread never
    /// runs it.
    pub(super) fn next(&mut self, threads: usize) -> Option<(u64, Work)> {
        let may_prepare = self.preparing + 1 < threads;
        let next = *self.tasks.iter().find(|(_, work)| may_prepare || work.phase != Phase::Prepare)?;
        self.tasks.remove(&next);
        self.preparing += usize::from(next.1.phase == Phase::Prepare);
        Some(next)
    }

    /// Records that a task has finished.
    pub(super) fn came_back(&mut self, work: Work) {
        self.preparing -= usize::from(work.phase == Phase::Prepare);
    }

    /// Removes the ready tasks of a recording.
    pub(super) fn remove(&mut self, recording: u64) {
        self.tasks.retain(|(other, _)| *other != recording);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(rank: usize, phase: Phase) -> Work {
        Work { rank, stage: StageName::new("any"), phase }
    }

    #[test]
    fn tasks_of_older_recordings_and_earlier_stages_come_first() {
        let mut ready = ReadyTasks::default();
        for (recording, rank) in [(2, 0), (1, 3), (1, 1)] {
            ready.push(recording, work(rank, Phase::Run));
        }
        let order: Vec<_> = std::iter::from_fn(|| ready.next(1)).map(|(id, work)| (id, work.rank)).collect();
        assert_eq!(order, [(1, 1), (1, 3), (2, 0)]);
    }

    #[test]
    fn tasks_that_may_wait_for_the_device_leave_one_thread_free() {
        let mut ready = ReadyTasks::default();
        for recording in [1, 2] {
            ready.push(recording, work(2, Phase::Prepare));
        }
        ready.push(3, work(0, Phase::Run));
        let taken: Vec<_> = std::iter::from_fn(|| ready.next(2)).map(|(id, _)| id).collect();
        assert_eq!(taken, [1, 3]);
        ready.came_back(work(2, Phase::Prepare));
        assert_eq!(ready.next(2).map(|(id, _)| id), Some(2));
    }
}
