//! Handles messages from workers and readings of their devices.

use stage_core::{Phase, StageName};

use super::Router;
use crate::coordinator::backlog::BatchEnd;
use crate::coordinator::event::Event;
use crate::coordinator::ledger::Received;
use crate::coordinator::outcome::RunError;
use crate::devices::{DeviceReading, DeviceState, Transition};
use crate::protocol::{FromWorker, NewBody, Slot, TaskSpan, ToWorker, VERSION, WorkerProgress};
use crate::store::{IncidentKind, Lease, LeaseEnd, NewArtifact, NewCheckpoint, NewRecord};

impl Router<'_> {
    pub(super) fn handle_message(&mut self, worker: usize, message: FromWorker) -> Result<(), RunError> {
        match message {
            FromWorker::Hello { protocol, .. } if protocol != VERSION => {
                let reason = format!("uses protocol version {protocol}, expected {VERSION}");
                self.lose(worker, &reason)?;
                self.retire(worker, &reason)
            }
            FromWorker::Hello { tool, .. } if self.is_of_another_version(&tool.version) => {
                let expected = &self.options.tool_version;
                let reason = format!("is version {} of the program, expected {expected}", tool.version);
                self.lose(worker, &reason)?;
                self.retire(worker, &reason)
            }
            FromWorker::Hello { tool, pid, .. } => {
                self.fleet.configure(worker, tool, pid);
                Ok(())
            }
            FromWorker::Ready => {
                self.ready(worker);
                Ok(())
            }
            FromWorker::Refused { error } => self.refused(worker, error),
            FromWorker::HealthProbeEnded { slot, .. }
            | FromWorker::Heartbeat { slot, .. }
            | FromWorker::Shrunk { slot, .. }
                if slot != Slot::default() =>
            {
                self.lose(worker, &format!("named device slot {}, which it does not have", slot.0))
            }
            FromWorker::HealthProbeEnded { error, .. } => self.probe_ended(worker, error),
            FromWorker::Heartbeat { progress, .. } => {
                self.heartbeat(worker, progress);
                Ok(())
            }
            FromWorker::Spans { spans } => {
                self.spans(worker, spans);
                Ok(())
            }
            FromWorker::Shrunk { from, to, error, .. } => {
                let message = format!("{from} inputs at once: {error}; at most {to} from now on");
                self.ledger.worker_incident(IncidentKind::BatchShrunk, self.fleet.id(worker), message)
            }
            FromWorker::Started { item, stage, phase, .. } => self.started(worker, item, stage, phase),
            FromWorker::Checkpoint {
                result,
                lease,
                item,
                stage,
                fingerprint,
                index,
                body,
                audio_s,
                started_at_ms,
                duration_s,
            } => {
                let Some(job) = self.backlog.job_of(item) else { return self.unknown(worker, item) };
                let artifact = stage.artifact();
                let received = Received { worker, result, lease, job, artifact, duration_s, audio_s };
                let (device, index) = (self.fleet.place(worker).to_string(), index as u32);
                self.checkpoint(received, NewCheckpoint { fingerprint, index, body, started_at_ms, duration_s, device })
            }
            FromWorker::Done { result, lease, item, artifacts, started_at_ms, duration_s, .. } => {
                let Some(job) = self.backlog.job_of(item) else { return self.unknown(worker, item) };
                artifacts.into_iter().try_for_each(|made| {
                    let artifact = made.artifact;
                    let received = Received { worker, result, lease, job, artifact, duration_s, audio_s: 0.0 };
                    self.artifact(received, made, started_at_ms)
                })
            }
            FromWorker::Failed { result, item, error, .. } => {
                let Some(job) = self.backlog.job_of(item) else { return self.unknown(worker, item) };
                self.commit()?;
                self.fleet.send(worker, ToWorker::Ack { results: vec![result] });
                self.failed(worker, job, error)
            }
            FromWorker::Revoked { lease, items } => {
                self.given_back(worker, lease, &items);
                Ok(())
            }
            FromWorker::BatchFinished { lease } => {
                self.commit()?;
                self.batch_finished(worker, lease)
            }
        }
    }

    /// Whether a worker on a cluster runs another version of the program. Its artifacts would differ from those of the
    /// others.
    fn is_of_another_version(&self, version: &str) -> bool {
        self.fleet.is_on_cluster() && version != self.options.tool_version
    }

    fn unknown(&mut self, worker: usize, item: u64) -> Result<(), RunError> {
        self.lose(worker, &format!("named recording {item}, which it was not given"))
    }

    fn ready(&mut self, worker: usize) {
        let pid = self.fleet.ready(worker);
        self.ledger.emit(Event::WorkerUp { worker: self.fleet.id(worker).clone(), pid });
        self.fleet.probe_if_suspected(worker);
    }

    fn heartbeat(&mut self, worker: usize, progress: WorkerProgress) {
        self.fleet.beat(worker, progress);
        self.ledger.emit(Event::WorkerProgress { worker: self.fleet.id(worker).clone(), progress });
    }

    fn spans(&mut self, worker: usize, spans: Vec<TaskSpan>) {
        let index = |item: &u64| self.backlog.job_of(*item).map(|job| self.backlog.chain(job).indices[0]);
        let with_indices = |span: TaskSpan| {
            let indices = span.items.iter().filter_map(index).collect();
            (span, indices)
        };
        let spans = spans.into_iter().map(with_indices).collect();
        self.ledger.emit(Event::Spans { worker: self.fleet.id(worker).clone(), spans });
    }

    fn started(&mut self, worker: usize, item: u64, stage: StageName, phase: Phase) -> Result<(), RunError> {
        let Some(job) = self.backlog.job_of(item) else { return self.unknown(worker, item) };
        self.backlog.began(worker, job, phase);
        let (indices, worker) = (self.backlog.indices(job), self.fleet.id(worker).clone());
        self.ledger.emit(Event::StageStarted { indices, stage, phase, worker });
        Ok(())
    }

    /// Receives the output of a window, which is stored as a checkpoint.
    fn checkpoint(&mut self, received: Received, checkpoint: NewCheckpoint) -> Result<(), RunError> {
        let Received { worker, job, artifact, .. } = received;
        if self.backlog.chain(job).fingerprint(artifact.stage()) != Some(checkpoint.fingerprint) {
            return self.lose(worker, &format!("computed a window of {artifact} that was not requested"));
        }
        self.ledger.receive(received, NewRecord::Checkpoint(checkpoint));
        Ok(())
    }

    /// Receives an artifact that a worker computed.
    fn artifact(&mut self, received: Received, made: NewBody, started_at_ms: u64) -> Result<(), RunError> {
        let Received { worker, job, artifact, duration_s, .. } = received;
        let NewBody { fingerprint, body, .. } = made;
        let Some((key, replace)) = self.backlog.key(job, artifact, fingerprint) else {
            return self.lose(worker, &format!("computed the artifact {artifact}, which was not requested"));
        };
        let (tool, device) = (self.fleet.tool(worker).clone(), self.fleet.place(worker).to_string());
        let artifact = NewArtifact { key, body, started_at_ms, duration_s, tool, device };
        self.ledger.receive(received, NewRecord::Artifact { artifact, replace });
        Ok(())
    }

    fn given_back(&mut self, worker: usize, lease: Lease, items: &[u64]) {
        if let Some(count) = self.backlog.given_back(worker, lease, items) {
            tracing::debug!(worker = %self.fleet.id(worker), count, "gave recordings back");
        }
    }

    fn batch_finished(&mut self, worker: usize, lease: Lease) -> Result<(), RunError> {
        match self.backlog.batch_finished(worker, lease) {
            BatchEnd::Complete => Ok(self.ledger.release(lease, LeaseEnd::Finished)?),
            BatchEnd::Incomplete => self.lose(worker, "ended a batch without results of some of its recordings"),
            BatchEnd::Unknown => self.lose(worker, "ended a batch that it was not given"),
        }
    }

    pub(super) fn handle_reading(&mut self, reading: &DeviceReading) -> Result<(), RunError> {
        let device = &reading.device;
        let Some(Transition { from, to, reason }) = self.fleet.read_device(reading) else { return Ok(()) };
        let kind = match to {
            DeviceState::Held => IncidentKind::DeviceHeld,
            DeviceState::Lost => IncidentKind::DeviceLost,
            _ if from == to => {
                tracing::warn!(%device, reason, "continues without monitoring");
                return Ok(());
            }
            DeviceState::Admitted => IncidentKind::DeviceResumed,
            DeviceState::Throttled => IncidentKind::DeviceThrottled,
            DeviceState::Paused => IncidentKind::DevicePaused,
        };
        self.ledger.incident(kind, Some(device.to_string()), None, reason.clone())?;
        if to == DeviceState::Lost {
            self.fleet.suspect_device(device, &reason);
        }
        Ok(())
    }
}
