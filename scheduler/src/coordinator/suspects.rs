//! A lost worker's recordings: who is suspected of the loss, and how the one that did it is found.
//!
//! What the worker had not begun goes back in line. What it had is suspected and put on trial in two halves, each with
//! a worker of its own; the half that kills again is halved again, so that one among n is found in about log2(n)
//! losses. A recording that kills its worker twice alone is set aside with its reason. The device is not blamed: it is
//! out only when the canary, which is known to be good, fails on it.

use stage_core::StageKind;

use super::job::Reach;
use super::run::Coordinator;
use super::slot::Assigned;
use super::{ItemEnd, RunError};
use crate::store::{IncidentKind, Quarantine};

impl Coordinator<'_> {
    /// Puts a lost worker's unfinished jobs back in line; true if there are suspects among them.
    pub(super) fn requeue(&mut self, slot: usize, batches: &[Assigned], reason: &str) -> Result<bool, RunError> {
        let on_trial = batches.iter().any(|batch| batch.trial);
        let held = || batches.iter().flat_map(|batch| batch.jobs.iter().copied());
        let was_alone = on_trial && held().count() == 1;
        let (suspects, others): (Vec<_>, Vec<_>) = held().partition(|job| self.jobs[*job].reach > Reach::Waiting);
        others.iter().for_each(|job| self.queue.push(self.entry(*job)));
        match suspects[..] {
            [] => {}
            [job] if was_alone => self.charge(job, reason)?,
            [job] => self.queue.push_trial(vec![job]),
            _ => {
                let (left, right) = suspects.split_at(suspects.len() / 2);
                self.queue.push_trial(left.to_vec());
                self.queue.push_trial(right.to_vec());
                let message = format!(
                    "one of {} recordings may have caused it: tried again in two halves, apart from all others",
                    suspects.len()
                );
                let worker = self.slots[slot].worker.to_string();
                self.note(IncidentKind::BatchBisected, Some(worker), None, message)?;
            }
        }
        Ok(!suspects.is_empty())
    }

    /// Charges a job with the death of a worker that ran nothing else.
    fn charge(&mut self, job: usize, reason: &str) -> Result<(), RunError> {
        let Some(error) = self.jobs[job].died_alone(reason) else {
            self.queue.push_trial(vec![job]);
            return Ok(());
        };
        let chain = &self.jobs[job].chain;
        let path = self.items[chain.indices[0]].path.clone();
        if let Some(fingerprint) = chain.fingerprint(error.stage) {
            self.store.quarantine(self.run, &[Quarantine { fingerprint, path: path.clone(), error: error.clone() }])?;
        }
        self.note(IncidentKind::Quarantined, None, Some(path), error.message.clone())?;
        self.settle(job, ItemEnd::Failed(error))
    }

    /// Why a job is set aside since an earlier run, if it is. Where it was asked for it is tried again, and no longer set
    /// aside unless it kills again.
    pub(super) fn set_aside(&mut self, job: usize) -> Result<Option<Quarantine>, RunError> {
        let chain = &self.jobs[job].chain;
        let next = chain.outstanding.first().copied().unwrap_or(StageKind::Decode);
        let Some(fingerprint) = chain.fingerprint(next) else { return Ok(None) };
        let quarantine = self.store.quarantined(&fingerprint)?;
        if quarantine.is_some() && self.options.retry_quarantined {
            self.store.lift_quarantine(&[fingerprint])?;
            return Ok(None);
        }
        Ok(quarantine)
    }
}
