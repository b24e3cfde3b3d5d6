//! Faults that tests inject into a worker, so that each is tested with the real executable.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use stage_core::{ErrorClass, Phase, StageName};

/// A fault and the place where it happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The place.
    pub at: FaultPlace,
    /// The kind of fault.
    pub kind: FaultKind,
    /// The only device on which it happens. `None`: on all devices.
    pub device: Option<String>,
    /// The fault happens only for recordings whose path contains this text. `None`: for all recordings.
    pub recording: Option<String>,
    /// Number of times that a worker passes the place before the fault happens.
    #[serde(default)]
    pub after: u32,
    /// A file that is created when the fault happens, so that it happens only once over all workers.
    pub once: Option<PathBuf>,
}

/// Where a [`Fault`] happens: before the work starts. On the device that is before each input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultPlace {
    /// The pipeline is built.
    Build,
    /// The models are loaded.
    Load,
    /// The health probe runs.
    HealthProbe,
    /// A phase of a stage begins.
    #[serde(untagged)]
    Stage(StageName, Phase),
}

/// The effect of a [`Fault`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// The process exits with this code.
    Exit(i32),
    /// The process stops: it sends no heartbeats and does not exit.
    Stop,
    /// The thread waits forever. All other threads continue.
    Wedge,
    /// The worker sends a line that is not a message.
    Garbage,
    /// The thread panics.
    Panic,
    /// The work fails with an error of this class.
    Fail(ErrorClass),
    /// The device has memory for only this number of inputs.
    MemoryFor(usize),
    /// The thread fills this many MiB of memory and waits forever.
    FillMib(usize),
    /// The thread waits for this number of milliseconds and continues.
    PauseMs(u64),
}
