//! A device's place in the run: the worker that serves it now, and what that holds.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use stage_core::DeviceId;

use super::Timing;
use super::process::WorkerProcess;
use crate::protocol::{Progress, ToWorker};
use crate::store::Lease;

/// How often a worker may die one after the other, without an artifact in between, before its device is out.
const DEATHS: u32 = 3;
/// Batches that a worker holds: one running, one prefetched.
const BATCHES_HELD: usize = 2;

/// A batch in a worker's hands.
#[derive(Debug)]
pub(super) struct Assigned {
    pub(super) lease: Lease,
    /// Jobs without an end.
    pub(super) jobs: BTreeSet<usize>,
    /// It is one suspect.
    pub(super) alone: bool,
}

/// Where a slot's worker is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    /// There is none.
    Down,
    /// It was started and has not said `Ready`.
    Starting,
    /// It takes batches.
    Up,
    /// There will be none again.
    Out,
}

/// One device.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) device: DeviceId,
    pub(super) life: Life,
    pub(super) generation: u64,
    pub(super) process: Option<WorkerProcess>,
    pub(super) pid: u32,
    pub(super) tool_version: String,
    pub(super) batches: Vec<Assigned>,
    heard: Instant,
    /// The device lane's calls, and since when it is at the next one.
    calls: (u64, Instant),
    deaths: u32,
}

impl Slot {
    pub(super) fn new(device: DeviceId) -> Self {
        let now = Instant::now();
        Self {
            device,
            life: Life::Down,
            generation: 0,
            process: None,
            pid: 0,
            tool_version: String::new(),
            batches: Vec::new(),
            heard: now,
            calls: (0, now),
            deaths: 0,
        }
    }

    /// A process was started.
    pub(super) fn begin(&mut self, process: WorkerProcess) {
        let now = Instant::now();
        self.process = Some(process);
        self.life = Life::Starting;
        self.heard = now;
        self.calls = (0, now);
    }

    pub(super) fn say(&self, message: ToWorker) {
        if let Some(process) = &self.process {
            process.say(message);
        }
    }

    /// Whether its worker waits for a first batch.
    pub(super) fn is_hungry(&self) -> bool {
        matches!(self.life, Life::Starting | Life::Up) && self.batches.is_empty()
    }

    /// Whether it may be given another batch.
    pub(super) fn has_room(&self) -> bool {
        self.life == Life::Up && self.batches.len() < BATCHES_HELD && !self.batches.iter().any(|batch| batch.alone)
    }

    /// Its worker said something.
    pub(super) fn heard(&mut self) {
        self.heard = Instant::now();
    }

    /// Its worker said what its lanes have done.
    pub(super) fn beat(&mut self, progress: Progress) {
        if progress.device.busy == 0 || progress.device.done != self.calls.0 {
            self.calls = (progress.device.done, Instant::now());
        }
    }

    /// Its worker made an artifact.
    pub(super) const fn proved_itself(&mut self) {
        self.deaths = 0;
    }

    /// Its worker died, of nothing that a suspect is charged with: out after several.
    pub(super) const fn died(&mut self) {
        self.deaths += 1;
        if self.deaths >= DEATHS {
            self.life = Life::Out;
        }
    }

    /// Why its worker must be taken for dead, if it must.
    pub(super) fn hang(&self, timing: &Timing) -> Option<String> {
        self.process.as_ref()?;
        let said = |what: &str, limit: Duration| Some(format!("{what} for {:.1} s", limit.as_secs_f64()));
        if self.heard.elapsed() > timing.silence {
            said("said nothing", timing.silence)
        } else if self.calls.1.elapsed() > timing.device_stall {
            said("finished no device call", timing.device_stall)
        } else {
            None
        }
    }
}
