//! The run: one thread owns the queue, the store and the workers' states.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use stage_core::StageError;

use super::commit::Held;
use super::health::Health;
use super::job::Job;
use super::plan::{self, Chain};
use super::process::{Incoming, WorkerProcess};
use super::queue::Queue;
use super::slot::Slot;
use super::{Event, Interrupt, ItemEnd, Outcome, Recompute, RunError, RunOptions, WorkerId};
use crate::clock::Moment;
use crate::protocol::ToWorker;
use crate::store::{Commit, Failure, Incident, IncidentKind, NewRun, RecordingEntry, RunEnd, RunId, Store};

/// How long the loop sleeps at most: the resolution of time limits and interruptions.
const TICK: Duration = Duration::from_millis(20);
/// Messages that wait to be heard, at most: workers that are faster than the store wait, and memory stays flat.
const UNHEARD: usize = 256;
/// Messages handled before limits are looked at again.
const BURST: usize = 1024;
/// How long workers without work may take to end.
const FAREWELL: Duration = Duration::from_secs(3);

/// Brings every item up to date: reuses what is on record, computes the rest in worker processes and commits it to the
/// store. Without work no worker is started. `observe` is told of everything on the calling thread, with the store at
/// hand for what it keeps of its own (exports, say); it must be quick.
///
/// Workers die with the calling thread: call this on a thread that outlives the run (the main thread does). None
/// survives the return.
///
/// # Errors
/// [`RunError`] where the run cannot go on: report it; what is committed stays and the next run goes on from there.
/// Failures of single recordings are in the [`Outcome`].
pub fn run(
    items: &[RecordingEntry],
    store: &mut dyn Store,
    options: &RunOptions,
    interrupt: &Interrupt,
    observe: &mut dyn FnMut(Event, &mut dyn Store),
) -> Result<Outcome, RunError> {
    let chains = plan::chains(items, options.recompute, store)?;
    forget_parts(&chains, options.recompute, store)?;
    let RunOptions { command, tool_version, priority, .. } = options;
    let (command, tool_version) = (command.clone(), tool_version.clone());
    let run = store.begin_run(&NewRun { command, tool_version, priority: *priority })?;
    store.put_recordings(run, items)?;
    let mut coordinator = Coordinator::new(run, items, chains, store, options, observe);
    let driven = coordinator.drive(interrupt);
    let outcome = coordinator.into_outcome(run, driven.as_ref().is_ok_and(|interrupted| *interrupted));
    let end = match &driven {
        Ok(false) => RunEnd::Finished,
        Ok(true) => RunEnd::Interrupted,
        Err(_) => RunEnd::Broken,
    };
    let ended = store.end_run(run, end);
    driven?;
    ended?;
    Ok(outcome)
}

/// Drops the parts on record of stages that are to be computed again.
fn forget_parts(chains: &[Chain], recompute: Recompute, store: &mut dyn Store) -> Result<(), RunError> {
    for chain in chains {
        for stage in chain.outstanding.iter().filter(|stage| stage.has_parts() && recompute.includes(**stage)) {
            if let Some(fingerprint) = chain.fingerprint(*stage)
                && !store.checkpoints(&fingerprint)?.is_empty()
            {
                store.forget_checkpoints(&fingerprint)?;
            }
        }
    }
    Ok(())
}

/// The state of a run.
pub(super) struct Coordinator<'a> {
    pub(super) run: RunId,
    pub(super) items: &'a [RecordingEntry],
    pub(super) store: &'a mut dyn Store,
    pub(super) options: &'a RunOptions,
    pub(super) observe: &'a mut dyn FnMut(Event, &mut dyn Store),
    pub(super) jobs: Vec<Job>,
    pub(super) unsettled: usize,
    pub(super) queue: Queue,
    pub(super) slots: Vec<Slot>,
    pub(super) health: Health,
    pub(super) threads: usize,
    pub(super) incoming: Receiver<Incoming>,
    pub(super) to_me: Sender<Incoming>,
    /// Records that came in this burst, and where each came from.
    pub(super) commits: Vec<Commit>,
    pub(super) held: Vec<Held>,
    pub(super) draining: bool,
    pub(super) last_refusal: Option<(WorkerId, StageError)>,
    pub(super) last_loss: Option<(WorkerId, String)>,
    pub(super) stolen: usize,
    artifacts_reused: usize,
    pub(super) artifacts_computed: usize,
}

impl<'a> Coordinator<'a> {
    fn new(
        run: RunId,
        items: &'a [RecordingEntry],
        chains: Vec<Chain>,
        store: &'a mut dyn Store,
        options: &'a RunOptions,
        observe: &'a mut dyn FnMut(Event, &mut dyn Store),
    ) -> Self {
        let (to_me, incoming) = bounded(UNHEARD);
        let mut jobs = Vec::with_capacity(chains.len());
        for chain in chains {
            let index = chain.indices.first().copied().unwrap_or_default();
            let priority = options.priorities.get(index).copied().unwrap_or(options.priority);
            jobs.push(Job::new(chain, priority, items.get(index).map_or(0.0, |item| item.audio_s)));
        }
        let working = jobs.iter().filter(|job| !job.chain.outstanding.is_empty()).count();
        let places = || {
            (0..options.workers_per_device.max(1))
                .flat_map(|index| options.devices.iter().map(move |device| WorkerId { device: device.clone(), index }))
        };
        let workers = places().count().min(working).max(1);
        Self {
            run,
            items,
            store,
            options,
            observe,
            unsettled: jobs.len(),
            jobs,
            queue: Queue::default(),
            slots: places().map(Slot::new).collect(),
            health: Health::watch(options, &to_me),
            threads: (options.threads / workers).max(1),
            incoming,
            to_me,
            commits: Vec::new(),
            held: Vec::new(),
            draining: false,
            last_refusal: None,
            last_loss: None,
            stolen: 0,
            artifacts_reused: 0,
            artifacts_computed: 0,
        }
    }

    /// Runs to the end; true if interrupted.
    fn drive(&mut self, interrupt: &Interrupt) -> Result<bool, RunError> {
        self.reuse()?;
        if self.unsettled > 0 && self.slots.is_empty() {
            return Err(RunError::NoDevices);
        }
        let mut deadline = None;
        while self.unsettled > 0 {
            if interrupt.requests() > 1 || deadline.is_some_and(|at| Instant::now() >= at) {
                self.flush()?;
                self.kill_all()?;
                return Ok(true);
            }
            if interrupt.requests() == 1 && deadline.is_none() {
                deadline = Some(Instant::now() + self.options.timing.grace());
                self.drain()?;
            }
            if self.draining && self.slots.iter().all(|slot| slot.process.is_none()) {
                return Ok(true);
            }
            if !self.draining {
                self.feed()?;
            }
            self.listen()?;
            self.watch()?;
        }
        self.farewell()?;
        Ok(false)
    }

    /// Tells what is on record, ends what needs nothing, and puts the rest in line.
    fn reuse(&mut self) -> Result<(), RunError> {
        for job in 0..self.jobs.len() {
            let chain = &self.jobs[job].chain;
            for stage in chain.on_record() {
                for index in &chain.indices {
                    self.artifacts_reused += 1;
                    (self.observe)(Event::Reused { index: *index, stage }, &mut *self.store);
                }
            }
            if chain.outstanding.is_empty() {
                self.settle(job, ItemEnd::Done)?;
            } else if let Some(quarantine) = self.set_aside(job)? {
                self.settle(job, ItemEnd::Failed(quarantine.error))?;
            } else {
                self.queue.push(self.entry(job));
            }
        }
        Ok(())
    }

    /// Waits for news and handles what has come; artifacts of one burst are committed together.
    fn listen(&mut self) -> Result<(), RunError> {
        if let Ok(first) = self.incoming.recv_timeout(TICK) {
            self.hear(first)?;
            for _ in 0..BURST {
                let Ok(next) = self.incoming.try_recv() else { break };
                self.hear(next)?;
            }
        }
        self.flush()
    }

    fn watch(&mut self) -> Result<(), RunError> {
        for reading in self.health.overdue() {
            self.read_device(&reading)?;
        }
        for slot in 0..self.slots.len() {
            if let Some(reason) = self.slots[slot].hang(&self.options.timing) {
                self.lose(slot, &reason)?;
            }
        }
        Ok(())
    }

    /// Gives a job its end and tells everyone who shares it.
    pub(super) fn settle(&mut self, job: usize, end: ItemEnd) -> Result<(), RunError> {
        let indices = self.jobs[job].chain.indices.clone();
        if let ItemEnd::Failed(error) = &end {
            let failure = |index: &usize| Failure { path: self.items[*index].path.clone(), error: error.clone() };
            self.store.record_failures(self.run, &indices.iter().map(failure).collect::<Vec<_>>())?;
        }
        for index in indices {
            let event = match &end {
                ItemEnd::Failed(error) => Event::ItemFailed { index, error: error.clone() },
                ItemEnd::Done | ItemEnd::Unfinished => Event::ItemDone { index },
            };
            (self.observe)(event, &mut *self.store);
        }
        self.jobs[job].end = Some(end);
        self.unsettled -= 1;
        Ok(())
    }

    /// Records an incident and tells of it.
    pub(super) fn note(
        &mut self,
        kind: IncidentKind,
        worker: Option<String>,
        recording: Option<PathBuf>,
        message: String,
    ) -> Result<(), RunError> {
        let incident = Incident { at_ms: Moment::now().ms(), kind, worker, recording, message };
        self.store.record_incidents(self.run, std::slice::from_ref(&incident))?;
        (self.observe)(Event::Incident(incident), &mut *self.store);
        Ok(())
    }

    /// The first interruption: no new work; workers finish what is open, those that only start are ended.
    fn drain(&mut self) -> Result<(), RunError> {
        self.draining = true;
        for slot in 0..self.slots.len() {
            if self.slots[slot].is_hungry() {
                self.retire(slot)?;
            } else {
                self.slots[slot].say(ToWorker::Shutdown { drain: true });
            }
        }
        Ok(())
    }

    fn kill_all(&mut self) -> Result<(), RunError> {
        (0..self.slots.len()).try_for_each(|slot| self.retire(slot))
    }

    /// All is done: workers say what is left to say and end by themselves, or are killed.
    fn farewell(&mut self) -> Result<(), RunError> {
        self.draining = true;
        for process in self.slots.iter_mut().filter_map(|slot| slot.process.as_mut()) {
            process.say(ToWorker::Shutdown { drain: true });
            process.close();
        }
        let deadline = Instant::now() + FAREWELL;
        while self.slots.iter().any(|slot| slot.process.is_some()) {
            match self.incoming.recv_deadline(deadline) {
                Ok(incoming) => self.hear(incoming)?,
                Err(_) => return self.kill_all(),
            }
        }
        Ok(())
    }

    pub(super) fn spawn(&mut self, slot: usize) -> Result<(), RunError> {
        let place = &mut self.slots[slot];
        place.generation += 1;
        let identity = (slot, place.generation);
        let (worker, incoming) = (&self.options.worker, self.to_me.clone());
        match WorkerProcess::spawn(worker, &place.worker.device, self.threads, identity, incoming) {
            Ok(process) => place.begin(process),
            Err(error) => {
                let reason = format!("{} cannot be started: {error}", worker.program.display());
                self.last_loss = Some((place.worker.clone(), reason.clone()));
                self.put_out(slot, &reason)?;
            }
        }
        Ok(())
    }

    fn into_outcome(self, run: RunId, interrupted: bool) -> Outcome {
        let mut items = vec![ItemEnd::Unfinished; self.items.len()];
        for job in self.jobs {
            for index in job.chain.indices {
                items[index] = job.end.clone().unwrap_or(ItemEnd::Unfinished);
            }
        }
        Outcome {
            run,
            interrupted,
            items,
            artifacts_reused: self.artifacts_reused,
            artifacts_computed: self.artifacts_computed,
            stolen: self.stolen,
        }
    }
}
