//! Faults that a worker commits on purpose, so that tests see each of them on the real executable.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use stage_core::{ErrorClass, Phase, StageName};

/// One fault and where it happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Where.
    pub at: FaultPlace,
    /// What.
    pub kind: FaultKind,
    /// Only on this device; none: on all.
    pub device: Option<String>,
    /// Only for recordings whose path holds this; none: for all.
    pub recording: Option<String>,
    /// Number of times that the place is passed without the fault, counted in each worker.
    #[serde(default)]
    pub after: u32,
    /// Happen once over all workers: a file that is made when it does.
    pub once: Option<PathBuf>,
}

/// Where a [`Fault`] happens: before the work. On the device that is before each input.
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
    /// The process ends with this code.
    Exit(i32),
    /// The process stops: no heartbeat, no end.
    Stop,
    /// This thread waits forever; all others continue.
    Wedge,
    /// Something that is not a message goes to the coordinator.
    Garbage,
    /// This thread panics.
    Panic,
    /// The work fails.
    Fail(ErrorClass),
    /// The device's memory holds at most this number of inputs.
    MemoryFor(usize),
    /// This thread waits this number of milliseconds and continues.
    PauseMs(u64),
}
