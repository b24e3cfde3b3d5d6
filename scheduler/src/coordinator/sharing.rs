//! What a run knows about the queue that it shares with other runs.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use stage_core::{ErrorCode, PipelineError};

use crate::store::RecordingEntry;

/// Pause after a look at the queue that found nothing to claim.
const PAUSE: Duration = Duration::from_secs(1);
/// Recordings per worker that are claimed and not given to a worker yet. More would be missing at the others' end.
const AHEAD: usize = 2;

/// The run's view of the shared queue.
#[derive(Debug)]
pub(super) struct Sharing {
    /// The jobs by the hash of their recording.
    jobs: HashMap<String, usize>,
    claimed: BTreeSet<String>,
    /// Recordings that this run does not claim: it cannot process them here, or does not know them.
    excluded: Vec<String>,
    /// Time up to which the ends of recordings in other runs are known.
    seen_ms: i64,
    next_look: Instant,
}

impl Sharing {
    /// `jobs` are the items of the run's jobs, in their order.
    pub(super) fn new<'a>(jobs: impl Iterator<Item = &'a RecordingEntry>) -> Self {
        Self {
            jobs: jobs.enumerate().map(|(job, item)| (item.file_sha256.clone(), job)).collect(),
            claimed: BTreeSet::new(),
            excluded: Vec::new(),
            seen_ms: 0,
            next_look: Instant::now(),
        }
    }

    /// Whether it is time to look at the queue.
    pub(super) fn is_due(&self) -> bool {
        Instant::now() >= self.next_look
    }

    /// How many recordings to claim, with this number queued, for this number of workers, and for those that a cluster may
    /// still place.
    pub(super) const fn wanted(queued: usize, workers: usize, unplaced: usize) -> usize {
        (AHEAD * workers + unplaced).saturating_sub(queued)
    }

    /// Records that a look found nothing to claim.
    pub(super) fn pause(&mut self) {
        self.next_look = Instant::now() + PAUSE;
    }

    pub(super) const fn seen_ms(&self) -> i64 {
        self.seen_ms
    }

    pub(super) const fn has_seen(&mut self, until_ms: i64) {
        self.seen_ms = until_ms;
    }

    pub(super) fn excluded(&self) -> &[String] {
        &self.excluded
    }

    /// The job of a recording, if this run knows it.
    pub(super) fn job(&self, recording: &str) -> Option<usize> {
        self.jobs.get(recording).copied()
    }

    /// Records a claim.
    pub(super) fn claim(&mut self, recording: String) {
        self.claimed.insert(recording);
    }

    /// Whether this run has claimed a recording.
    pub(super) fn has_claimed(&self, recording: &str) -> bool {
        self.claimed.contains(recording)
    }

    /// Ends a claim. Returns false if the recording was not claimed.
    pub(super) fn end_claim(&mut self, recording: &str) -> bool {
        self.claimed.remove(recording)
    }

    /// Ends a claim and does not claim the recording again.
    pub(super) fn exclude(&mut self, recording: String) {
        self.claimed.remove(&recording);
        self.excluded.push(recording);
    }
}

/// Whether an error is about the file of this machine, so that another run may succeed: it does not exist, cannot be read,
/// or has other bytes.
pub(super) fn is_of_this_machine(error: &PipelineError) -> bool {
    matches!(error.code, ErrorCode::UnreadableFile | ErrorCode::FileChanged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sharing_claims_a_few_recordings_per_worker_ahead() {
        let wanted = |(queued, workers, unplaced)| Sharing::wanted(queued, workers, unplaced);
        let cases = [(0, 3, 0), (5, 3, 0), (6, 3, 0), (9, 3, 0), (0, 0, 0), (0, 0, 2), (2, 1, 2)];
        assert_eq!(cases.map(wanted), [6, 1, 0, 0, 0, 2, 2]);
    }
}
