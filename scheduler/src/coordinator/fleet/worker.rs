//! The state of a worker: its current process, and the state of its device.

use std::time::{Duration, Instant};

use stage_core::Tool;

use super::connection::Connection;
use super::pulse::Pulse;
use crate::coordinator::event::WorkerId;
use crate::coordinator::options::TimeLimits;
use crate::protocol::{OverdueTask, Slot, ToWorker, WorkerProgress};

/// A worker is retired after this number of failed health probes.
const PROBES: u32 = 2;
/// A worker is retired after it crashed this number of times in a row without having started a recording.
const IDLE_CRASHES: u32 = 3;
/// A worker on a cluster is retired after its actor or node was lost this number of times without a result in between.
const LOST_PLACES: u32 = 5;

/// Interval between two readings of a worker's memory.
const MEMORY_INTERVAL: Duration = Duration::from_millis(100);

/// The state of a worker's life cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::coordinator) enum Life {
    /// It has no process.
    Down,
    /// It was requested from the cluster, which has not placed it yet.
    Requested,
    /// Its process was started and has not sent `Ready` yet.
    Starting,
    /// Its device is suspected, and it runs the health probe.
    Probing,
    /// It takes batches.
    Up,
    /// It is not started again in this run.
    Retired,
}

/// A worker, across its successive processes.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) id: WorkerId,
    pub(super) life: Life,
    pub(super) generation: u64,
    pub(super) process: Option<Box<dyn Connection>>,
    pub(super) pid: u32,
    pub(super) tool: Tool,
    /// Why the health probe must pass before the worker gets more work.
    pub(super) suspicion: Option<String>,
    pulse: Pulse,
    /// When its memory was last read.
    memory_read_at: Instant,
    failed_probes: u32,
    idle_crashes: u32,
    lost_places: u32,
    /// Since when it has had no work.
    idle_since: Option<Instant>,
}

/// A limit that a worker exceeds because of a recording.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::coordinator) enum Excess {
    /// A task of the CPU lane takes longer than its limit.
    Time(OverdueTask),
    /// The process uses more memory than `limit`, in bytes.
    Memory { used: u64, limit: u64 },
}

impl Worker {
    pub(super) fn new(id: WorkerId) -> Self {
        Self {
            id,
            life: Life::Down,
            generation: 0,
            process: None,
            pid: 0,
            tool: Tool::default(),
            suspicion: None,
            pulse: Pulse::starting(Instant::now()),
            memory_read_at: Instant::now(),
            failed_probes: 0,
            idle_crashes: 0,
            lost_places: 0,
            idle_since: None,
        }
    }

    /// Records that a process was started.
    pub(super) fn begin(&mut self, process: Box<dyn Connection>, life: Life) {
        self.process = Some(process);
        self.life = life;
        self.pulse = Pulse::starting(Instant::now());
        self.idle_since = None;
    }

    /// Records where the cluster started its process. What is known of another place does not count here.
    pub(super) fn placed(&mut self, id: WorkerId) {
        if self.id.place != id.place {
            (self.failed_probes, self.suspicion) = (0, None);
        }
        self.id = id;
        self.life = Life::Starting;
        self.pulse = Pulse::starting(Instant::now());
    }

    /// Whether the worker has had no work for this time, or was requested although there is none.
    pub(super) fn has_idled(&mut self, is_idle: bool, now: Instant, limit: Duration) -> bool {
        if !is_idle {
            self.idle_since = None;
            return false;
        }
        let since = *self.idle_since.get_or_insert(now);
        self.life == Life::Requested || (self.life == Life::Up && now.saturating_duration_since(since) >= limit)
    }

    /// Kills the process.
    pub(super) fn take_down(&mut self) -> Life {
        self.process = None;
        std::mem::replace(&mut self.life, Life::Down)
    }

    pub(super) fn send(&self, message: ToWorker) {
        if let Some(process) = &self.process {
            process.send(message);
        }
    }

    /// Starts the health probe, which must pass before the worker gets more work.
    pub(super) fn probe(&mut self) {
        self.life = Life::Probing;
        self.send(ToWorker::HealthProbe { slot: Slot::default() });
    }

    /// Records a heartbeat.
    pub(super) fn beat(&mut self, progress: WorkerProgress) {
        self.pulse.beat(progress, Instant::now());
    }

    /// Records that one of its results was committed.
    pub(super) const fn made_progress(&mut self) {
        (self.idle_crashes, self.lost_places) = (0, 0);
    }

    /// Counts a crash without a started recording. Returns true if the worker must be retired.
    pub(super) const fn crashed_idle(&mut self) -> bool {
        self.idle_crashes += 1;
        self.idle_crashes >= IDLE_CRASHES
    }

    /// Counts a loss of what the worker ran in. Returns true if the worker must be retired.
    pub(super) const fn lost_place(&mut self) -> bool {
        self.lost_places += 1;
        self.lost_places >= LOST_PLACES
    }

    /// Records that the health probe passed. Returns why it ran.
    pub(super) fn probe_passed(&mut self) -> String {
        self.failed_probes = 0;
        self.life = Life::Up;
        self.suspicion.take().unwrap_or_default()
    }

    /// Records that the health probe failed, or that the worker died before it ran. Returns true if the worker must be
    /// retired.
    pub(super) const fn probe_failed(&mut self) -> bool {
        self.failed_probes += 1;
        self.failed_probes >= PROBES
    }

    /// How the worker exceeds a limit, or `None` if it does not.
    pub(super) fn excess(&mut self, memory_limit: u64, now: Instant) -> Option<Excess> {
        let process = self.process.as_ref()?;
        if let Some(task) = self.pulse.overdue() {
            return Some(Excess::Time(task));
        }
        if now.saturating_duration_since(self.memory_read_at) < MEMORY_INTERVAL {
            return None;
        }
        self.memory_read_at = now;
        let used = process.memory().filter(|used| *used > memory_limit)?;
        Some(Excess::Memory { used, limit: memory_limit })
    }

    /// The reason to kill the worker, or `None` if it does not hang.
    pub(super) fn hang_reason(&self, timing: &TimeLimits) -> Option<String> {
        let process = self.process.as_ref().filter(|_| self.life != Life::Requested)?;
        self.pulse.hang_reason(process.silent_for(), Instant::now(), timing)
    }
}
