//! Failure handling: lost workers, suspected devices, failed recordings. A worker is retired if the health probe, which
//! is known to work, fails on its device twice, or if it dies repeatedly without having started a recording. Dying
//! before the end of the probe counts as a failed probe.

use std::time::Duration;

use stage_core::{ErrorClass, ErrorCode, PipelineError, shown};

use super::Router;
use crate::coordinator::backlog::{Attribution, Death, HeldBatch, Verdict};
use crate::coordinator::fleet::{Excess, Life, Loss, LossCause};
use crate::coordinator::outcome::{ItemEnd, RunError};
use crate::coordinator::sharing::is_of_this_machine;
use crate::protocol::OverdueTask;
use crate::store::{IncidentKind, LeaseEnd, Quarantine};

impl Router<'_> {
    /// Kills a worker, revokes its leases, queues its jobs again, and has its next process run the health probe first.
    pub(super) fn lose(&mut self, worker: usize, reason: &str) -> Result<(), RunError> {
        self.replace(worker, &Death::of(reason))
    }

    /// Handles a worker that is gone.
    pub(super) fn handle_loss(&mut self, worker: usize, loss: &Loss) -> Result<(), RunError> {
        match loss.cause {
            LossCause::Worker => self.lose(worker, &loss.reason),
            LossCause::Place => self.lose_place(worker, &loss.reason),
            LossCause::Program => {
                self.lose_place(worker, &loss.reason)?;
                if self.fleet.life(worker) == Life::Retired { Ok(()) } else { self.retire(worker, &loss.reason) }
            }
        }
    }

    /// Handles the loss of what a worker ran in: an actor or a node of a cluster.
    fn lose_place(&mut self, worker: usize, reason: &str) -> Result<(), RunError> {
        self.ledger.worker_incident(IncidentKind::WorkerLost, self.fleet.id(worker), reason.to_owned())?;
        self.take_down_with_place(worker, reason)?;
        if self.fleet.lost_place(worker, reason) { self.retire(worker, reason) } else { Ok(()) }
    }

    /// Handles the loss of the driver of the cluster, and with it of all workers. It is started again.
    pub(super) fn lose_driver(&mut self, reason: &str) -> Result<(), RunError> {
        let message = format!("{reason}: its workers are started again");
        self.ledger.incident(IncidentKind::DriverLost, None, None, message)?;
        for worker in self.fleet.workers() {
            if self.fleet.is_requested(worker) || self.fleet.is_started(worker) {
                self.take_down_with_place(worker, reason)?;
            }
        }
        self.fleet.replace_driver(reason)
    }

    /// Takes a worker down that was lost with what it ran in, and queues its recordings again. Neither they nor its device
    /// are suspected, unless a recording is lost this way again and again.
    fn take_down_with_place(&mut self, worker: usize, reason: &str) -> Result<(), RunError> {
        self.commit()?;
        self.fleet.take_down(worker);
        let batches = self.take_batches(worker)?;
        let attribution = self.backlog.attribute_death(&batches, &Death::with_place(reason));
        self.follow(worker, attribution)
    }

    /// Records that the cluster has had no room for a worker.
    pub(super) fn pending(&mut self, worker: usize, waited: Duration) -> Result<(), RunError> {
        let message = format!("the cluster has had no room for it for {} s; it waits for nodes", waited.as_secs());
        self.ledger.worker_incident(IncidentKind::WorkerPending, self.fleet.id(worker), message)
    }

    /// Replaces a worker that exceeds a limit because of a recording.
    pub(super) fn exceeded(&mut self, worker: usize, excess: &Excess) -> Result<(), RunError> {
        let mib = |bytes: u64| bytes >> 20;
        let death = match excess {
            Excess::Time(OverdueTask { item, stage, limit_ms }) => Death {
                code: ErrorCode::TimeLimit,
                reason: format!("{stage} worked for more than {:.1} s", *limit_ms as f64 / 1000.0),
                suspect: self.backlog.job_of(*item),
                with_place: false,
            },
            Excess::Memory { used, limit } => Death {
                code: ErrorCode::MemoryLimit,
                reason: format!("used {} MiB of memory, the limit is {} MiB", mib(*used), mib(*limit)),
                suspect: None,
                with_place: false,
            },
        };
        self.replace(worker, &death)
    }

    fn replace(&mut self, worker: usize, death: &Death) -> Result<(), RunError> {
        let reason = &death.reason;
        self.commit()?;
        let was = self.fleet.take_down(worker);
        let batches = self.take_batches(worker)?;
        self.ledger.worker_incident(IncidentKind::WorkerLost, self.fleet.id(worker), reason.clone())?;
        let attribution = self.backlog.attribute_death(&batches, death);
        let blames_recordings = attribution.suspected > 0;
        self.follow(worker, attribution)?;
        if self.fleet.lost(worker, was, reason, blames_recordings) { self.retire(worker, reason) } else { Ok(()) }
    }

    /// Quarantines the recording that caused a worker's death, and records the incidents.
    fn follow(&mut self, worker: usize, attribution: Attribution) -> Result<(), RunError> {
        if let Some((job, error)) = attribution.cause {
            let path = self.backlog.item(job).path.clone();
            if let Some(fingerprint) = self.backlog.chain(job).next_fingerprint() {
                self.ledger.quarantine(Quarantine { fingerprint, path: path.clone(), error: error.clone() })?;
            }
            self.ledger.incident(IncidentKind::Quarantined, None, Some(path), error.reason())?;
            self.finish(job, ItemEnd::Failed(error))?;
        }
        if attribution.bisected {
            let message = format!(
                "one of {} recordings may have caused it: tried again in two isolated halves",
                attribution.suspected
            );
            self.ledger.worker_incident(IncidentKind::BatchBisected, self.fleet.id(worker), message)?;
        }
        Ok(())
    }

    /// Ends a worker because the run ends. Its recordings stay unfinished.
    pub(super) fn end(&mut self, worker: usize) -> Result<(), RunError> {
        self.commit()?;
        self.fleet.take_down(worker);
        self.take_batches(worker)?;
        Ok(())
    }

    /// Takes all batches from a worker and revokes their leases.
    fn take_batches(&mut self, worker: usize) -> Result<Vec<HeldBatch>, RunError> {
        let batches = self.backlog.take_batches(worker);
        for batch in &batches {
            self.ledger.release(batch.lease, LeaseEnd::Revoked)?;
        }
        Ok(batches)
    }

    /// Retires a worker for the rest of the run.
    pub(super) fn retire(&mut self, worker: usize, reason: &str) -> Result<(), RunError> {
        self.fleet.retire(worker);
        self.ledger.worker_incident(IncidentKind::DeviceRetired, self.fleet.id(worker), reason.to_owned())
    }

    /// Handles a worker that cannot build its pipeline. Bad input or a bug fails again, so the worker is retired; after
    /// a device failure it is started once more.
    pub(super) fn refused(&mut self, worker: usize, error: PipelineError) -> Result<(), RunError> {
        let reason = error.to_string();
        let is_final = matches!(error.class, ErrorClass::BadInput | ErrorClass::Bug);
        self.fleet.refused(worker, error);
        self.lose(worker, &format!("cannot work on its device: {reason}"))?;
        let again = self.fleet.life(worker) != Life::Retired;
        if is_final && again { self.retire(worker, &reason) } else { Ok(()) }
    }

    /// Handles the failure of a recording on a worker.
    pub(super) fn failed(&mut self, worker: usize, job: usize, error: PipelineError) -> Result<(), RunError> {
        if !self.backlog.drop_job(worker, job) {
            return Ok(());
        }
        if matches!(error.class, ErrorClass::Device | ErrorClass::Memory) {
            self.fleet.suspect(worker, &error.to_string());
        }
        let (place, backoff) = (self.fleet.place(worker), self.options.timing.backoff());
        match self.backlog.judge(job, &error, place, self.fleet.usable_places(), backoff) {
            Verdict::Final => {
                let error = self.backlog.with_nodes(job, self.with_place(job, error));
                self.finish(job, ItemEnd::Failed(error))
            }
            Verdict::Retry { after } => {
                let path = self.backlog.item(job).path.clone();
                let place = self.fleet.id(worker).to_string();
                self.ledger.incident(IncidentKind::Retried, Some(place), Some(path), error.to_string())?;
                self.backlog.retry(job, after);
                Ok(())
            }
        }
    }

    /// An error about the file of a recording, with the place where it was read, if that is not its path.
    fn with_place(&self, job: usize, mut error: PipelineError) -> PipelineError {
        if let Some(place) = self.place_of(job)
            && is_of_this_machine(&error)
        {
            error.message = format!("{} (it is read at {})", error.message, shown(place));
        }
        error
    }

    /// Handles the result of a health probe.
    pub(super) fn probe_ended(&mut self, worker: usize, error: Option<PipelineError>) -> Result<(), RunError> {
        let Some(error) = error else {
            let message = format!("the device works; reason for the probe: {}", self.fleet.probe_passed(worker));
            return self.ledger.worker_incident(IncidentKind::ProbePassed, self.fleet.id(worker), message);
        };
        self.ledger.worker_incident(IncidentKind::ProbeFailed, self.fleet.id(worker), error.to_string())?;
        self.commit()?;
        let reason = format!("the health probe failed: {error}");
        let retire = self.fleet.probe_failed(worker, &reason);
        // The device is the cause, so the recordings of its worker are not suspected.
        let batches = self.take_batches(worker)?;
        self.backlog.requeue(&batches);
        if retire { self.retire(worker, &reason) } else { Ok(()) }
    }
}
