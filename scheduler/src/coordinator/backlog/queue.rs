//! The queue: highest priority first, then longest first. Isolated batches come last, each on a separate worker.
//! Batches shrink with the queue, so that the devices finish at about the same time (guided self-scheduling,
//! Polychronopoulos and Kuck 1987). An idle worker gets some short recordings before a long one, so that its device
//! works while the long one is decoded.

use std::cmp::Ordering;
use std::collections::{BTreeSet, VecDeque};
use std::time::Instant;

/// Least share of a worker in seconds of audio: about two windows.
const LEAST_SHARE_S: f64 = 60.0;

/// Largest total weight of the short jobs before a long one, relative to the weight of the long one. Decoding is faster
/// than inference by a larger factor.
const STARTERS_SHARE: f64 = 0.25;
/// Each short job weighs at most the largest total divided by this number, so that the first is decoded quickly.
const STARTERS: f64 = 4.0;

/// A queued job. The greatest entry is picked next.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) job: usize,
    pub(super) priority: i32,
    pub(super) weight_s: f64,
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        let priority = self.priority.cmp(&other.priority);
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

/// The limits of a batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct BatchLimits {
    /// Maximum number of recordings.
    pub(super) items: usize,
    /// Number of workers that share the queue.
    pub(super) workers: usize,
    /// Whether the worker holds no other batch.
    pub(super) idle: bool,
}

/// The jobs of a new batch.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::coordinator) struct Picked {
    pub(in crate::coordinator) jobs: Vec<usize>,
    /// Whether the jobs are suspected of killing workers. Their worker gets no other batch.
    pub(in crate::coordinator) isolated: bool,
}

/// The priority queue, the jobs that wait for a retry, and the isolated batches.
#[derive(Debug, Default)]
pub(super) struct Queue {
    queued: BTreeSet<Entry>,
    queued_s: f64,
    delayed: Vec<(Instant, Entry)>,
    isolated: VecDeque<Vec<usize>>,
}

impl Queue {
    pub(super) fn push(&mut self, entry: Entry) {
        self.queued_s += entry.weight_s;
        self.queued.insert(entry);
    }

    pub(super) fn push_later(&mut self, at: Instant, entry: Entry) {
        self.delayed.push((at, entry));
    }

    /// Queues a batch that must not share a worker with other batches.
    pub(super) fn push_isolated(&mut self, jobs: Vec<usize>) {
        self.isolated.push_back(jobs);
    }

    /// Queues the jobs whose delay is over.
    pub(super) fn promote(&mut self, now: Instant) {
        let (due, later) = std::mem::take(&mut self.delayed).into_iter().partition(|(at, _)| *at <= now);
        self.delayed = later;
        let due: Vec<_> = due;
        due.into_iter().for_each(|(_, entry)| self.push(entry));
    }

    /// Number of queued jobs, without those that wait for a retry. An isolated batch counts as one job.
    pub(super) fn len(&self) -> usize {
        self.queued.len() + self.isolated.len()
    }

    /// Whether more than `count` queued jobs satisfy `may`. An isolated batch counts as one job.
    pub(super) fn has_more_than(&self, count: usize, may: impl Fn(usize) -> bool) -> bool {
        let isolated = self.isolated.iter().filter_map(|jobs| jobs.first().copied());
        self.queued.iter().map(|entry| entry.job).chain(isolated).filter(|job| may(*job)).nth(count).is_some()
    }

    /// Seconds of audio in one batch: a quarter of an even share of the queue among `workers`, so that three more such
    /// batches and the tail remain for balance. At least [`LEAST_SHARE_S`], so that device calls are not half empty.
    pub(super) fn share_s(&self, workers: usize) -> f64 {
        (self.queued_s / (4 * workers.max(1)) as f64).max(LEAST_SHARE_S)
    }

    /// Picks the next batch among the jobs that satisfy `may`: at most a share of the queue, but at least one job. If
    /// no such job is queued, picks an isolated batch. The batch may be empty.
    pub(super) fn pick(&mut self, limits: BatchLimits, may: impl Fn(usize) -> bool) -> Picked {
        let share_s = self.share_s(limits.workers);
        let mut longest: Vec<Entry> = Vec::new();
        let mut taken_s = 0.0;
        for entry in self.queued.iter().rev().filter(|entry| may(entry.job)) {
            if longest.len() == limits.items.max(1) || (!longest.is_empty() && taken_s + entry.weight_s > share_s) {
                break;
            }
            taken_s += entry.weight_s;
            longest.push(*entry);
        }
        self.remove(&longest);
        let Some(first) = longest.first().copied() else { return self.take_isolated(limits, may) };
        let room = limits.items.saturating_sub(longest.len());
        let starters = if limits.idle { self.take_starters(first, room, limits.workers, may) } else { Vec::new() };
        // One short job first, then the long one, so that one thread decodes it while another feeds the device.
        let (opening, others) = starters.split_at(starters.len().min(1));
        let (long, rest) = longest.split_at(1);
        let jobs = [opening, long, others, rest].concat();
        Picked { jobs: jobs.iter().map(|entry| entry.job).collect(), isolated: false }
    }

    /// Picks short jobs of the same priority as `long`, the longest of them first. The shortest jobs are kept for the
    /// end, where they balance the devices.
    fn take_starters(&mut self, long: Entry, room: usize, workers: usize, may: impl Fn(usize) -> bool) -> Vec<Entry> {
        let most_s = (long.weight_s * STARTERS_SHARE).min(self.share_s(workers));
        let mut starters: Vec<Entry> = Vec::new();
        let mut taken_s = 0.0;
        let suits =
            |entry: &&Entry| entry.priority == long.priority && entry.weight_s <= most_s / STARTERS && may(entry.job);
        for entry in self.queued.iter().rev().filter(suits) {
            taken_s += entry.weight_s;
            if starters.len() == room || taken_s > most_s {
                break;
            }
            starters.push(*entry);
        }
        self.remove(&starters);
        starters
    }

    fn take_isolated(&mut self, limits: BatchLimits, may: impl Fn(usize) -> bool) -> Picked {
        let suits = |jobs: &Vec<usize>| limits.idle && jobs.first().is_some_and(|job| may(*job));
        let first = self.isolated.iter().position(suits);
        let jobs = first.and_then(|position| self.isolated.remove(position)).unwrap_or_default();
        Picked { jobs, isolated: true }
    }

    fn remove(&mut self, entries: &[Entry]) {
        for entry in entries {
            self.queued.remove(entry);
            self.queued_s -= entry.weight_s;
        }
        if self.queued.is_empty() {
            self.queued_s = 0.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry(job: usize, priority: i32, weight_s: f64) -> Entry {
        Entry { job, priority, weight_s }
    }

    fn queue(weights: &[f64]) -> Queue {
        let mut queue = Queue::default();
        weights.iter().enumerate().for_each(|(job, weight_s)| queue.push(entry(job, 0, *weight_s)));
        queue
    }

    const IDLE: BatchLimits = BatchLimits { items: 10, workers: 1, idle: true };

    #[test]
    fn queue_orders_by_priority_then_length() {
        let mut queue = Queue::default();
        for (job, (priority, weight_s)) in [(0, 9.0), (5, 1.0), (5, 2.0), (-1, 50.0)].into_iter().enumerate() {
            queue.push(entry(job, priority, weight_s));
        }
        let order: Vec<_> = (0..4).map(|_| queue.pick(BatchLimits { items: 1, ..IDLE }, |_| true).jobs[0]).collect();
        assert_eq!(order, [2, 1, 0, 3]);
    }

    #[test]
    fn queue_keeps_isolated_batches_for_the_end_and_for_idle_workers() {
        let mut queue = queue(&[1.0]);
        queue.push_isolated(vec![7, 8]);
        assert_eq!(queue.pick(IDLE, |_| true), Picked { jobs: vec![0], isolated: false });
        assert_eq!(queue.pick(BatchLimits { idle: false, ..IDLE }, |_| true).jobs.len(), 0);
        assert!(queue.has_more_than(0, |_| true) && !queue.has_more_than(1, |_| true));
        assert_eq!(queue.pick(IDLE, |job| job != 7).jobs.len(), 0);
        assert_eq!(queue.pick(IDLE, |_| true), Picked { jobs: vec![7, 8], isolated: true });
    }

    #[test]
    fn queue_keeps_retries_until_they_are_due() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.push_later(now + std::time::Duration::from_secs(1), entry(0, 0, 1.0));
        queue.promote(now);
        assert_eq!(queue.pick(IDLE, |_| true).jobs.len(), 0);
        queue.promote(now + std::time::Duration::from_secs(1));
        assert_eq!(queue.pick(IDLE, |_| true).jobs, [0]);
    }

    #[test]
    fn queue_shares_six_short_files_between_two_workers() {
        let mut queue = queue(&[50.0; 6]);
        let sizes: Vec<_> =
            std::iter::repeat_with(|| queue.pick(BatchLimits { workers: 2, ..IDLE }, |_| true).jobs.len())
                .take_while(|size| *size > 0)
                .collect();
        assert_eq!(sizes, [1; 6]);
    }

    #[test]
    fn queue_gives_the_longest_first_and_alone_if_it_is_a_share() {
        let mut queue = queue(&[10.0, 3600.0, 10.0, 10.0]);
        assert_eq!(queue.pick(BatchLimits { workers: 2, idle: false, ..IDLE }, |_| true).jobs, [1]);
    }

    #[test]
    fn queue_gives_an_idle_worker_short_jobs_before_a_long_one() {
        let mut queue = queue(&[10.0, 3600.0, 12.0, 3000.0]);
        assert_eq!(queue.pick(BatchLimits { workers: 2, ..IDLE }, |_| true).jobs, [2, 1, 0]);
        assert_eq!(queue.pick(BatchLimits { workers: 2, ..IDLE }, |_| true).jobs, [3]);
    }

    #[test]
    fn queue_keeps_jobs_that_may_not_run_here() {
        let mut queue = queue(&[3.0, 2.0, 1.0]);
        assert_eq!(queue.pick(IDLE, |job| job != 0).jobs[0], 1);
        assert!(queue.has_more_than(0, |job| job == 0));
    }

    proptest! {
        #[test]
        fn queue_gives_every_job_once_and_longest_first(
            weights in prop::collection::vec(1.0f64..4000.0, 1..200), items in 1usize..20, workers in 1usize..9
        ) {
            let mut queue = queue(&weights);
            let mut seen = Vec::new();
            loop {
                let batch = queue.pick(BatchLimits { items, workers, idle: false }, |_| true).jobs;
                if batch.is_empty() { break; }
                prop_assert!(batch.len() <= items);
                seen.extend(batch);
            }
            prop_assert!(seen.windows(2).all(|pair| weights[pair[0]] >= weights[pair[1]]));
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..weights.len()).collect::<Vec<_>>());
        }

        #[test]
        fn queue_gives_every_job_once_to_idle_and_busy_workers(
            weights in prop::collection::vec(1.0f64..4000.0, 1..200), items in 1usize..20, idle in any::<u64>()
        ) {
            let mut queue = queue(&weights);
            let mut seen = Vec::new();
            for turn in (0..64).cycle() {
                let batch = queue.pick(BatchLimits { items, workers: 4, idle: idle >> turn & 1 == 0 }, |_| true).jobs;
                if batch.is_empty() { break; }
                prop_assert!(batch.len() <= items);
                seen.extend(batch);
            }
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..weights.len()).collect::<Vec<_>>());
        }
    }
}
