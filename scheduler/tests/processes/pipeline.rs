//! Stages whose recordings need not exist. The name of a recording determines how it fails.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::exit;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::process::{Signal, getpid, kill_process};
use scheduler::worker::{SlotSettings, WorkerSettings, serve};
use serde::{Deserialize, Serialize};
use serde_json::json;
use stage_core::{
    ArtifactName, Artifacts, DeviceId, DeviceRunner, Emit, ErrorClass, ErrorCode, Flow, Identity, Made, ModelInput,
    ModelOutput, OutputSpec, Phases, PipelineError, Runner, Runners, StageName, StageSpec, Tool,
};

/// The worker's settings.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Settings {
    /// Folder for the log of the workers and for marker files of events that happen once.
    pub(crate) folder: PathBuf,
    /// Duration of a CPU stage in milliseconds.
    pub(crate) cpu_ms: u64,
    /// Time that the device takes for a group of inputs, in milliseconds.
    pub(crate) device_ms: u64,
    /// Whether the worker has the stages [`SIX`] instead of [`FIVE`].
    pub(crate) six_stages: bool,
    /// Whether the worker refuses to build the stages.
    pub(crate) refuse: bool,
    /// The device on which the health probe fails.
    pub(crate) sick: Option<DeviceId>,
}

pub(crate) const DECODE: StageName = StageName::new("decode");
pub(crate) const SEGMENT: StageName = StageName::new("segment");
pub(crate) const TRANSCRIBE: StageName = StageName::new("transcribe");
pub(crate) const ALIGN: StageName = StageName::new("align");
pub(crate) const MEASURE: StageName = StageName::new("measure");
/// A second stage with a model, which reads the second output of segment.
pub(crate) const SPEAKERS: StageName = StageName::new("speakers");
const SAMPLES: ArtifactName = DECODE.output("samples");
const LEVELS: ArtifactName = SEGMENT.output("levels");

/// The stages of most tests.
pub(crate) const FIVE: [StageSpec; 5] = [
    StageSpec { outputs: &[OutputSpec { name: "samples", stored: false }], ..spec(DECODE, &[], Phases::Cpu) },
    spec(SEGMENT, &[SAMPLES], Phases::Cpu),
    spec(TRANSCRIBE, &[SAMPLES, SEGMENT.artifact()], Phases::Device),
    spec(ALIGN, &[SAMPLES, SEGMENT.artifact(), TRANSCRIBE.artifact()], Phases::Cpu),
    spec(MEASURE, &[DECODE.artifact(), SAMPLES, TRANSCRIBE.artifact(), ALIGN.artifact()], Phases::Cpu),
];

/// The same stages, with a second stored output and a second stage on the device.
pub(crate) const SIX: [StageSpec; 6] = [
    FIVE[0],
    StageSpec { outputs: &[OutputSpec { name: "levels", stored: true }], ..FIVE[1] },
    FIVE[2],
    spec(SPEAKERS, &[SAMPLES, LEVELS], Phases::Device),
    FIVE[3],
    FIVE[4],
];

const fn spec(name: StageName, inputs: &'static [ArtifactName], phases: Phases) -> StageSpec {
    StageSpec { name, version: 1, inputs, outputs: &[], phases, weight: 0.2 }
}

/// Number of inputs of a recording without those of follow-ups.
pub(crate) const PREPARED: usize = 5;

/// An entry in the log of a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) what: String,
    pub(crate) pid: u32,
    pub(crate) start_ms: u64,
    pub(crate) end_ms: u64,
}

struct Fake {
    settings: Settings,
    device: DeviceId,
}

struct FakeStage {
    spec: StageSpec,
    fake: Arc<Fake>,
}

pub(crate) fn worker_main(args: &[String]) {
    if let Some(mark) = args.first().filter(|mark| first_time(Path::new(mark))) {
        println!("{mark}: this is not a message");
    }
    let end = serve(Tool::of_version("0.0.1-test"), |settings: &WorkerSettings, slot: &SlotSettings| {
        let device = slot.device.clone();
        let settings: Settings = serde_json::from_value(settings.settings.clone()).unwrap();
        if settings.refuse {
            return Err(error(TRANSCRIBE, ErrorClass::BadInput, "model-missing"));
        }
        println!("a library that prints to stdout");
        let fake = Fake { settings, device };
        for name in ["CUDA_VISIBLE_DEVICES", "PATH"] {
            fake.log(name, &std::env::var(name).unwrap_or_default(), || ());
        }
        let fake = Arc::new(fake);
        let specs: &[StageSpec] = if fake.settings.six_stages { &SIX } else { &FIVE };
        let stage =
            |spec: &StageSpec| -> Box<dyn Runner> { Box::new(FakeStage { spec: *spec, fake: Arc::clone(&fake) }) };
        Ok(Runners::new(specs.iter().map(stage).collect()).unwrap())
    });
    exit(i32::from(end.is_err()));
}

fn error(stage: StageName, class: ErrorClass, code: &str) -> PipelineError {
    PipelineError::new(stage, class, ErrorCode::named(code), "as its name says")
}

/// Creates the marker file. Returns true if it did not exist before.
fn first_time(mark: &Path) -> bool {
    OpenOptions::new().write(true).create_new(true).open(mark).is_ok()
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

impl Fake {
    fn times(&self, name: &str, most: usize) -> bool {
        (0..most).any(|i| first_time(&self.settings.folder.join(format!("{name}.{i}"))))
    }

    fn log<T>(&self, name: &str, what: &str, work: impl FnOnce() -> T) -> T {
        let (start_ms, began) = (now_ms(), Instant::now());
        let result = work();
        let end_ms = start_ms + began.elapsed().as_millis() as u64;
        let entry = Entry { name: name.into(), what: what.into(), pid: std::process::id(), start_ms, end_ms };
        let line = serde_json::to_string(&entry).unwrap() + "\n";
        let log = OpenOptions::new().append(true).create(true).open(self.settings.folder.join("log")).unwrap();
        (&log).write_all(line.as_bytes()).unwrap();
        result
    }

    /// Fails as the recording's name requests.
    fn misbehave(&self, name: &str, stage: StageName) -> Result<(), PipelineError> {
        if stage != SEGMENT {
            return Ok(());
        }
        match name.split('-').next() {
            Some("crash") => exit(3),
            Some("crashonce") if self.times(name, 1) => exit(3),
            Some("stoponce") if self.times(name, 1) => kill_process(getpid(), Signal::STOP).unwrap(),
            Some("panic") => panic!("as its name says"),
            Some("bad") => return Err(error(stage, ErrorClass::BadInput, "bad")),
            Some("transient") if self.times(name, 2) => return Err(error(stage, ErrorClass::Transient, "passes")),
            Some("hopeless") => return Err(error(stage, ErrorClass::Transient, "stays")),
            Some("device") if self.device == DeviceId::Cpu(0) || self.settings.sick.as_ref() == Some(&self.device) => {
                return Err(error(stage, ErrorClass::Device, "not-here"));
            }
            _ => {}
        }
        Ok(())
    }

    /// Fails as the names of the inputs request.
    fn misbehave_on_device(&self, inputs: &[Arc<String>], stage: StageName) -> Result<(), PipelineError> {
        for input in inputs {
            if **input == "poison/3" {
                return Err(error(stage, ErrorClass::Bug, "poison"));
            }
            if input.starts_with("follow-crash/6") && self.times("follow-crash", 1) {
                // Gives the outputs before this one time to reach the store.
                sleep(Duration::from_millis(200));
                exit(3);
            }
        }
        Ok(())
    }
}

fn recording(artifacts: &Artifacts) -> String {
    artifacts.source().path.file_stem().unwrap().to_string_lossy().into_owned()
}

impl FakeStage {
    fn made(&self, artifacts: &Artifacts, outputs: &[String]) -> Made {
        let body = |name| json!({"artifact": name, "of": recording(artifacts), "outputs": outputs}).to_string();
        let artifacts = self.spec.artifacts().map(|(name, stored)| (name, stored.then(|| body(name))));
        artifacts.fold(Made::default(), |made, (name, body)| made.untyped(name, body))
    }
}

fn text(output: &ModelOutput) -> String {
    output.downcast_ref::<String>().unwrap().clone()
}

impl Runner for FakeStage {
    fn spec(&self) -> StageSpec {
        self.spec
    }

    fn identity(&self) -> Identity {
        Identity::without_model(json!(null))
    }

    fn run(&self, artifacts: &Artifacts) -> Result<Made, PipelineError> {
        let (name, stage) = (recording(artifacts), self.spec.name);
        let stored: Vec<_> = artifacts.stored().map(|name| name.to_string()).collect();
        let what = format!("{stage} having {stored:?}");
        self.fake.log(&name, &what, || sleep(Duration::from_millis(self.fake.settings.cpu_ms)));
        self.fake.misbehave(&name, stage)?;
        Ok(self.made(artifacts, &[]))
    }

    fn device(&self) -> Option<&dyn DeviceRunner> {
        self.spec.on_device().then_some(self)
    }
}

impl DeviceRunner for FakeStage {
    fn prepare(
        &self,
        artifacts: &Artifacts,
        is_done: &dyn Fn(usize) -> bool,
        emit: &mut Emit<'_>,
    ) -> Result<usize, PipelineError> {
        let name = recording(artifacts);
        // A recording of silence has no inputs.
        let inputs = if name == "silence" { 0 } else { PREPARED };
        for input in (0..inputs).filter(|input| !is_done(*input)) {
            if !emit(input, Arc::new(format!("{name}/{input}"))) {
                break;
            }
        }
        Ok(inputs)
    }

    fn input_audio_s(&self, _: &Artifacts, index: usize) -> f64 {
        if index < PREPARED { 0.2 } else { f64::INFINITY }
    }

    fn health_probe(&self) -> Result<(), PipelineError> {
        self.fake.log("", "health probe", || ());
        if self.fake.settings.sick.as_ref() == Some(&self.fake.device) {
            return Err(error(self.spec.name, ErrorClass::Device, "sick"));
        }
        Ok(())
    }

    fn load(&self) -> Result<(), PipelineError> {
        self.fake.log(self.spec.name.as_str(), "load", || ());
        Ok(())
    }

    fn infer(&self, flow: &mut dyn Flow<ModelInput, ModelOutput>) -> Result<(), PipelineError> {
        loop {
            let (keys, inputs): (Vec<_>, Vec<_>) = std::iter::from_fn(|| flow.draw())
                .map(|(key, input)| (key, input.downcast::<String>().unwrap()))
                .unzip();
            if keys.is_empty() {
                return Ok(());
            }
            self.fake.misbehave_on_device(&inputs, self.spec.name)?;
            let names: Vec<_> = inputs.iter().map(|input| input.as_str()).collect();
            self.fake.log(&names.join(" "), "infer", || sleep(Duration::from_millis(self.fake.settings.device_ms)));
            keys.into_iter().zip(inputs).for_each(|(key, input)| flow.complete(key, Box::new(input.to_uppercase())));
        }
    }

    /// Recordings named `follow-…` have follow-ups: two inputs after the prepared ones, and one after those.
    fn follow_up(
        &self,
        artifacts: &Artifacts,
        outputs: &mut Vec<ModelOutput>,
        emit: &mut Emit<'_>,
    ) -> Result<usize, PipelineError> {
        let name = recording(artifacts);
        let more = match outputs.len() {
            PREPARED if name.starts_with("follow-") => 2,
            7 => 1,
            _ => 0,
        };
        for index in outputs.len()..outputs.len() + more {
            emit(index, Arc::new(format!("{name}/{index}<{}", text(&outputs[outputs.len() - 1]))));
        }
        Ok(more)
    }

    fn finish(&self, artifacts: &Artifacts, outputs: Vec<ModelOutput>) -> Result<Made, PipelineError> {
        Ok(self.made(artifacts, &outputs.iter().map(text).collect::<Vec<_>>()))
    }

    fn encode_output(&self, output: &ModelOutput) -> Result<String, PipelineError> {
        Ok(json!(text(output)).to_string())
    }

    fn decode_output(&self, body: &str) -> Result<ModelOutput, PipelineError> {
        Ok(Box::new(serde_json::from_str::<String>(body).unwrap()))
    }
}
