//! Stages without audio, models or devices. Every task takes the time given in a settings file, and artifacts have
//! realistic sizes. Coordinator, worker processes, protocol, graph, lanes and store are the real ones, so that
//! scheduling can be measured and failure handling tested on machines without a GPU.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use stage_core::{
    Artifacts, DeviceId, DeviceRunner, Emit, Flow, Identity, Made, ModelInput, ModelOutput, OutputSpec, Phases,
    PipelineError, Runner, Runners, RunnersError, StageName, StageSpec,
};

/// Stages like those of a real list. One reads a file into samples that are not stored; of the stages that read the
/// samples, one has a model.
pub const SPECS: [StageSpec; 5] = {
    const fn stage(
        name: StageName,
        inputs: &'static [stage_core::ArtifactName],
        phases: Phases,
        weight: f64,
    ) -> StageSpec {
        StageSpec { name, version: 1, inputs, outputs: &[], phases, weight }
    }
    const READ: StageName = StageName::new("read");
    const SPLIT: StageName = StageName::new("split");
    const MODEL: StageName = StageName::new("model");
    const REFINE: StageName = StageName::new("refine");
    const MEASURE: StageName = StageName::new("measure");
    const SAMPLES: stage_core::ArtifactName = READ.output("samples");
    const OF_READ: &[OutputSpec] = &[OutputSpec { name: "samples", stored: false }];
    [
        StageSpec { outputs: OF_READ, ..stage(READ, &[], Phases::Cpu, 0.05) },
        stage(SPLIT, &[SAMPLES], Phases::Cpu, 0.05),
        stage(MODEL, &[SAMPLES, SPLIT.artifact()], Phases::Device, 0.75),
        stage(REFINE, &[SAMPLES, SPLIT.artifact(), MODEL.artifact()], Phases::Cpu, 0.05),
        stage(MEASURE, &[SAMPLES, MODEL.artifact(), REFINE.artifact()], Phases::Cpu, 0.1),
    ]
};

/// CPU time of a stage per second of audio, if the settings do not give it. Five such stages take as long as the stages
/// of real calls together.
const CPU_S_PER_AUDIO_S: f64 = 0.0007;
/// Bytes of an artifact per second of audio, if the settings do not give it.
const BYTES_PER_AUDIO_S: f64 = 120.0;

/// Service times and sizes of a simulated worker. Times are in seconds on a real machine and are divided by
/// [`time_scale`](Self::time_scale).
///
/// ```
/// use scheduler::worker::sim::{SPECS, SimSettings, stages};
/// use stage_core::DeviceId;
///
/// let fast = SimSettings { time_scale: 100.0, ..SimSettings::default() };
/// let runners = stages(fast, &DeviceId::Sim(0), &SPECS)?;
/// assert_eq!(runners.specs().len(), 5);
/// # Ok::<(), stage_core::RunnersError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimSettings {
    /// How many times faster than real time the simulation runs.
    pub time_scale: f64,
    /// Seconds of audio in one input of the device.
    pub window_s: f64,
    /// Time to load the models.
    pub load_s: f64,
    /// CPU time per second of audio, by stage.
    pub cpu_s_per_audio_s: BTreeMap<StageName, f64>,
    /// Device time per group of inputs that are computed together.
    pub device_s_per_call: f64,
    /// Device time per input.
    #[serde(alias = "device_s_per_unit")]
    pub device_s_per_input: f64,
    /// Bytes of an artifact per second of audio, by stage.
    pub artifact_bytes_per_audio_s: BTreeMap<StageName, f64>,
    /// Bytes of the model's output for one input.
    #[serde(alias = "part_bytes")]
    pub checkpoint_bytes: usize,
    /// Devices that are slower, each with a factor (`sim:3` = 2.0).
    pub slower: BTreeMap<String, f64>,
}

impl Default for SimSettings {
    /// A GPU that transcribes at about 100 times real time, CPU cores that decode at 600 times real time, and artifacts
    /// as large as those of real calls.
    fn default() -> Self {
        Self {
            time_scale: 1.0,
            window_s: 30.0,
            load_s: 5.0,
            cpu_s_per_audio_s: BTreeMap::new(),
            device_s_per_call: 0.05,
            device_s_per_input: 0.29,
            artifact_bytes_per_audio_s: BTreeMap::new(),
            checkpoint_bytes: 4 << 10,
            slower: BTreeMap::new(),
        }
    }
}

/// Creates simulated stages with these specs for `device`.
///
/// # Errors
/// [`RunnersError`] if the specs do not fit together.
pub fn stages(settings: SimSettings, device: &DeviceId, specs: &[StageSpec]) -> Result<Runners, RunnersError> {
    let slower = settings.slower.get(&device.to_string()).copied().unwrap_or(1.0);
    let pace = slower / settings.time_scale.max(f64::MIN_POSITIVE);
    let settings = Arc::new(settings);
    let stage = |spec: &StageSpec| -> Box<dyn Runner> {
        Box::new(SimStage { spec: *spec, settings: Arc::clone(&settings), pace })
    };
    Runners::new(specs.iter().map(stage).collect())
}

/// A simulated stage.
#[derive(Debug)]
struct SimStage {
    spec: StageSpec,
    settings: Arc<SimSettings>,
    /// Real seconds per simulated second.
    pace: f64,
}

impl SimStage {
    fn take(&self, simulated_s: f64) {
        thread::sleep(Duration::from_secs_f64((simulated_s * self.pace).max(0.0)));
    }

    fn cpu_s_per_audio_s(&self) -> f64 {
        self.settings.cpu_s_per_audio_s.get(&self.spec.name).copied().unwrap_or(CPU_S_PER_AUDIO_S)
    }

    fn made(&self, artifacts: &Artifacts) -> Made {
        let source = artifacts.source();
        let bytes_per_s = self.settings.artifact_bytes_per_audio_s.get(&self.spec.name).copied();
        let bytes = bytes_per_s.unwrap_or(BYTES_PER_AUDIO_S) * source.audio_s;
        let filler = "simulated ".repeat(bytes as usize / 10 + 1);
        let body = json!({"stage": self.spec.name, "file_sha256": source.file_sha256, "filler": filler}).to_string();
        let bodies = self.spec.artifacts().map(|(name, stored)| (name, stored.then(|| body.clone())));
        bodies.fold(Made::default(), |made, (name, body)| made.untyped(name, body))
    }

    fn input_count(&self, artifacts: &Artifacts) -> usize {
        (artifacts.source().audio_s / self.settings.window_s).ceil() as usize
    }
}

impl Runner for SimStage {
    fn spec(&self) -> StageSpec {
        self.spec
    }

    fn identity(&self) -> Identity {
        Identity::without_model(json!({"simulated": *self.settings}))
    }

    fn run(&self, artifacts: &Artifacts) -> Result<Made, PipelineError> {
        self.take(self.cpu_s_per_audio_s() * artifacts.source().audio_s);
        Ok(self.made(artifacts))
    }

    fn device(&self) -> Option<&dyn DeviceRunner> {
        self.spec.on_device().then_some(self)
    }
}

impl DeviceRunner for SimStage {
    fn prepare(
        &self,
        artifacts: &Artifacts,
        is_done: &dyn Fn(usize) -> bool,
        emit: &mut Emit<'_>,
    ) -> Result<usize, PipelineError> {
        let count = self.input_count(artifacts);
        for index in (0..count).filter(|index| !is_done(*index)) {
            self.take(self.cpu_s_per_audio_s() * self.settings.window_s);
            if !emit(index, Arc::new(())) {
                break;
            }
        }
        Ok(count)
    }

    fn input_audio_s(&self, artifacts: &Artifacts, index: usize) -> f64 {
        (artifacts.source().audio_s - index as f64 * self.settings.window_s).min(self.settings.window_s)
    }

    fn load(&self) -> Result<(), PipelineError> {
        self.take(self.settings.load_s);
        Ok(())
    }

    fn health_probe(&self) -> Result<(), PipelineError> {
        self.take(self.settings.device_s_per_call + self.settings.device_s_per_input);
        Ok(())
    }

    fn infer(&self, flow: &mut dyn Flow<ModelInput, ModelOutput>) -> Result<(), PipelineError> {
        loop {
            let keys: Vec<usize> = std::iter::from_fn(|| flow.draw()).map(|(key, _)| key).collect();
            if keys.is_empty() {
                return Ok(());
            }
            self.take(self.settings.device_s_per_call + self.settings.device_s_per_input * keys.len() as f64);
            keys.into_iter().for_each(|key| flow.complete(key, Box::new("x".repeat(self.settings.checkpoint_bytes))));
        }
    }

    fn follow_up(&self, _: &Artifacts, _: &mut Vec<ModelOutput>, _: &mut Emit<'_>) -> Result<usize, PipelineError> {
        Ok(0)
    }

    fn finish(&self, artifacts: &Artifacts, _: Vec<ModelOutput>) -> Result<Made, PipelineError> {
        Ok(self.made(artifacts))
    }

    /// Every output is encoded as the same text.
    fn encode_output(&self, _: &ModelOutput) -> Result<String, PipelineError> {
        Ok(json!("x".repeat(self.settings.checkpoint_bytes)).to_string())
    }

    fn decode_output(&self, body: &str) -> Result<ModelOutput, PipelineError> {
        Ok(Box::new(body.to_owned()))
    }
}
