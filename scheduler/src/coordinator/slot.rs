//! A worker's place in the run: the process that serves it now, and what that holds.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use stage_core::Tool;

use super::process::WorkerProcess;
use super::{Timing, WorkerId};
use crate::protocol::{Progress, ToWorker};
use crate::store::Lease;

/// How often a worker may fail to prove its device before it is out.
const PROOFS: u32 = 2;
/// How often a worker may die one after the other with nothing begun and nothing made in between before it is out.
const BARREN_LIVES: u32 = 3;

/// A batch in a worker's hands.
#[derive(Debug)]
pub(super) struct Assigned {
    pub(super) lease: Lease,
    /// Jobs without an end.
    pub(super) jobs: BTreeSet<usize>,
    /// They are suspects.
    pub(super) trial: bool,
}

/// Where a place's worker is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    /// There is none.
    Down,
    /// It was started and has not said `Ready`.
    Starting,
    /// Its device is under suspicion: it computes the canary.
    Proving,
    /// It takes batches.
    Up,
    /// There will be none again.
    Out,
}

/// One worker's place.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) worker: WorkerId,
    pub(super) life: Life,
    pub(super) generation: u64,
    pub(super) process: Option<WorkerProcess>,
    pub(super) pid: u32,
    pub(super) tool: Tool,
    pub(super) batches: Vec<Assigned>,
    /// Why the canary must pass before there is more work.
    pub(super) suspicion: Option<String>,
    /// It was asked to give recordings back and has not answered, or had none to give and came no further since.
    pub(super) was_asked: bool,
    /// What it said last of its lanes, and since when its device shows no other progress.
    pulse: (Progress, Instant),
    failed_proofs: u32,
    barren_lives: u32,
}

impl Slot {
    pub(super) fn new(worker: WorkerId) -> Self {
        Self {
            worker,
            life: Life::Down,
            generation: 0,
            process: None,
            pid: 0,
            tool: Tool::default(),
            batches: Vec::new(),
            suspicion: None,
            was_asked: false,
            pulse: (Progress::default(), Instant::now()),
            failed_proofs: 0,
            barren_lives: 0,
        }
    }

    /// A process was started.
    pub(super) fn begin(&mut self, process: WorkerProcess) {
        self.process = Some(process);
        self.life = Life::Starting;
        self.pulse = (Progress::default(), Instant::now());
        self.was_asked = false;
    }

    pub(super) fn say(&self, message: ToWorker) {
        if let Some(process) = &self.process {
            process.say(message);
        }
    }

    /// Whether its worker waits for a first batch, or soon will.
    pub(super) fn is_hungry(&self) -> bool {
        matches!(self.life, Life::Starting | Life::Proving | Life::Up) && self.batches.is_empty()
    }

    /// Whether it may be given another batch.
    pub(super) fn has_room(&self) -> bool {
        self.life == Life::Up && !self.batches.iter().any(|batch| batch.trial)
    }

    /// Its worker said what its lanes have done.
    pub(super) fn beat(&mut self, progress: Progress) {
        let (last, since) = self.pulse;
        let idle = progress.device.busy == 0 && progress.setup.busy == 0;
        let moved = (progress.device.done, progress.setup.done) != (last.device.done, last.setup.done);
        self.pulse = (progress, if idle || moved { Instant::now() } else { since });
    }

    /// Its worker made something.
    pub(super) const fn proved_itself(&mut self) {
        self.barren_lives = 0;
    }

    /// Its worker died with nothing begun; true if that was once too often.
    pub(super) const fn died_barren(&mut self) -> bool {
        self.barren_lives += 1;
        self.barren_lives >= BARREN_LIVES
    }

    /// The canary passed.
    pub(super) fn cleared(&mut self) {
        self.suspicion = None;
        self.failed_proofs = 0;
        self.life = Life::Up;
    }

    /// The canary failed, or its worker did not live to run it; true if that was once too often.
    pub(super) const fn failed_proof(&mut self) -> bool {
        self.failed_proofs += 1;
        self.failed_proofs >= PROOFS
    }

    /// Why its worker must be taken for dead, if it must.
    pub(super) fn hang(&self, timing: &Timing) -> Option<String> {
        let silent = self.process.as_ref()?.silent_for();
        let (progress, stuck) = (self.pulse.0, self.pulse.1.elapsed());
        let said = |what: &str, limit: Duration| Some(format!("{what} for {:.1} s", limit.as_secs_f64()));
        if silent > timing.silence() {
            said("said nothing", timing.silence())
        } else if progress.setup.busy > 0 && stuck > timing.device_load() {
            said("loaded its models, or ran the canary,", timing.device_load())
        } else if progress.setup.busy == 0 && stuck > timing.device_stall() {
            said("made no step on its device", timing.device_stall())
        } else {
            None
        }
    }
}
