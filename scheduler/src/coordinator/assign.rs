//! Which worker is started, which batch goes to it, and what is taken back for one that has nothing to do.

use std::collections::BTreeMap;

use super::RunError;
use super::job::Reach;
use super::queue::{Entry, Want};
use super::run::Coordinator;
use super::slot::{Assigned, Life, Slot};
use crate::protocol::{Batch, ItemJob, Recorded, RecordedPart, ToWorker};
use crate::store::{Lease, Lookup, NewBatch, StoreError};

impl Coordinator<'_> {
    /// Starts workers for what is in line and gives batches to those that have room: each a first before any a second.
    pub(super) fn feed(&mut self) -> Result<(), RunError> {
        self.queue.promote(std::time::Instant::now());
        self.start_workers()?;
        for slot in 0..self.slots.len() {
            if self.slots[slot].is_hungry() && self.has_room(slot) {
                self.assign(slot)?;
            }
        }
        for slot in 0..self.slots.len() {
            let hungry = self.hungry();
            if self.has_room(slot) && self.queue.has_more_than(hungry, |job| self.may_run(job, slot)) {
                self.assign(slot)?;
            }
        }
        self.rebalance();
        Ok(())
    }

    /// Whether a worker may be given a batch: what it holds and has not brought to the device is less than a share.
    fn has_room(&self, slot: usize) -> bool {
        let place = &self.slots[slot];
        place.has_room()
            && self.health.takes_work(&place.worker.device)
            && self.behind(slot, Reach::Begun).map(|(_, job)| self.jobs[job].weight_s).sum::<f64>()
                <= self.queue.share_s(self.workers())
    }

    /// Workers that wait for a first batch and may get it.
    fn hungry(&self) -> usize {
        let waits = |slot: &&Slot| slot.is_hungry() && self.health.takes_work(&slot.worker.device);
        self.slots.iter().filter(waits).count()
    }

    /// Workers that share the queue.
    fn workers(&self) -> usize {
        self.slots.iter().filter(|slot| slot.life != Life::Out).count()
    }

    /// What a worker holds and has brought so far at most. Trials are not counted.
    fn behind(&self, slot: usize, most: Reach) -> impl Iterator<Item = (Lease, usize)> {
        let batches = self.slots[slot].batches.iter().filter(|batch| !batch.trial);
        let jobs = batches.flat_map(|batch| batch.jobs.iter().map(|job| (batch.lease, *job)));
        jobs.filter(move |(_, job)| self.jobs[*job].reach <= most)
    }

    /// Whether a device is worth a try for a job.
    fn may_run(&self, job: usize, slot: usize) -> bool {
        let usable = self.slots.iter().filter(|slot| slot.life != Life::Out).map(|slot| &slot.worker.device);
        self.jobs[job].may_run_on(&self.slots[slot].worker.device, usable)
    }

    fn start_workers(&mut self) -> Result<(), RunError> {
        for slot in 0..self.slots.len() {
            let hungry = self.hungry();
            let wanted = self.slots[slot].life == Life::Down
                && self.health.takes_workers(&self.slots[slot].worker.device)
                && self.queue.has_more_than(hungry, |job| self.may_run(job, slot));
            if wanted {
                self.spawn(slot)?;
            }
        }
        if self.slots.iter().any(|slot| slot.life != Life::Out) {
            return Ok(());
        }
        // Every device is out; a worker's own word says more than its end.
        match (self.last_refusal.take(), self.last_loss.take()) {
            (Some((worker, error)), _) => Err(RunError::WorkersRefused { worker, error }),
            (None, Some((worker, reason))) => Err(RunError::WorkersLost { worker, reason }),
            (None, None) => Err(RunError::NoDevices),
        }
    }

    fn assign(&mut self, slot: usize) -> Result<(), RunError> {
        let want = Want {
            items: self.options.batch_items,
            workers: self.workers(),
            idle: self.slots[slot].batches.is_empty(),
        };
        let mut queue = std::mem::take(&mut self.queue);
        let taken = queue.take(want, |job| self.may_run(job, slot));
        self.queue = queue;
        if taken.jobs.is_empty() {
            return Ok(());
        }
        let jobs = || taken.jobs.iter().map(|job| &self.jobs[*job]);
        let lease = self.store.grant(
            self.run,
            &NewBatch {
                worker: self.slots[slot].worker.to_string(),
                priority: jobs().map(|job| job.priority).max().unwrap_or_default(),
                recordings: taken.jobs.len(),
                audio_s: jobs().map(|job| self.items[job.chain.indices[0]].audio_s).sum(),
            },
        )?;
        let items = taken.jobs.iter().map(|job| self.item_job(*job)).collect::<Result<_, _>>()?;
        taken.jobs.iter().for_each(|job| self.jobs[*job].given());
        let place = &mut self.slots[slot];
        place.was_asked = false;
        place.say(ToWorker::Batch(Batch { lease, items }));
        place.batches.push(Assigned { lease, jobs: taken.jobs.into_iter().collect(), trial: taken.trial });
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
        let mut parts = Vec::new();
        for stage in chain.outstanding.iter().copied().filter(|stage| stage.has_parts()) {
            let Some(fingerprint) = chain.fingerprint(stage) else { continue };
            let recorded = self.store.checkpoints(&fingerprint)?.into_iter();
            parts.extend(recorded.map(|part| RecordedPart { stage, index: part.index as usize, body: part.body }));
        }
        Ok(ItemJob {
            item: job as u64,
            path: item.path.clone(),
            file_sha256: item.file_sha256.clone(),
            audio_s: item.audio_s,
            steps: chain.steps(),
            have,
            parts,
        })
    }

    pub(super) fn entry(&self, job: usize) -> Entry {
        Entry { job, priority: self.jobs[job].priority, weight_s: self.jobs[job].weight_s }
    }

    /// Takes recordings back: from a worker whose device takes no work, where another does (from one that is paused all
    /// of them; their windows on record are kept); and from the worker with the most left, where another has nothing to do.
    fn rebalance(&mut self) {
        let takes = |slot: &usize| self.health.takes_work(&self.slots[*slot].worker.device);
        let barred: Vec<_> = (0..self.slots.len()).filter(|slot| !takes(slot)).collect();
        if barred.len() < self.slots.len() {
            for slot in barred {
                let paused = self.health.is_paused(&self.slots[slot].worker.device);
                self.ask_back(slot, 1.0, if paused { Reach::OnDevice } else { Reach::Begun });
            }
        }
        if (0..self.slots.len()).any(|slot| self.slots[slot].batches.is_empty() && self.has_room(slot)) {
            let left_s = |slot: &usize| self.left_s(*slot);
            let most = (0..self.slots.len()).max_by(|a, b| left_s(a).total_cmp(&left_s(b)));
            most.into_iter().for_each(|slot| self.ask_back(slot, 0.5, Reach::Begun));
        }
    }

    /// What is left of all that a worker holds.
    fn left_s(&self, slot: usize) -> f64 {
        let jobs = self.slots[slot].batches.iter().filter(|batch| !batch.trial).flat_map(|batch| &batch.jobs);
        jobs.map(|job| self.jobs[*job].left_s()).sum()
    }

    /// Asks a worker for up to a share of what it holds, the longest first, of what it has brought so far at most; at
    /// least for one recording, where that is not all it has. Once until it answers.
    fn ask_back(&mut self, slot: usize, share: f64, most: Reach) {
        if self.slots[slot].was_asked {
            return;
        }
        let left_s = self.left_s(slot);
        let mut behind: Vec<_> = self.behind(slot, most).collect();
        behind.sort_by(|(_, a), (_, b)| self.jobs[*b].weight_s.total_cmp(&self.jobs[*a].weight_s));
        let (mut asked, mut asked_s): (BTreeMap<Lease, Vec<u64>>, f64) = (BTreeMap::new(), 0.0);
        for (lease, job) in behind {
            let weight_s = self.jobs[job].weight_s;
            let fits = asked_s + weight_s <= left_s * share;
            if fits || (asked.is_empty() && weight_s < left_s) {
                asked_s += weight_s;
                asked.entry(lease).or_default().push(job as u64);
            }
        }
        self.slots[slot].was_asked = !asked.is_empty();
        for (lease, items) in asked {
            self.slots[slot].say(ToWorker::GiveBack { lease, items });
        }
    }
}
