//! What workers say, and what becomes of it.

use stage_core::{ErrorClass, StageError, Tool};

use super::commit::Held;
use super::job::Verdict;
use super::process::{Incoming, News};
use super::run::Coordinator;
use super::slot::Life;
use super::{Event, ItemEnd, RunError};
use crate::protocol::{FromWorker, TaskSpan, ToWorker, VERSION, WorkerSettings};
use crate::store::{IncidentKind, Lease, LeaseEnd, NewArtifact, NewCheckpoint, NewRecord};

impl Coordinator<'_> {
    pub(super) fn hear(&mut self, incoming: Incoming) -> Result<(), RunError> {
        let (slot, generation, news) = match incoming {
            Incoming::Worker { slot, generation, news } => (slot, generation, news),
            Incoming::Device(reading) => return self.read_device(&reading),
        };
        if self.slots[slot].generation != generation || self.slots[slot].process.is_none() {
            return Ok(());
        }
        match news {
            News::Said(message) => self.obey(slot, message),
            News::Garbage(error) => self.lose(slot, &format!("talked nonsense: {error}")),
            News::Closed if self.draining => self.retire(slot),
            News::Closed => {
                let reason = self.slots[slot].process.as_mut().map(|process| process.epitaph()).unwrap_or_default();
                self.lose(slot, &reason)
            }
        }
    }

    fn obey(&mut self, slot: usize, message: FromWorker) -> Result<(), RunError> {
        match message {
            FromWorker::Hello { protocol, .. } if protocol != VERSION => {
                let reason = format!("speaks version {protocol} of the protocol, not {VERSION}");
                self.lose(slot, &reason)?;
                self.put_out(slot, &reason)
            }
            FromWorker::Hello { tool, pid, .. } => self.configure(slot, tool, pid),
            FromWorker::Ready => self.ready(slot),
            FromWorker::Refused { error } => self.refused(slot, error),
            FromWorker::CanaryEnded { error } => self.canary_ended(slot, error),
            FromWorker::Heartbeat(progress) => {
                self.slots[slot].beat(progress);
                let worker = self.slots[slot].worker.clone();
                (self.observe)(Event::WorkerProgress { worker, progress }, &mut *self.store);
                Ok(())
            }
            FromWorker::Spans { spans } => self.spans(slot, spans),
            FromWorker::Shrunk { from, to, error } => {
                let message = format!("{} units at once: {error}; at most {to} from now on", from);
                let worker = self.slots[slot].worker.to_string();
                self.note(IncidentKind::BatchShrunk, Some(worker), None, message)
            }
            FromWorker::Started { item, stage, phase, .. } => {
                let Some(job) = self.job_of(item) else { return self.unknown(slot, item) };
                self.jobs[job].began(phase);
                self.slots[slot].was_asked = false;
                let (indices, worker) = (self.jobs[job].chain.indices.clone(), self.slots[slot].worker.clone());
                (self.observe)(Event::StageStarted { indices, stage, phase, worker }, &mut *self.store);
                Ok(())
            }
            FromWorker::Part {
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
                let Some(job) = self.job_of(item) else { return self.unknown(slot, item) };
                if self.jobs[job].chain.fingerprint(stage) != Some(fingerprint) {
                    return self.lose(slot, &format!("made a part of {stage} that was not asked for"));
                }
                let (device, index) = (self.slots[slot].worker.device.to_string(), index as u32);
                let part = NewCheckpoint { fingerprint, index, body, started_at_ms, duration_s, device };
                self.hold(Held { slot, result, job, stage, duration_s, audio_s, lease }, NewRecord::Checkpoint(part));
                Ok(())
            }
            FromWorker::Done { result, lease, item, stage, fingerprint, body, started_at_ms, duration_s } => {
                let Some(job) = self.job_of(item) else { return self.unknown(slot, item) };
                let chain = &self.jobs[job].chain;
                let item = &self.items[chain.indices[0]];
                let key = item.recipe.key(&item.file_sha256, stage, &chain.fingerprints);
                let Some(key) = key.filter(|_| chain.fingerprint(stage) == Some(fingerprint)) else {
                    return self.lose(slot, &format!("made an artifact of {stage} that was not asked for"));
                };
                let replace = chain.replace.contains(&stage);
                let place = &self.slots[slot];
                let (tool, device) = (place.tool.clone(), place.worker.device.to_string());
                let artifact = NewArtifact { key, body, started_at_ms, duration_s, tool, device };
                let held = Held { slot, result, job, stage, duration_s, audio_s: 0.0, lease };
                self.hold(held, NewRecord::Artifact { artifact, replace });
                Ok(())
            }
            FromWorker::Failed { result, item, error, .. } => {
                let Some(job) = self.job_of(item) else { return self.unknown(slot, item) };
                self.flush()?;
                self.slots[slot].say(ToWorker::Ack { results: vec![result] });
                self.failed(slot, job, error)
            }
            FromWorker::GaveBack { lease, items } => self.gave_back(slot, lease, &items),
            FromWorker::BatchFinished { lease } => {
                self.flush()?;
                self.batch_finished(slot, lease)
            }
        }
    }

    pub(super) fn job_of(&self, item: u64) -> Option<usize> {
        usize::try_from(item).ok().filter(|job| *job < self.jobs.len())
    }

    fn unknown(&mut self, slot: usize, item: u64) -> Result<(), RunError> {
        self.lose(slot, &format!("spoke of recording {item}, which it was not given"))
    }

    fn configure(&mut self, slot: usize, tool: Tool, pid: u32) -> Result<(), RunError> {
        let place = &mut self.slots[slot];
        (place.tool, place.pid) = (tool, pid);
        place.say(ToWorker::Configure(WorkerSettings {
            device: place.worker.device.clone(),
            threads: self.threads,
            device_batch: self.options.device_batch,
            heartbeat_ms: self.options.timing.heartbeat_ms,
            faults: self.options.faults.clone(),
            settings: self.options.settings.clone(),
        }));
        Ok(())
    }

    fn ready(&mut self, slot: usize) -> Result<(), RunError> {
        let place = &mut self.slots[slot];
        let (worker, pid) = (place.worker.clone(), place.pid);
        place.life = Life::Up;
        if self.health.is_paused(&worker.device) {
            place.say(ToWorker::Pause { paused: true });
        }
        (self.observe)(Event::WorkerUp { worker, pid }, &mut *self.store);
        if self.slots[slot].suspicion.is_some() { self.prove(slot) } else { Ok(()) }
    }

    fn spans(&mut self, slot: usize, spans: Vec<TaskSpan>) -> Result<(), RunError> {
        let indices = |item: &u64| self.job_of(*item).map(|job| self.jobs[job].chain.indices[0]);
        let spans = spans
            .into_iter()
            .map(|span| {
                let indices = span.items.iter().filter_map(indices).collect();
                (span, indices)
            })
            .collect();
        let worker = self.slots[slot].worker.clone();
        (self.observe)(Event::Spans { worker, spans }, &mut *self.store);
        Ok(())
    }

    fn failed(&mut self, slot: usize, job: usize, error: StageError) -> Result<(), RunError> {
        if !self.take_from_batches(slot, job) {
            return Ok(());
        }
        let device = self.slots[slot].worker.device.clone();
        if matches!(error.class, ErrorClass::Device | ErrorClass::Memory) {
            self.suspect(slot, &error.to_string())?;
        }
        let usable = self.slots.iter().filter(|slot| slot.life != Life::Out).count();
        match self.jobs[job].judge(&error, &device, usable, self.options.timing.backoff()) {
            Verdict::Final => self.settle(job, ItemEnd::Failed(error)),
            Verdict::Retry { after } => {
                let path = self.items[self.jobs[job].chain.indices[0]].path.clone();
                let worker = self.slots[slot].worker.to_string();
                self.note(IncidentKind::Retried, Some(worker), Some(path), error.to_string())?;
                self.queue.push_later(std::time::Instant::now() + after, self.entry(job));
                Ok(())
            }
        }
    }

    /// Notes that a worker holds a job no more; false if it did not.
    pub(super) fn take_from_batches(&mut self, slot: usize, job: usize) -> bool {
        self.slots[slot].batches.iter_mut().any(|batch| batch.jobs.remove(&job))
    }

    fn gave_back(&mut self, slot: usize, lease: Lease, items: &[u64]) -> Result<(), RunError> {
        let Some(batch) = self.slots[slot].batches.iter_mut().find(|batch| batch.lease == lease) else {
            return Ok(());
        };
        let given: Vec<_> = items.iter().map(|item| *item as usize).filter(|job| batch.jobs.remove(job)).collect();
        // One that had nothing to give is asked again when it has come further.
        self.slots[slot].was_asked = given.is_empty();
        tracing::debug!(worker = %self.slots[slot].worker, count = given.len(), "gave recordings back");
        self.stolen += given.len();
        given.into_iter().for_each(|job| self.queue.push(self.entry(job)));
        Ok(())
    }

    fn batch_finished(&mut self, slot: usize, lease: Lease) -> Result<(), RunError> {
        let place = &mut self.slots[slot];
        match place.batches.iter().position(|batch| batch.lease == lease) {
            Some(position) if place.batches[position].jobs.is_empty() => {
                place.batches.remove(position);
                Ok(self.store.release(lease, LeaseEnd::Finished)?)
            }
            Some(_) => self.lose(slot, "ended a batch without a word on some of its recordings"),
            None => self.lose(slot, "ended a batch that it was not given"),
        }
    }
}
