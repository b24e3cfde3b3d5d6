//! What workers say, and what becomes of it.

use std::collections::BTreeMap;
use std::time::Instant;

use stage_core::{Fingerprint, StageError, StageKind};

use super::job::Verdict;
use super::process::{Incoming, News};
use super::run::Coordinator;
use super::slot::Life;
use super::{Event, ItemEnd, RunError};
use crate::protocol::{FromWorker, ResultId, ToWorker, VERSION, WorkerSettings};
use crate::store::{Commit, Committed, Lease, LeaseEnd, NewArtifact};

/// An artifact that has come and is not committed yet.
pub(super) struct Pending {
    slot: usize,
    result: ResultId,
    job: usize,
    stage: StageKind,
    commit: Commit,
}

impl Coordinator<'_> {
    pub(super) fn hear(&mut self, Incoming { slot, generation, news }: Incoming) -> Result<(), RunError> {
        if self.slots[slot].generation != generation || self.slots[slot].process.is_none() {
            return Ok(());
        }
        self.slots[slot].heard();
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
                self.slots[slot].life = Life::Out;
                self.lose(slot, &format!("speaks version {protocol} of the protocol, not {VERSION}"))
            }
            FromWorker::Hello { tool_version, pid, .. } => self.configure(slot, tool_version, pid),
            FromWorker::Ready => {
                let place = &mut self.slots[slot];
                place.life = Life::Up;
                (self.observe)(Event::WorkerUp { device: place.device.clone(), pid: place.pid }, &mut *self.store);
                Ok(())
            }
            FromWorker::Refused { error } => {
                self.slots[slot].life = Life::Out;
                self.last_refusal = Some((self.slots[slot].device.clone(), error.clone()));
                self.lose(slot, &error.to_string())
            }
            FromWorker::Heartbeat(progress) => {
                let place = &mut self.slots[slot];
                place.beat(progress);
                (self.observe)(Event::WorkerProgress { device: place.device.clone(), progress }, &mut *self.store);
                Ok(())
            }
            FromWorker::Started { item, stage, phase, .. } => {
                let Some(job) = self.job_of(item) else { return self.unknown(slot, item) };
                self.jobs[job].started = true;
                let (indices, device) = (self.jobs[job].chain.indices.clone(), self.slots[slot].device.clone());
                (self.observe)(Event::StageStarted { indices, stage, phase, device }, &mut *self.store);
                Ok(())
            }
            FromWorker::Done { result, lease, item, stage, fingerprint, body, started_at_ms, duration_s } => {
                let Some(job) = self.job_of(item) else { return self.unknown(slot, item) };
                let artifact = (stage, fingerprint, body, started_at_ms, duration_s);
                self.hold(slot, result, lease, job, artifact)
            }
            FromWorker::Failed { result, item, error, .. } => {
                let Some(job) = self.job_of(item) else { return self.unknown(slot, item) };
                self.flush()?;
                self.slots[slot].say(ToWorker::Ack { results: vec![result] });
                self.failed(slot, job, error)
            }
            FromWorker::BatchFinished { lease } => {
                self.flush()?;
                self.batch_finished(slot, lease)
            }
        }
    }

    fn job_of(&self, item: u64) -> Option<usize> {
        usize::try_from(item).ok().filter(|job| *job < self.jobs.len())
    }

    fn unknown(&mut self, slot: usize, item: u64) -> Result<(), RunError> {
        self.lose(slot, &format!("spoke of recording {item}, which it was not given"))
    }

    fn configure(&mut self, slot: usize, tool_version: String, pid: u32) -> Result<(), RunError> {
        let place = &mut self.slots[slot];
        (place.tool_version, place.pid) = (tool_version, pid);
        place.say(ToWorker::Configure(WorkerSettings {
            device: place.device.clone(),
            threads: self.threads,
            device_batch: self.options.device_batch,
            settings: self.options.settings.clone(),
        }));
        Ok(())
    }

    /// Keeps an artifact for the burst's commit.
    fn hold(
        &mut self,
        slot: usize,
        result: ResultId,
        lease: Lease,
        job: usize,
        (stage, fingerprint, body, started_at_ms, duration_s): (StageKind, Fingerprint, String, u64, f64),
    ) -> Result<(), RunError> {
        let chain = &self.jobs[job].chain;
        let key = self.items[chain.indices[0]].keys.iter().find(|key| key.stage == stage);
        let Some(key) = key.filter(|_| chain.fingerprint(stage) == Some(fingerprint)) else {
            return self.lose(slot, &format!("made an artifact of {stage} that was not asked for"));
        };
        let place = &self.slots[slot];
        let artifact = NewArtifact {
            key: key.clone(),
            body,
            started_at_ms,
            duration_s,
            tool_version: place.tool_version.clone(),
            device: place.device.to_string(),
        };
        let commit = Commit { lease, artifact, replace: chain.replace.contains(&stage) };
        self.pending.push(Pending { slot, result, job, stage, commit });
        Ok(())
    }

    /// Commits what has come in one transaction, then acknowledges it.
    pub(super) fn flush(&mut self) -> Result<(), RunError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let mut commits = Vec::with_capacity(self.pending.len());
        let mut origins = Vec::with_capacity(self.pending.len());
        for Pending { slot, result, job, stage, commit } in std::mem::take(&mut self.pending) {
            origins.push((slot, result, job, stage, commit.artifact.duration_s));
            commits.push(commit);
        }
        let outcomes = self.store.commit(&commits)?;
        let mut acknowledged: BTreeMap<usize, Vec<ResultId>> = BTreeMap::new();
        for ((slot, result, job, stage, duration_s), outcome) in origins.into_iter().zip(outcomes) {
            acknowledged.entry(slot).or_default().push(result);
            if outcome != Committed::StaleLease {
                self.artifacts_computed += usize::from(outcome == Committed::Written);
                self.committed(slot, job, stage, duration_s)?;
            }
        }
        for (slot, results) in acknowledged {
            self.slots[slot].say(ToWorker::Ack { results });
        }
        Ok(())
    }

    fn committed(&mut self, slot: usize, job: usize, stage: StageKind, duration_s: f64) -> Result<(), RunError> {
        self.slots[slot].proved_itself();
        let chain = &mut self.jobs[job].chain;
        if !chain.outstanding.remove(&stage) {
            return Ok(());
        }
        let (indices, device) = (chain.indices.clone(), self.slots[slot].device.clone());
        let complete = chain.outstanding.is_empty();
        (self.observe)(Event::StageCommitted { indices, stage, device, duration_s }, &mut *self.store);
        if complete {
            self.take_from_batches(slot, job);
            self.settle(job, ItemEnd::Done)?;
        }
        Ok(())
    }

    fn failed(&mut self, slot: usize, job: usize, error: StageError) -> Result<(), RunError> {
        if !self.take_from_batches(slot, job) {
            return Ok(());
        }
        let device = self.slots[slot].device.clone();
        let usable = self.slots.iter().filter(|slot| slot.life != Life::Out).count();
        match self.jobs[job].judge(&error, &device, usable, self.options.timing.backoff) {
            Verdict::Final => self.settle(job, ItemEnd::Failed(error)),
            Verdict::Retry { after } => {
                (self.observe)(
                    Event::Retried { indices: self.jobs[job].chain.indices.clone(), error },
                    &mut *self.store,
                );
                self.queue.push_later(Instant::now() + after, self.entry(job));
                Ok(())
            }
        }
    }

    /// Notes that a worker holds a job no more; false if it did not.
    fn take_from_batches(&mut self, slot: usize, job: usize) -> bool {
        self.slots[slot].batches.iter_mut().any(|batch| batch.jobs.remove(&job))
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

    /// Kills a slot's worker, revokes its leases and puts its jobs back in line.
    pub(super) fn lose(&mut self, slot: usize, reason: &str) -> Result<(), RunError> {
        self.flush()?;
        let place = &mut self.slots[slot];
        place.process = None;
        if place.life != Life::Out {
            place.life = Life::Down;
        }
        let device = place.device.clone();
        let batches = std::mem::take(&mut place.batches);
        let mut charged = false;
        for batch in &batches {
            self.store.release(batch.lease, LeaseEnd::Revoked)?;
            charged |= self.requeue(batch, reason)?;
        }
        if !charged {
            self.slots[slot].died();
        }
        self.last_loss = Some((device.clone(), reason.to_owned()));
        (self.observe)(Event::WorkerLost { device, reason: reason.to_owned() }, &mut *self.store);
        Ok(())
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
}
