//! A job: its progress and the handling of its failures.

use std::collections::BTreeSet;
use std::time::Duration;

use stage_core::{DeviceId, ErrorClass, ErrorCode, Origin, Phase, PipelineError};

use super::Death;
use crate::coordinator::outcome::ItemEnd;
use crate::coordinator::plan::Chain;

/// Attempts in total if the failures are of class `Transient`.
const TRANSIENT_TRIES: u32 = 3;
/// Least number of attempts in total if the failures are of class `Device` or `Memory`.
const DEVICE_TRIES: usize = 2;
/// A recording that kills this many workers while it runs alone is quarantined.
const DEATHS_ALONE: u32 = 2;

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
    failed_on: BTreeSet<DeviceId>,
    transient_failures: u32,
    device_failures: usize,
    deaths_alone: u32,
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

    /// Whether the job may run on a device: it has not failed there, or it has failed on every usable device.
    pub(in crate::coordinator) fn may_run_on<'a>(
        &self,
        device: &DeviceId,
        mut usable: impl Iterator<Item = &'a DeviceId>,
    ) -> bool {
        !self.failed_on.contains(device) || usable.all(|other| self.failed_on.contains(other))
    }

    /// Decides what to do after a failure on `device` while `usable` workers are left.
    pub(super) fn judge(
        &mut self,
        error: &PipelineError,
        device: &DeviceId,
        usable: usize,
        backoff: Duration,
    ) -> Verdict {
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
                self.failed_on.insert(device.clone());
                if self.device_failures >= usable.max(DEVICE_TRIES) {
                    return Verdict::Final;
                }
                Verdict::Retry { after: Duration::ZERO }
            }
        }
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

#[cfg(test)]
mod tests {
    use stage_core::StageName;

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
        let mut judge = || job.judge(&error(ErrorClass::Transient), &DeviceId::Cpu(0), 1, second);
        assert_eq!(judge(), Verdict::Retry { after: second });
        assert_eq!(judge(), Verdict::Retry { after: 2 * second });
        assert_eq!(judge(), Verdict::Final);
    }

    #[test]
    fn job_avoids_a_device_that_failed_while_there_is_another() {
        let devices = [DeviceId::Cuda("0".into()), DeviceId::Cuda("1".into())];
        let mut job = job();
        assert_eq!(
            job.judge(&error(ErrorClass::Device), &devices[0], 2, Duration::ZERO),
            Verdict::Retry { after: Duration::ZERO }
        );
        assert!(!job.may_run_on(&devices[0], devices.iter()));
        assert!(job.may_run_on(&devices[1], devices.iter()));
        assert!(job.may_run_on(&devices[0], devices[..1].iter()), "the only device left gets another try");
        assert_eq!(job.judge(&error(ErrorClass::Device), &devices[1], 2, Duration::ZERO), Verdict::Final);
    }

    #[test]
    fn job_with_bad_input_is_never_tried_again() {
        for class in [ErrorClass::BadInput, ErrorClass::Bug] {
            assert_eq!(job().judge(&error(class), &DeviceId::Cpu(0), 9, Duration::ZERO), Verdict::Final);
        }
    }
}
