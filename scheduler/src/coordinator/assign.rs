//! Which worker is started, and which batch goes to it.

use super::queue::Want;
use super::run::Coordinator;
use super::slot::{Assigned, Life};
use super::{ItemEnd, RunError};
use crate::protocol::{Batch, ItemJob, Recorded, ToWorker};
use crate::store::{Lookup, StoreError};

impl Coordinator<'_> {
    /// Starts workers for what is in line and gives batches to those that have room: each a first before any a second.
    pub(super) fn feed(&mut self) -> Result<(), RunError> {
        self.queue.promote(std::time::Instant::now());
        self.start_workers()?;
        for slot in 0..self.slots.len() {
            if self.slots[slot].is_hungry() && self.slots[slot].has_room() {
                self.assign(slot)?;
            }
        }
        for slot in 0..self.slots.len() {
            let hungry = self.slots.iter().filter(|other| other.is_hungry()).count();
            if self.slots[slot].has_room() && self.queue.has_more_than(hungry, |job| self.may_run(job, slot)) {
                self.assign(slot)?;
            }
        }
        Ok(())
    }

    /// Whether a device is worth a try for a job.
    fn may_run(&self, job: usize, slot: usize) -> bool {
        let usable = self.slots.iter().filter(|slot| slot.life != Life::Out).map(|slot| &slot.device);
        self.jobs[job].may_run_on(&self.slots[slot].device, usable)
    }

    fn start_workers(&mut self) -> Result<(), RunError> {
        for slot in 0..self.slots.len() {
            let hungry = self.slots.iter().filter(|slot| slot.is_hungry()).count();
            let wanted =
                self.slots[slot].life == Life::Down && self.queue.has_more_than(hungry, |job| self.may_run(job, slot));
            if wanted {
                self.spawn(slot);
            }
        }
        if self.slots.iter().any(|slot| slot.life != Life::Out) {
            return Ok(());
        }
        // Every device is out; a worker's own word says more than its end.
        match (self.last_refusal.take(), self.last_loss.take()) {
            (Some((device, error)), _) => Err(RunError::WorkersRefused { device, error }),
            (None, Some((device, reason))) => Err(RunError::WorkersLost { device, reason }),
            (None, None) => Err(RunError::NoDevices),
        }
    }

    fn assign(&mut self, slot: usize) -> Result<(), RunError> {
        let workers = self.slots.iter().filter(|slot| slot.life != Life::Out).count();
        let want = Want { items: self.options.batch_items, workers, idle: self.slots[slot].batches.is_empty() };
        let mut queue = std::mem::take(&mut self.queue);
        let taken = queue.take(want, |job| self.may_run(job, slot));
        self.queue = queue;
        if taken.is_empty() {
            return Ok(());
        }
        let lease = self.store.grant(self.run)?;
        let items = taken.iter().map(|entry| self.item_job(entry.job)).collect::<Result<_, _>>()?;
        taken.iter().for_each(|entry| self.jobs[entry.job].started = false);
        let place = &mut self.slots[slot];
        place.say(ToWorker::Batch(Batch { lease, items }));
        place.batches.push(Assigned {
            lease,
            jobs: taken.iter().map(|entry| entry.job).collect(),
            alone: taken.iter().any(|entry| entry.alone),
        });
        Ok(())
    }

    /// What a worker needs to know of a job. A record that does not hold any more is left out; the worker then names
    /// it as missing, and the next run computes it again.
    fn item_job(&self, job: usize) -> Result<ItemJob, StoreError> {
        let chain = &self.jobs[job].chain;
        let item = &self.items[chain.indices[0]];
        let mut have = Vec::new();
        for stage in chain.reads() {
            let Some(fingerprint) = chain.fingerprint(stage) else { continue };
            if let Lookup::Sound(stored) = self.store.artifact(&fingerprint)? {
                have.push(Recorded { stage, body: stored.artifact.body });
            }
        }
        Ok(ItemJob {
            item: job as u64,
            path: item.path.clone(),
            file_sha256: item.file_sha256.clone(),
            audio_s: item.audio_s,
            steps: chain.steps(),
            have,
        })
    }

    /// Puts a lost worker's unfinished jobs back in line. Those that were open are suspects: alone from now on, and
    /// charged with the death if they were alone already. True if one was charged.
    pub(super) fn requeue(&mut self, batch: &Assigned, reason: &str) -> Result<bool, RunError> {
        let mut charged = false;
        for job in batch.jobs.iter().copied() {
            if batch.alone && self.jobs[job].started {
                charged = true;
                if let Some(error) = self.jobs[job].died_alone(reason) {
                    self.settle(job, ItemEnd::Failed(error))?;
                    continue;
                }
            }
            self.jobs[job].suspect |= self.jobs[job].started;
            self.queue.push(self.entry(job));
        }
        Ok(charged)
    }
}
