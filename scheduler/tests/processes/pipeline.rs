//! A pipeline whose recordings need not exist: a recording's name says what goes wrong with it.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::exit;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::process::{Signal, getpid, kill_process};
use scheduler::worker::{Artifact, ItemJob, Pipeline, WorkerSettings, serve};
use serde::{Deserialize, Serialize};
use serde_json::json;
use stage_core::{DeviceId, ErrorClass, Flow, StageError, StageKind, Tool};

/// The worker's settings.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Settings {
    /// For marks of what happened once, and for the log of what ran.
    pub(crate) folder: PathBuf,
    /// How long a CPU stage takes.
    pub(crate) cpu_ms: u64,
    /// How long the device takes for a group of inputs.
    pub(crate) device_ms: u64,
    /// Build no pipeline.
    pub(crate) refuse: bool,
    /// The health probe fails on this device.
    pub(crate) sick: Option<DeviceId>,
}

/// Units of a recording, but for those of follow-ups.
pub(crate) const PREPARED: usize = 5;

/// One thing that a worker did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) what: String,
    pub(crate) pid: u32,
    pub(crate) start_ms: u64,
    pub(crate) end_ms: u64,
}

pub(crate) struct Fake {
    settings: Settings,
    device: DeviceId,
}

pub(crate) struct Item {
    name: String,
    have: Vec<StageKind>,
}

pub(crate) fn worker_main(args: &[String]) {
    if let Some(mark) = args.first().filter(|mark| first_time(Path::new(mark))) {
        println!("{mark}: this is not a message");
    }
    let end = serve(Tool::of_version("0.0.1-test"), |settings: &WorkerSettings| {
        let device = settings.device.clone();
        let settings: Settings = serde_json::from_value(settings.settings.clone()).unwrap();
        if settings.refuse {
            return Err(error(StageKind::Transcribe, ErrorClass::BadInput, "model-missing"));
        }
        println!("a library that prints to stdout");
        let fake = Fake { settings, device };
        for name in ["CUDA_VISIBLE_DEVICES", "PATH"] {
            fake.log(name, &std::env::var(name).unwrap_or_default(), || ());
        }
        Ok(fake)
    });
    exit(i32::from(end.is_err()));
}

fn error(stage: StageKind, class: ErrorClass, code: &str) -> StageError {
    StageError::new(stage, class, code, "as its name says")
}

/// Whether the mark was not there; it is now.
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

    /// What the recording's name says.
    fn misbehave(&self, name: &str, stage: StageKind) -> Result<(), StageError> {
        if stage != StageKind::Segment {
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

    /// What the inputs' names say.
    fn misbehave_on_device(&self, inputs: &[Arc<String>], stage: StageKind) -> Result<(), StageError> {
        for unit in inputs {
            if **unit == "poison/3" {
                return Err(error(stage, ErrorClass::Bug, "poison"));
            }
            if unit.starts_with("follow-crash/6") && self.times("follow-crash", 1) {
                // What was answered before has time to reach the record.
                sleep(Duration::from_millis(200));
                exit(3);
            }
        }
        Ok(())
    }

    fn artifact(stage: StageKind, item: &Item, outputs: &[String]) -> Artifact {
        Artifact { body: json!({"stage": stage, "of": item.name, "outputs": outputs}).to_string() }
    }
}

impl Pipeline for Fake {
    type Item = Item;
    type Unit = String;
    type Answer = String;

    fn open(&self, job: &ItemJob) -> Result<Item, StageError> {
        let name = job.path.file_stem().unwrap().to_string_lossy().into_owned();
        Ok(Item { name, have: job.have.iter().map(|recorded| recorded.stage).collect() })
    }

    fn run(&self, item: &Item, stage: StageKind) -> Result<Artifact, StageError> {
        let what = format!("{stage} having {:?}", item.have);
        self.log(&item.name, &what, || sleep(Duration::from_millis(self.settings.cpu_ms)));
        self.misbehave(&item.name, stage)?;
        Ok(Self::artifact(stage, item, &[]))
    }

    fn prepare(
        &self,
        item: &Item,
        _: StageKind,
        is_answered: &dyn Fn(usize) -> bool,
        emit: &mut dyn FnMut(usize, String) -> bool,
    ) -> Result<usize, StageError> {
        // A recording of silence has no unit.
        let inputs = if item.name == "silence" { 0 } else { PREPARED };
        for unit in (0..inputs).filter(|unit| !is_answered(*unit)) {
            if !emit(unit, format!("{}/{unit}", item.name)) {
                break;
            }
        }
        Ok(inputs)
    }

    fn unit_audio_s(&self, _: &Item, _: StageKind, index: usize) -> f64 {
        if index < PREPARED { 0.2 } else { f64::INFINITY }
    }

    fn canary(&self) -> Result<(), StageError> {
        self.log("", "probe", || ());
        if self.settings.sick.as_ref() == Some(&self.device) {
            return Err(error(StageKind::Transcribe, ErrorClass::Device, "sick"));
        }
        Ok(())
    }

    fn load_device(&self) -> Result<(), StageError> {
        self.log("", "load", || ());
        Ok(())
    }

    fn infer(&self, stage: StageKind, flow: &mut dyn Flow<String, String>) -> Result<(), StageError> {
        loop {
            let (keys, inputs): (Vec<_>, Vec<_>) = std::iter::from_fn(|| flow.draw()).unzip();
            if keys.is_empty() {
                return Ok(());
            }
            self.misbehave_on_device(&inputs, stage)?;
            let names: Vec<_> = inputs.iter().map(|unit| unit.as_str()).collect();
            self.log(&names.join(" "), "infer", || sleep(Duration::from_millis(self.settings.device_ms)));
            keys.into_iter().zip(inputs).for_each(|(key, unit)| flow.answer(key, unit.to_uppercase()));
        }
    }

    /// Recordings called `follow-…`: two inputs that the prepared ones lead to, and one that those lead to.
    fn follow_up(
        &self,
        item: &Item,
        _: StageKind,
        outputs: &[String],
        emit: &mut dyn FnMut(usize, String) -> bool,
    ) -> Result<usize, StageError> {
        let more = match outputs.len() {
            PREPARED if item.name.starts_with("follow-") => 2,
            7 => 1,
            _ => 0,
        };
        for index in outputs.len()..outputs.len() + more {
            emit(index, format!("{}/{index}<{}", item.name, outputs[outputs.len() - 1]));
        }
        Ok(more)
    }

    fn finish(&self, item: &Item, stage: StageKind, outputs: Vec<String>) -> Result<Artifact, StageError> {
        Ok(Self::artifact(stage, item, &outputs))
    }
}
