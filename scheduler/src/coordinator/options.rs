//! The options of a run.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use stage_core::{DeviceId, Recipe, StageName};

use crate::devices::DeviceLimits;
use crate::protocol::Fault;

/// What to compute again although it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Recompute {
    /// Nothing.
    #[default]
    Nothing,
    /// One stage.
    Only(StageName),
    /// A stage and all that read its artifacts, directly or through others.
    From(StageName),
    /// Everything.
    All,
}

impl Recompute {
    /// The stages of a recipe that are computed even if their artifacts are stored.
    #[must_use]
    pub fn stages(self, recipe: &Recipe) -> BTreeSet<StageName> {
        match self {
            Self::Nothing => BTreeSet::new(),
            Self::Only(only) => BTreeSet::from([only]),
            Self::From(first) => recipe.dependents(first),
            Self::All => recipe.steps().iter().map(|step| step.stage).collect(),
        }
    }
}

/// How to start a worker: a program that calls [`crate::worker::serve`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerCommand {
    /// The executable.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
}

/// How to run.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// No more workers are started than there is work for.
    pub devices: Vec<DeviceId>,
    /// Worker processes on each device.
    pub workers_per_device: u32,
    /// The priority of the run's recordings: higher runs earlier.
    pub priority: i32,
    /// Priorities of single recordings: one for each item, in order, or empty.
    pub priorities: Vec<i32>,
    /// Try quarantined recordings again.
    pub retry_quarantined: bool,
    /// Recordings in one batch, at most.
    pub batch_items: usize,
    /// Inputs on a device at a time, at most.
    pub device_batch: usize,
    /// CPU threads that the workers share evenly, at least one each.
    pub threads: usize,
    /// What to start.
    pub worker: WorkerCommand,
    /// The settings of the worker's pipeline; opaque here.
    pub settings: Value,
    /// What to compute again.
    pub recompute: Recompute,
    /// The command, for the list of runs.
    pub command: String,
    /// Version of the executable, for the list of runs.
    pub tool_version: String,
    /// Waits and limits.
    pub timing: TimeLimits,
    /// Faults that workers commit on purpose; for tests alone.
    pub faults: Vec<Fault>,
    /// How GPUs are watched; none: they are not.
    pub gpus: Option<GpuWatch>,
}

/// How GPUs are watched.
#[derive(Debug, Clone)]
pub struct GpuWatch {
    /// When a GPU may work.
    pub limits: DeviceLimits,
    /// The NVML library, where it is not the driver's.
    pub library: Option<OsString>,
}

/// Waits and limits of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TimeLimits {
    /// Between two heartbeats of a worker, in milliseconds. One that says nothing for 1.8 of them is killed.
    pub heartbeat_ms: u64,
    /// A worker whose device is at work and makes no step (of the engine: one token's for all units, or less) for so many
    /// milliseconds is killed.
    pub device_stall_ms: u64,
    /// A worker that takes longer than so many milliseconds to load its models, or for the health probe, is killed.
    pub device_load_ms: u64,
    /// After an interruption, how many milliseconds open recordings may take to finish.
    pub grace_ms: u64,
    /// Milliseconds before a failure of class `Transient` is tried again; doubled each time.
    pub backoff_ms: u64,
}

impl Default for TimeLimits {
    fn default() -> Self {
        Self {
            heartbeat_ms: 5_000,
            device_stall_ms: 2 * 60_000,
            device_load_ms: 10 * 60_000,
            grace_ms: 10_000,
            backoff_ms: 500,
        }
    }
}

impl TimeLimits {
    /// A worker that says nothing for so long is killed: less than two heartbeats, so that it is noticed within them.
    #[must_use]
    pub const fn silence(&self) -> Duration {
        Duration::from_millis(self.heartbeat_ms * 9 / 5)
    }

    pub(super) const fn device_stall(&self) -> Duration {
        Duration::from_millis(self.device_stall_ms)
    }

    pub(super) const fn device_load(&self) -> Duration {
        Duration::from_millis(self.device_load_ms)
    }

    pub(super) const fn grace(&self) -> Duration {
        Duration::from_millis(self.grace_ms)
    }

    pub(super) const fn backoff(&self) -> Duration {
        Duration::from_millis(self.backoff_ms)
    }
}
