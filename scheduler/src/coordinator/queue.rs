//! What is to be done, longest first; suspects last and alone. Batches shrink as the queue does, so that the devices
//! end together (guided self-scheduling, Polychronopoulos and Kuck 1987).

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::time::Instant;

/// A job in line. The greatest is next.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) job: usize,
    pub(super) weight_s: f64,
    /// It shares a worker with no other.
    pub(super) alone: bool,
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        let priority = other.alone.cmp(&self.alone);
        priority.then(self.weight_s.total_cmp(&other.weight_s)).then(other.job.cmp(&self.job))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Entry {}

/// What a batch may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Want {
    /// Recordings, at most.
    pub(super) items: usize,
    /// Workers that share the queue.
    pub(super) workers: usize,
    /// Whether the worker holds nothing else.
    pub(super) idle: bool,
}

/// The priority queue, and what waits for a later try.
#[derive(Debug, Default)]
pub(super) struct Queue {
    heap: BinaryHeap<Entry>,
    delayed: Vec<(Instant, Entry)>,
}

impl Queue {
    pub(super) fn push(&mut self, entry: Entry) {
        self.heap.push(entry);
    }

    pub(super) fn push_later(&mut self, at: Instant, entry: Entry) {
        self.delayed.push((at, entry));
    }

    /// Puts in line what has waited long enough.
    pub(super) fn promote(&mut self, now: Instant) {
        let due = self.delayed.extract_if(.., |(at, _)| *at <= now);
        self.heap.extend(due.map(|(_, entry)| entry));
    }

    /// Whether more than `count` jobs that `may` be taken are in line.
    pub(super) fn has_more_than(&self, count: usize, may: impl Fn(usize) -> bool) -> bool {
        self.heap.iter().filter(|entry| may(entry.job)).nth(count).is_some()
    }

    /// The next batch: about half of an even share of the audio in line, so that another such batch and the tail
    /// remain for balance; of jobs that `may` be taken. Possibly none.
    pub(super) fn take(&mut self, want: Want, may: impl Fn(usize) -> bool) -> Vec<Entry> {
        let in_line_s: f64 = self.heap.iter().map(|entry| entry.weight_s).sum();
        let share_s = in_line_s / (2 * want.workers.max(1)) as f64;
        let (mut taken, mut passed, mut taken_s) = (Vec::new(), Vec::new(), 0.0);
        while taken.len() < want.items.max(1) && (taken.is_empty() || taken_s < share_s) {
            let Some(entry) = self.heap.pop() else { break };
            if entry.alone && !(want.idle && taken.is_empty()) {
                self.heap.push(entry);
                break;
            }
            if !may(entry.job) {
                passed.push(entry);
                continue;
            }
            taken_s += entry.weight_s;
            taken.push(entry);
            if entry.alone {
                break;
            }
        }
        self.heap.extend(passed);
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn queue(weights: &[f64]) -> Queue {
        let mut queue = Queue::default();
        for (job, weight_s) in weights.iter().enumerate() {
            queue.push(Entry { job, weight_s: *weight_s, alone: false });
        }
        queue
    }

    fn jobs(taken: &[Entry]) -> Vec<usize> {
        taken.iter().map(|entry| entry.job).collect()
    }

    #[test]
    fn six_short_files_reach_both_workers() {
        let mut queue = queue(&[2.0; 6]);
        let sizes: Vec<_> =
            std::iter::repeat_with(|| queue.take(Want { items: 10, workers: 2, idle: true }, |_| true).len())
                .take_while(|size| *size > 0)
                .collect();
        assert_eq!(sizes, [2, 1, 1, 1, 1]);
    }

    #[test]
    fn the_longest_comes_first_and_by_itself_if_it_is_a_share() {
        let mut queue = queue(&[10.0, 3600.0, 10.0, 10.0]);
        assert_eq!(jobs(&queue.take(Want { items: 10, workers: 2, idle: true }, |_| true)), [1]);
    }

    #[test]
    fn a_suspect_waits_for_the_others_and_shares_with_none() {
        let mut queue = queue(&[1.0, 1.0]);
        queue.push(Entry { job: 9, weight_s: 99.0, alone: true });
        let want = Want { items: 10, workers: 1, idle: true };
        assert_eq!(jobs(&queue.take(want, |job| job < 2)).len(), 2);
        assert_eq!(jobs(&queue.take(Want { idle: false, ..want }, |_| true)), Vec::<usize>::new());
        assert_eq!(jobs(&queue.take(want, |_| true)), [9]);
    }

    proptest! {
        #[test]
        fn batches_are_bounded_and_nothing_is_lost(
            weights in prop::collection::vec(0.0f64..4000.0, 1..200), items in 1usize..20, workers in 1usize..9
        ) {
            let mut queue = queue(&weights);
            let mut seen = Vec::new();
            loop {
                let batch = queue.take(Want { items, workers, idle: true }, |_| true);
                if batch.is_empty() { break; }
                prop_assert!(batch.len() <= items);
                seen.extend(jobs(&batch));
            }
            prop_assert!(seen.windows(2).all(|pair| weights[pair[0]] >= weights[pair[1]]));
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..weights.len()).collect::<Vec<_>>());
        }
    }
}
