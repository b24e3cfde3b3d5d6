//! Messages between `bench` and the measuring processes: one JSON object per line.

use std::path::PathBuf;

use scheduler::worker::Stored;
use serde::{Deserialize, Serialize};
use stage_core::{DeviceId, PipelineError, StageName};

use crate::settings::Settings;

/// Messages to a measuring process, which exits when its standard input closes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ToProcess {
    /// Compute the artifacts of the stages before the measured one; the reply is [`FromProcess::Prepared`].
    Prepare(Task),
    /// Prepare to run the stage; the reply is [`FromProcess::Ready`].
    Measure(Task),
    /// Run the stage once on all recordings; the reply is [`FromProcess::Ran`].
    Run,
}

/// The task of a process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Task {
    pub(super) stage: StageName,
    pub(super) settings: Settings,
    pub(super) device: DeviceId,
    pub(super) threads: usize,
    pub(super) device_batch_size: usize,
    pub(super) recordings: Vec<Input>,
}

/// A recording with its artifacts so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Input {
    #[serde(with = "stage_core::lossless_path")]
    pub(super) path: PathBuf,
    /// Empty before preparation.
    pub(super) file_sha256: String,
    pub(super) audio_s: f64,
    pub(super) channels: u16,
    pub(super) stored: Vec<Stored>,
}

impl Input {
    /// A recording before preparation.
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, file_sha256: String::new(), audio_s: 0.0, channels: 0, stored: Vec::new() }
    }
}

/// Messages from a measuring process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FromProcess {
    /// The process failed.
    Failed(String),
    /// Each recording with the artifacts of the earlier stages, in task order.
    Prepared(Vec<Result<Input, PipelineError>>),
    /// The recordings are decoded and the model is loaded.
    Ready(Ready),
    /// The stage has run.
    Ran(Ran),
}

/// State of a process before its first run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Ready {
    /// Time to load the model onto the device, in seconds (transcribe).
    pub(super) load_s: Option<f64>,
    /// Resident memory before the stage started, in MiB: the program and the decoded recordings.
    pub(super) before_mib: Option<f64>,
}

/// One run of the stage on all recordings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Ran {
    /// Seconds for each recording, in task order.
    pub(super) recordings: Vec<Result<f64, PipelineError>>,
    /// Device work (transcribe).
    pub(super) device: Option<DeviceWork>,
    /// Peak resident memory since the stage started, in MiB.
    pub(super) peak_mib: Option<f64>,
}

/// Device work of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DeviceWork {
    /// Windows sent to the device, including those decoded again.
    pub(super) windows: usize,
    /// Maximum number of windows in flight.
    pub(super) windows_at_once: usize,
}
