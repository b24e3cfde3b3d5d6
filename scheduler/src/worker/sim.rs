//! A pipeline without audio, models or devices: every task takes the time that a file says it takes, and every artifact
//! has a realistic size. Coordinator, worker processes, protocol, graph, lanes and store are the real ones, so that
//! scheduling is measured, and its faults are tested, on machines without a GPU.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use stage_core::{DeviceId, Flow, StageError, StageKind};

use super::{Artifact, Pipeline};
use crate::protocol::ItemJob;

/// Service times and sizes of a simulated worker. Times are in seconds of a real machine; all are divided by
/// [`time_scale`](Self::time_scale).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimSettings {
    /// How many times faster than real the simulation runs.
    pub time_scale: f64,
    /// Seconds of audio in one unit of the device.
    pub window_s: f64,
    /// Loading the models.
    pub load_s: f64,
    /// CPU lane, for each second of audio.
    pub cpu_s_per_audio_s: BTreeMap<StageKind, f64>,
    /// Device lane, for each group of units that it answers together.
    pub device_s_per_call: f64,
    /// Device lane, for each unit.
    pub device_s_per_unit: f64,
    /// Bytes of an artifact for each second of audio.
    pub artifact_bytes_per_audio_s: BTreeMap<StageKind, f64>,
    /// Bytes of a device's answer to one unit.
    pub part_bytes: usize,
    /// Devices that are slower by a factor (`sim:3` = 2.0).
    pub slower: BTreeMap<String, f64>,
}

impl Default for SimSettings {
    /// A GPU that transcribes at about 100 times real time beside CPU cores that decode at 600, and artifacts as large
    /// as those of real calls.
    fn default() -> Self {
        use StageKind::{Align, Decode, Forensics, Segment, Transcribe};
        Self {
            time_scale: 1.0,
            window_s: 30.0,
            load_s: 5.0,
            cpu_s_per_audio_s: BTreeMap::from([
                (Decode, 1.0 / 600.0),
                (Segment, 1.0 / 5000.0),
                (Transcribe, 1.0 / 2000.0),
                (Align, 1.0 / 2000.0),
                (Forensics, 1.0 / 1500.0),
            ]),
            device_s_per_call: 0.05,
            device_s_per_unit: 0.29,
            artifact_bytes_per_audio_s: BTreeMap::from([
                (Decode, 0.5),
                (Segment, 40.0),
                (Transcribe, 250.0),
                (Align, 250.0),
                (Forensics, 60.0),
            ]),
            part_bytes: 4 << 10,
            slower: BTreeMap::new(),
        }
    }
}

/// The simulated stages of one worker.
#[derive(Debug)]
pub struct SimPipeline {
    settings: SimSettings,
    /// Real seconds for each simulated one.
    pace: f64,
}

/// A simulated recording.
#[derive(Debug)]
pub struct SimItem {
    file_sha256: String,
    audio_s: f64,
}

impl SimPipeline {
    /// The stages as `device` runs them.
    #[must_use]
    pub fn new(settings: SimSettings, device: &DeviceId) -> Self {
        let slower = settings.slower.get(&device.to_string()).copied().unwrap_or(1.0);
        let pace = slower / settings.time_scale.max(f64::MIN_POSITIVE);
        Self { settings, pace }
    }

    fn take(&self, simulated_s: f64) {
        thread::sleep(Duration::from_secs_f64((simulated_s * self.pace).max(0.0)));
    }

    fn on_cpu(&self, item: &SimItem, stage: StageKind) {
        self.take(self.settings.cpu_s_per_audio_s.get(&stage).copied().unwrap_or(0.0) * item.audio_s);
    }

    fn artifact(&self, item: &SimItem, stage: StageKind) -> Artifact {
        let bytes = self.settings.artifact_bytes_per_audio_s.get(&stage).copied().unwrap_or(0.0) * item.audio_s;
        let filler = "simulated ".repeat(bytes as usize / 10 + 1);
        Artifact { body: json!({"stage": stage, "file_sha256": item.file_sha256, "filler": filler}).to_string() }
    }

    fn units(&self, item: &SimItem) -> usize {
        (item.audio_s / self.settings.window_s).ceil() as usize
    }
}

impl Pipeline for SimPipeline {
    type Item = SimItem;
    type Unit = ();
    type Answer = String;

    fn open(&self, job: &ItemJob) -> Result<SimItem, StageError> {
        Ok(SimItem { file_sha256: job.file_sha256.clone(), audio_s: job.audio_s })
    }

    fn run(&self, item: &SimItem, stage: StageKind) -> Result<Artifact, StageError> {
        self.on_cpu(item, stage);
        Ok(self.artifact(item, stage))
    }

    fn prepare(
        &self,
        item: &SimItem,
        stage: StageKind,
        is_answered: &dyn Fn(usize) -> bool,
        emit: &mut dyn FnMut(usize, ()) -> bool,
    ) -> Result<usize, StageError> {
        let units = self.units(item);
        let each_s = self.settings.cpu_s_per_audio_s.get(&stage).copied().unwrap_or(0.0) * self.settings.window_s;
        for index in (0..units).filter(|index| !is_answered(*index)) {
            self.take(each_s);
            if !emit(index, ()) {
                break;
            }
        }
        Ok(units)
    }

    fn unit_audio_s(&self, item: &SimItem, _: StageKind, index: usize) -> f64 {
        (item.audio_s - index as f64 * self.settings.window_s).min(self.settings.window_s)
    }

    fn load_device(&self) -> Result<(), StageError> {
        self.take(self.settings.load_s);
        Ok(())
    }

    fn canary(&self) -> Result<(), StageError> {
        self.take(self.settings.device_s_per_call + self.settings.device_s_per_unit);
        Ok(())
    }

    fn infer(&self, _: StageKind, flow: &mut dyn Flow<(), String>) -> Result<(), StageError> {
        loop {
            let keys: Vec<usize> = std::iter::from_fn(|| flow.draw()).map(|(key, _)| key).collect();
            if keys.is_empty() {
                return Ok(());
            }
            self.take(self.settings.device_s_per_call + self.settings.device_s_per_unit * keys.len() as f64);
            keys.into_iter().for_each(|key| flow.answer(key, "x".repeat(self.settings.part_bytes)));
        }
    }

    fn finish(&self, item: &SimItem, stage: StageKind, _: Vec<String>) -> Result<Artifact, StageError> {
        Ok(self.artifact(item, stage))
    }
}
