//! What a run is asked to do.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use stage_core::{DeviceId, StageKind};

/// What to compute again although it is on record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Recompute {
    /// Nothing.
    #[default]
    Nothing,
    /// One stage.
    Only(StageKind),
    /// A stage and all after it.
    From(StageKind),
    /// Everything.
    All,
}

impl Recompute {
    /// Whether a stage is computed even if its artifact is on record.
    #[must_use]
    pub fn includes(self, stage: StageKind) -> bool {
        match self {
            Self::Nothing => false,
            Self::Only(only) => stage == only,
            Self::From(first) => stage >= first,
            Self::All => true,
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
    /// One worker process each; no more are started than there is work for.
    pub devices: Vec<DeviceId>,
    /// Recordings in one batch, at most.
    pub batch_items: usize,
    /// Units in one device call, at most.
    pub device_batch: usize,
    /// CPU threads that the workers share evenly, at least one each.
    pub threads: usize,
    /// What to start.
    pub worker: WorkerCommand,
    /// What the worker's pipeline is built from; opaque here.
    pub settings: Value,
    /// What to compute again.
    pub recompute: Recompute,
    /// What was asked for, in words, for the record of runs.
    pub command: String,
    /// Version of the executable, for the record of runs.
    pub tool_version: String,
    /// Waits and limits.
    pub timing: Timing,
}

/// Waits and limits of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// A worker that says nothing for so long is killed. Heartbeats come each second, while models load too.
    pub silence: Duration,
    /// A worker whose device lane is busy and finishes no call for so long is killed.
    pub device_stall: Duration,
    /// After an interruption, how long open recordings may take to finish.
    pub grace: Duration,
    /// Before a failure of class `Transient` is tried again; doubled each time.
    pub backoff: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            silence: Duration::from_secs(30),
            device_stall: Duration::from_secs(15 * 60),
            grace: Duration::from_secs(10),
            backoff: Duration::from_millis(500),
        }
    }
}
