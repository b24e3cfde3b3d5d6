//! What `bench` and the processes that it measures in say to each other: one JSON object per line.

use std::path::PathBuf;

use scheduler::worker::Stored;
use serde::{Deserialize, Serialize};
use stage_core::{DeviceId, StageError, StageName};

use crate::settings::Settings;

/// To a process. It ends when its standard input does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ToProcess {
    /// Compute the artifacts of the stages before this one; the reply is [`FromProcess::Prepared`].
    Prepare(Task),
    /// Get ready to run the stage; the reply is [`FromProcess::Ready`].
    Measure(Task),
    /// Run the stage once over all recordings; the reply is [`FromProcess::Ran`].
    Run,
}

/// What a process works on, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Task {
    pub(super) stage: StageName,
    pub(super) settings: Settings,
    pub(super) device: DeviceId,
    pub(super) threads: usize,
    pub(super) device_batch_size: usize,
    pub(super) recordings: Vec<Input>,
}

/// A recording with the artifacts so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Input {
    pub(super) path: PathBuf,
    /// Empty before it is prepared.
    pub(super) file_sha256: String,
    pub(super) audio_s: f64,
    pub(super) channels: u16,
    pub(super) stored: Vec<Stored>,
}

impl Input {
    /// A recording of which nothing is known yet.
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, file_sha256: String::new(), audio_s: 0.0, channels: 0, stored: Vec::new() }
    }
}

/// From a process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FromProcess {
    /// It cannot go on.
    Failed(String),
    /// Each recording with the artifacts of the stages before the measured one, in the order of the task.
    Prepared(Vec<Result<Input, StageError>>),
    /// The recordings are decoded and the model is loaded.
    Ready(Ready),
    /// The stage has run.
    Ran(Ran),
}

/// A process before its first run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Ready {
    /// Seconds that loading the model onto the device took (transcribe).
    pub(super) load_s: Option<f64>,
    /// Resident memory before the stage began: the program and the decoded recordings.
    pub(super) before_mib: Option<f64>,
}

/// One run of the stage over all recordings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Ran {
    /// Seconds of each recording, in the order of the task.
    pub(super) recordings: Vec<Result<f64, StageError>>,
    /// What the device did (transcribe).
    pub(super) device: Option<DeviceWork>,
    /// Most resident memory since the stage began.
    pub(super) peak_mib: Option<f64>,
}

/// The device's part of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DeviceWork {
    /// Windows that went to the device, those decoded again included.
    pub(super) windows: usize,
    /// The most of them that were under way at a time.
    pub(super) windows_at_once: usize,
}
