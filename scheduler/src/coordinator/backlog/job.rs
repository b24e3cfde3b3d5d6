//! A job: its progress and the handling of its failures.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use stage_core::{ErrorClass, ErrorCode, Origin, Phase, PipelineError};

use super::Death;
use crate::coordinator::event::Place;
use crate::coordinator::outcome::ItemEnd;
use crate::coordinator::plan::Chain;

/// Attempts in total if the failures are of class `Transient`.
const TRANSIENT_TRIES: u32 = 3;
/// Least number of attempts in total if the failures are of class `Device` or `Memory`.
const DEVICE_TRIES: usize = 2;
/// A recording that kills this many workers while it runs alone is quarantined.
const DEATHS_ALONE: u32 = 2;
/// A recording that was lost with this number of actors or nodes is suspected from then on.
const LOST_PLACES: u32 = 3;

/// A distinct chain of artifacts to compute.
#[derive(Debug)]
pub(in crate::coordinator) struct Job {
    pub(super) chain: Chain,
    pub(super) priority: i32,
    /// Seconds of audio, plus a constant for the work per recording.
    pub(super) weight_s: f64,
    /// How far its worker has progressed with it under the current lease.
    pub(super) reach: Reach,
    /// Seconds of its audio whose checkpoints were committed under the current lease.
    pub(super) committed_s: f64,
    pub(super) end: Option<ItemEnd>,
    failed_on: BTreeSet<Place>,
    /// Nodes of a cluster on which its file is missing or differs.
    failed_nodes: BTreeSet<Arc<str>>,
    transient_failures: u32,
    device_failures: usize,
    deaths_alone: u32,
    lost_places: u32,
}

/// How far a worker has progressed with a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::coordinator) enum Reach {
    /// Not started.
    Waiting,
    /// Started.
    Begun,
    /// At least one of its inputs has reached the device.
    OnDevice,
}

/// The action after a failure.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::coordinator) enum Verdict {
    Retry { after: Duration },
    Final,
}

impl Job {
    pub(super) fn new(chain: Chain, priority: i32, audio_s: f64) -> Self {
        let audio_s = if audio_s.is_finite() { audio_s.max(0.0) } else { 0.0 };
        Self {
            chain,
            priority,
            weight_s: audio_s + 1.0,
            reach: Reach::Waiting,
            committed_s: 0.0,
            end: None,
            failed_on: BTreeSet::new(),
            failed_nodes: BTreeSet::new(),
            lost_places: 0,
            transient_failures: 0,
            device_failures: 0,
            deaths_alone: 0,
        }
    }

    /// Records that a worker was given the job.
    pub(super) const fn given(&mut self) {
        self.reach = Reach::Waiting;
        self.committed_s = 0.0;
    }

    /// Records that a worker started a phase of the job.
    pub(super) fn began(&mut self, phase: Phase) {
        self.reach = self.reach.max(if phase.on_device() { Reach::OnDevice } else { Reach::Begun });
    }

    /// The part of its weight that is left, in seconds.
    pub(super) const fn left_s(&self) -> f64 {
        (self.weight_s - self.committed_s).max(0.0)
    }

    /// Whether the job may run in a place: it has not failed there, or it has failed in every usable place.
    pub(in crate::coordinator) fn may_run_on<'a>(
        &self,
        place: &Place,
        mut usable: impl Iterator<Item = &'a Place>,
    ) -> bool {
        !self.has_failed_in(place) || usable.all(|other| self.has_failed_in(other))
    }

    fn has_failed_in(&self, place: &Place) -> bool {
        self.failed_on.contains(place) || place.node.as_ref().is_some_and(|node| self.failed_nodes.contains(node))
    }

    /// Decides what to do after a failure in `place` while workers in `usable` places are left.
    pub(super) fn judge(
        &mut self,
        error: &PipelineError,
        place: &Place,
        usable: &[&Place],
        backoff: Duration,
    ) -> Verdict {
        if let Some(node) = place.node.as_ref().filter(|_| is_of_the_node(error)) {
            self.failed_nodes.insert(Arc::clone(node));
            let elsewhere = usable.iter().any(|other| !self.has_failed_in(other));
            return if elsewhere { Verdict::Retry { after: Duration::ZERO } } else { Verdict::Final };
        }
        match error.class {
            ErrorClass::BadInput | ErrorClass::Bug => Verdict::Final,
            ErrorClass::Transient => {
                self.transient_failures += 1;
                if self.transient_failures >= TRANSIENT_TRIES {
                    return Verdict::Final;
                }
                Verdict::Retry { after: backoff * (1 << (self.transient_failures - 1)) }
            }
            ErrorClass::Device | ErrorClass::Memory => {
                self.device_failures += 1;
                self.failed_on.insert(place.clone());
                if self.device_failures >= usable.len().max(DEVICE_TRIES) {
                    return Verdict::Final;
                }
                Verdict::Retry { after: Duration::ZERO }
            }
        }
    }

    /// The error with the nodes on which the file of the job is missing or differs.
    pub(super) fn with_nodes(&self, mut error: PipelineError) -> PipelineError {
        if is_of_the_node(&error) && !self.failed_nodes.is_empty() {
            let nodes: Vec<_> = self.failed_nodes.iter().map(|node| &**node).collect();
            error.message = format!("{} (on the nodes {})", error.message, nodes.join(", "));
        }
        error
    }

    /// Counts a loss of what its worker ran in. Returns true if that happened so often that the job may be the cause.
    pub(super) const fn lost_place(&mut self) -> bool {
        self.lost_places += 1;
        self.lost_places > LOST_PLACES
    }

    /// Counts the death of a worker that ran only this job. Returns the failure to report when the limit is reached.
    /// A limit that it exceeds alone is its own fault at once; a death may also be an accident.
    pub(super) fn died_alone(&mut self, death: &Death) -> Option<PipelineError> {
        self.deaths_alone += 1;
        let Death { code, reason, .. } = death;
        if *code != ErrorCode::WorkerDied {
            let message = format!("{reason}, also alone on a worker");
            return Some(PipelineError::new(Origin::Worker, ErrorClass::BadInput, code.clone(), message));
        }
        let message =
            format!("killed its worker {DEATHS_ALONE} times before {} was done: {reason}", self.chain.next_stage());
        let is_cause = self.deaths_alone >= DEATHS_ALONE;
        is_cause.then(|| PipelineError::bug(Origin::Worker, code.clone(), message))
    }
}

/// Whether another node may have what failed here: the file of the recording is missing, or has other bytes.
fn is_of_the_node(error: &PipelineError) -> bool {
    matches!(error.code, ErrorCode::UnreadableFile | ErrorCode::FileChanged)
}

#[cfg(test)]
mod tests {
    use stage_core::{DeviceId, StageName};

    use super::*;
    use crate::coordinator::plan::tests::chain;

    fn job() -> Job {
        Job::new(chain(&[]), 0, f64::NAN)
    }

    fn error(class: ErrorClass) -> PipelineError {
        PipelineError::new(StageName::new("read"), class, ErrorCode::named("code"), "message")
    }

    #[test]
    fn job_with_a_transient_failure_is_tried_three_times_with_growing_waits() {
        let (mut job, second) = (job(), Duration::from_secs(1));
        let place = DeviceId::Cpu(0).into();
        let mut judge = || job.judge(&error(ErrorClass::Transient), &place, &[&place], second);
        assert_eq!(judge(), Verdict::Retry { after: second });
        assert_eq!(judge(), Verdict::Retry { after: 2 * second });
        assert_eq!(judge(), Verdict::Final);
    }

    #[test]
    fn job_avoids_a_device_that_failed_while_there_is_another() {
        let places: [Place; 2] = ["0", "1"].map(|gpu| DeviceId::Cuda(gpu.into()).into());
        let mut job = job();
        let mut judge = |place| job.judge(&error(ErrorClass::Device), place, &[&places[0], &places[1]], Duration::ZERO);
        assert_eq!(judge(&places[0]), Verdict::Retry { after: Duration::ZERO });
        assert_eq!(judge(&places[1]), Verdict::Final);
    }

    #[test]
    fn job_that_failed_on_a_device_may_run_there_only_if_no_other_is_left() {
        let places: [Place; 2] = ["0", "1"].map(|gpu| DeviceId::Cuda(gpu.into()).into());
        let mut job = job();
        job.judge(&error(ErrorClass::Device), &places[0], &[&places[0], &places[1]], Duration::ZERO);
        assert!(!job.may_run_on(&places[0], places.iter()));
        assert!(job.may_run_on(&places[1], places.iter()));
        assert!(job.may_run_on(&places[0], places[..1].iter()), "the only device left gets another try");
    }

    #[test]
    fn job_whose_file_is_missing_on_a_node_runs_on_each_other_node_before_it_fails() {
        let on = |node: &str, gpu: &str| Place { device: DeviceId::Cuda(gpu.into()), node: Some(node.into()) };
        let places = [on("a", "0"), on("a", "1"), on("b", "0")];
        let usable: Vec<_> = places.iter().collect();
        let missing = PipelineError { code: ErrorCode::UnreadableFile, ..error(ErrorClass::BadInput) };
        let mut job = job();
        assert_eq!(job.judge(&missing, &places[0], &usable, Duration::ZERO), Verdict::Retry { after: Duration::ZERO });
        assert!(!job.may_run_on(&places[1], places.iter()), "the other GPU of the node has the same files");
        assert!(job.may_run_on(&places[2], places.iter()));
        assert_eq!(job.judge(&missing, &places[2], &usable, Duration::ZERO), Verdict::Final);
        assert_eq!(job.with_nodes(missing).message, "message (on the nodes a, b)");
    }

    #[test]
    fn job_with_bad_input_is_never_tried_again() {
        for class in [ErrorClass::BadInput, ErrorClass::Bug] {
            let place = DeviceId::Cpu(0).into();
            assert_eq!(job().judge(&error(class), &place, &[&place; 9], Duration::ZERO), Verdict::Final);
        }
    }
}
