//! The options of a run.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stage_core::{DeviceId, Identity, Recipe, StageName, sha256_hex};

use crate::devices::DeviceLimits;
use crate::protocol::{Fault, TaskTime};
use crate::store::{Files, NewRun, RecordingEntry};

/// Selects the stored artifacts that are computed again.
///
/// ```
/// use scheduler::coordinator::Recompute;
/// use scheduler::worker::sim;
/// use serde_json::json;
/// use stage_core::{Identity, Recipe, RecipeStep, StageName};
///
/// let step = |spec| RecipeStep::new(spec, Identity::without_model(json!({})));
/// let recipe = Recipe::new(sim::SPECS.iter().map(step).collect())?;
/// let stages = |recompute: Recompute| recompute.stages(&recipe).iter().map(|stage| stage.as_str()).collect::<Vec<_>>();
/// assert_eq!(stages(Recompute::Only(StageName::new("refine"))), ["refine"]);
/// assert_eq!(stages(Recompute::From(StageName::new("refine"))), ["measure", "refine"]);
/// # Ok::<(), stage_core::RecipeError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Recompute {
    /// None.
    #[default]
    Nothing,
    /// One stage.
    Only(StageName),
    /// A stage and all stages that read its artifacts, directly or through others.
    From(StageName),
    /// All.
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

/// Options of a run.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// The devices to use. No more workers are started than there are recordings to process.
    pub devices: Vec<DeviceId>,
    /// Number of worker processes per device.
    pub workers_per_device: u32,
    /// Priority of the run's recordings. Higher priorities run earlier.
    pub priority: i32,
    /// Priorities of single recordings: empty, or one per item in order.
    pub priorities: Vec<i32>,
    /// Where the workers read the recordings: empty (at their paths), or one place per item in order. The stages say what
    /// may be a place besides a path.
    pub places: Vec<PathBuf>,
    /// Whether the run processes recordings that another one has put into a shared store, instead of its own.
    pub joins: bool,
    /// Whether quarantined recordings are tried again.
    pub retry_quarantined: bool,
    /// Maximum number of recordings per batch.
    pub batch_items: usize,
    /// Maximum number of inputs in flight on a device.
    pub device_batch: usize,
    /// Total number of CPU threads. Workers share them evenly and get at least one each.
    pub threads: usize,
    /// How to start a worker.
    pub worker: WorkerCommand,
    /// Settings of the worker's pipeline. The scheduler does not interpret them.
    pub settings: Value,
    /// What to compute again.
    pub recompute: Recompute,
    /// The command line, stored in the list of runs.
    pub command: String,
    /// Version of the executable, stored in the list of runs.
    pub tool_version: String,
    /// Intervals and time limits.
    pub timing: TimeLimits,
    /// How long a task of the CPU lane may take. A worker with a task that takes longer is killed.
    pub task_time: TaskTime,
    /// Memory that a worker may use, in bytes, without files that are mapped into it. A worker that uses more is killed.
    pub worker_memory: u64,
    /// Faults that workers inject. For tests only.
    pub faults: Vec<Fault>,
    /// How GPUs are monitored. `None` disables monitoring.
    pub gpus: Option<GpuWatch>,
    /// The cluster whose nodes run the workers. `None`: this machine runs them.
    pub cluster: Option<ClusterOptions>,
}

/// A cluster that runs the workers. A driver, which is a process of its own, starts them there; `scheduler/ray` is the
/// one for Ray. [`RunOptions::devices`] has one device, whose kind all workers use.
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    /// How to start the driver.
    pub driver: WorkerCommand,
    /// What the user does if the driver cannot be started.
    pub remedy: String,
    /// The address of the cluster, for the driver.
    pub address: String,
    /// Number of workers to request. Those that the cluster has no room for wait, and an autoscaler adds nodes for them.
    /// `None`: as many as the nodes that are there have room for.
    pub workers: Option<NonZeroUsize>,
    /// GPUs that each worker reserves. May be a fraction.
    pub gpus: f64,
    /// CPUs that each worker reserves.
    pub cpus: f64,
    /// Custom resources that each worker reserves.
    pub resources: BTreeMap<String, f64>,
    /// CPU threads per worker.
    pub threads: usize,
    /// Environment variables of the workers, in addition to those of their nodes.
    pub environment: BTreeMap<String, String>,
    /// A worker without work for this time gives its resources back.
    pub idle: Duration,
}

impl RunOptions {
    /// The priority of an item.
    pub(super) fn priority_of(&self, index: usize) -> i32 {
        self.priorities.get(index).copied().unwrap_or(self.priority)
    }

    /// Where the workers read an item, if not at its path.
    pub(super) fn place_of(&self, index: usize) -> Option<&Path> {
        self.places.get(index).map(PathBuf::as_path)
    }

    /// The run over these recordings, as the store records it.
    pub(super) fn new_run(&self, items: &[RecordingEntry]) -> NewRun {
        NewRun {
            command: self.command.clone(),
            tool_version: self.tool_version.clone(),
            priority: self.priority,
            configuration: Some(sha256_hex(self.settings.to_string().as_bytes())),
            models: models(items),
        }
    }
}

/// The models of the recordings' stages, by their hash in the keys of artifacts.
fn models(items: &[RecordingEntry]) -> BTreeMap<String, Files> {
    let mut models = BTreeMap::new();
    // The recordings of a run share one recipe.
    let steps = items.first().map(|item| item.recipe.steps()).unwrap_or_default();
    for Identity { model_sha256, model_files, .. } in steps.iter().map(|step| &step.identity) {
        models.extend(model_sha256.clone().map(|sha256| (sha256, model_files.clone())));
    }
    models
}

/// How GPUs are monitored.
#[derive(Debug, Clone)]
pub struct GpuWatch {
    /// The limits for admitting, throttling and pausing a GPU.
    pub limits: DeviceLimits,
    /// Path of the NVML library, if it is not the driver's.
    pub library: Option<OsString>,
}

/// Intervals and time limits of a run.
///
/// ```
/// use scheduler::coordinator::TimeLimits;
///
/// let timing = TimeLimits { heartbeat_ms: 1_000, ..TimeLimits::default() };
/// assert_eq!(timing.silence().as_millis(), 1_800);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TimeLimits {
    /// Interval between two heartbeats of a worker, in milliseconds. A worker that sends no message for 1.8 heartbeats
    /// is killed.
    pub heartbeat_ms: u64,
    /// A worker whose device is busy but completes no step for this time is killed, in milliseconds. A step of the
    /// engine computes at most one token for all inputs.
    pub device_stall_ms: u64,
    /// A worker that takes longer than this to load its models or to run the health probe is killed, in milliseconds.
    pub device_load_ms: u64,
    /// How long recordings in progress may take to finish after an interruption, in milliseconds.
    pub grace_ms: u64,
    /// Delay before the first retry of a `Transient` failure, in milliseconds. It doubles with each retry.
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
    /// A worker that sends no message for this time is killed. It is less than two heartbeats, so that a dead worker is
    /// noticed within two.
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
