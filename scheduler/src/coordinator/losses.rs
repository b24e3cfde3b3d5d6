//! Workers that are lost, and devices under suspicion. A device is out when the canary, which is known to be good, fails
//! on it twice, or no worker lives to run it; or where workers die again and again with nothing begun.

use stage_core::{ErrorClass, StageError};

use super::RunError;
use super::run::Coordinator;
use super::slot::Life;
use crate::protocol::ToWorker;
use crate::store::{IncidentKind, LeaseEnd};

impl Coordinator<'_> {
    /// Kills a slot's worker, revokes its leases, puts its jobs back in line, and has the next worker there prove the
    /// device first.
    pub(super) fn lose(&mut self, slot: usize, reason: &str) -> Result<(), RunError> {
        self.flush()?;
        let place = &mut self.slots[slot];
        let life = std::mem::replace(&mut place.life, Life::Down);
        place.process = None;
        let worker = place.worker.clone();
        let batches = std::mem::take(&mut place.batches);
        for batch in &batches {
            self.store.release(batch.lease, LeaseEnd::Revoked)?;
        }
        self.note(IncidentKind::WorkerLost, Some(worker.to_string()), None, reason.to_owned())?;
        let suspects = self.requeue(slot, &batches, reason)?;
        self.last_loss = Some((worker, reason.to_owned()));
        let place = &mut self.slots[slot];
        place.suspicion = Some(reason.to_owned());
        let out = match life {
            Life::Starting | Life::Proving => place.failed_proof(),
            Life::Up | Life::Down => !suspects && place.died_barren(),
            Life::Out => true,
        };
        if out { self.put_out(slot, reason) } else { Ok(()) }
    }

    /// Ends a slot's worker because the run ends; what it holds stays unfinished.
    pub(super) fn retire(&mut self, slot: usize) -> Result<(), RunError> {
        self.flush()?;
        let place = &mut self.slots[slot];
        place.process = None;
        place.life = Life::Down;
        for batch in std::mem::take(&mut place.batches) {
            self.store.release(batch.lease, LeaseEnd::Revoked)?;
        }
        Ok(())
    }

    /// Puts a worker's place out for the rest of the run.
    pub(super) fn put_out(&mut self, slot: usize, reason: &str) -> Result<(), RunError> {
        self.slots[slot].life = Life::Out;
        let worker = self.slots[slot].worker.to_string();
        self.note(IncidentKind::DeviceRetired, Some(worker), None, reason.to_owned())
    }

    /// A worker cannot build its pipeline. What is wrong with the input stays wrong; what is wrong with the device gets
    /// a second try.
    pub(super) fn refused(&mut self, slot: usize, error: StageError) -> Result<(), RunError> {
        let reason = error.to_string();
        let is_final = matches!(error.class, ErrorClass::BadInput | ErrorClass::Bug);
        self.last_refusal = Some((self.slots[slot].worker.clone(), error));
        self.lose(slot, &format!("refused its device: {reason}"))?;
        if is_final && self.slots[slot].life != Life::Out { self.put_out(slot, &reason) } else { Ok(()) }
    }

    /// Has a living worker prove its device before it gets more work.
    pub(super) fn suspect(&mut self, slot: usize, reason: &str) -> Result<(), RunError> {
        if self.slots[slot].life == Life::Up {
            self.slots[slot].suspicion = Some(reason.to_owned());
            self.prove(slot)?;
        }
        Ok(())
    }

    pub(super) fn prove(&mut self, slot: usize) -> Result<(), RunError> {
        self.slots[slot].life = Life::Proving;
        self.slots[slot].say(ToWorker::Canary);
        Ok(())
    }

    pub(super) fn canary_ended(&mut self, slot: usize, error: Option<StageError>) -> Result<(), RunError> {
        let worker = self.slots[slot].worker.to_string();
        let Some(error) = error else {
            let suspicion = self.slots[slot].suspicion.take().unwrap_or_default();
            self.slots[slot].cleared();
            self.health.proved(&self.slots[slot].worker.device);
            let message = format!("the device works, in spite of: {suspicion}");
            return self.note(IncidentKind::ProbePassed, Some(worker), None, message);
        };
        self.note(IncidentKind::ProbeFailed, Some(worker), None, error.to_string())?;
        self.flush()?;
        // The device is at fault: what its worker holds is under no suspicion.
        let place = &mut self.slots[slot];
        place.process = None;
        place.life = Life::Down;
        self.last_loss = Some((place.worker.clone(), format!("the canary failed: {error}")));
        for batch in std::mem::take(&mut place.batches) {
            self.store.release(batch.lease, LeaseEnd::Revoked)?;
            batch.jobs.iter().for_each(|job| self.queue.push(self.entry(*job)));
        }
        if self.slots[slot].failed_proof() {
            self.put_out(slot, &format!("the canary failed: {error}"))?;
        }
        Ok(())
    }
}
