//! A run over recordings: from inputs and settings to stored artifacts and result files.
//!
//! ```text
//! Pipeline -> plan (inputs, devices, models, store) -> PlannedRun -> run (worker processes) -> Summary
//! ```

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use scheduler::coordinator::{
    self, Event, GpuWatch, Interrupt, ItemEnd, Outcome, Recompute, RunError, RunOptions, WorkerCommand,
};
use scheduler::devices::{self, DeviceRequest, Machine};
use scheduler::protocol::Fault;
use scheduler::store::{self, Access, Failure, RecordingEntry, Store, StoreUrl, command_line};
use scheduler::worker::WORKER_VARIABLE;
use scheduler::worker::sim::SimSettings;
use stage_core::{DeviceId, PipelineError, Recipe, Runners, StageName};
use transcribe::{ModelSource, Precision, open_model};

use crate::config::{Config, Priorities};
use crate::error::{Error, ErrorContext, ErrorKind};
use crate::export::{Document, ExportError, Formats, read_document, write_document};
use crate::inputs::{self, Inputs};
use crate::open_store;
use crate::plan::{self, Plan};
use crate::precision;
use crate::settings::{Settings, SettingsError};
use crate::stages::{self, Context};
use crate::worker;

const UNWRITABLE: &str = "the settings cannot be serialized";

/// Runs the stages over recordings, in worker processes of this program.
///
/// A library program calls [`crate::serve_if_worker`] first in its `main`, because its workers are processes of the same
/// executable.
///
/// # Examples
/// ```no_run
/// use earwitness::{Config, Pipeline};
///
/// let mut config = Config::default();
/// config.transcribe.languages = vec!["ko".to_owned()];
/// let summary = Pipeline::new(config, "case-17").run(&["calls/"], &mut ())?;
/// assert_eq!(summary.failed(), 0);
/// # Ok::<(), earwitness::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Pipeline {
    config: Config,
    folder: PathBuf,
    store: StoreUrl,
    last: Option<StageName>,
    recompute: Recompute,
    retry_quarantined: bool,
    formats: Formats,
    interrupt: Interrupt,
    pub(crate) tests: TestOptions,
}

/// Options for tests and measurements only.
#[derive(Debug, Clone, Default)]
pub(crate) struct TestOptions {
    /// Service times of simulated devices.
    pub(crate) sim: SimSettings,
    pub(crate) faults: Vec<Fault>,
    /// The NVML library to use instead of the driver's.
    pub(crate) nvml: Option<PathBuf>,
}

/// A run whose inputs, settings and models are checked, before it starts.
pub struct PlannedRun {
    pipeline: Pipeline,
    inputs: Inputs,
    store: Box<dyn Store>,
    plan: Plan,
    devices: Vec<DeviceId>,
    work: Work,
}

/// What the workers do.
struct Work {
    /// Their arguments.
    args: Vec<OsString>,
    /// Their settings as JSON.
    settings: serde_json::Value,
    /// The speech model, unless the stages are simulated.
    model: Option<ModelSource>,
}

/// Is told what happens in a run. Every method returns quickly: the run waits for it. `()` ignores everything.
///
/// `index` is the index of a recording in [`PlannedRun::recordings`].
pub trait Observer {
    /// An event. [`Event::ItemDone`] comes after the result files are written; if they cannot be written, it is replaced
    /// by [`Observer::not_exported`].
    fn event(&mut self, _event: &Event) {}

    /// The result files of a recording are written.
    fn exported(&mut self, _index: usize, _document: &Document) {}

    /// All artifacts of a recording are stored, but its result files cannot be written.
    fn not_exported(&mut self, _index: usize, _error: &PipelineError) {}
}

impl Observer for () {}

/// How a run ended.
#[derive(Debug)]
pub struct Summary {
    /// What the coordinator reports; its items are those of [`PlannedRun::recordings`], in the same order.
    pub outcome: Outcome,
    /// Recordings whose result files could not be written, by index.
    pub not_exported: BTreeMap<usize, PipelineError>,
    /// Inputs that could not be read, and are not among the recordings.
    pub unreadable: Vec<Failure>,
}

impl Pipeline {
    /// A pipeline whose results and store are in `folder`, with all stages and the formats of the configuration.
    #[must_use]
    pub fn new(config: Config, folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        Self {
            config,
            store: open_store::in_folder(&folder),
            folder,
            last: None,
            recompute: Recompute::Nothing,
            retry_quarantined: false,
            formats: Formats::built_in(),
            interrupt: Interrupt::default(),
            tests: TestOptions::default(),
        }
    }

    /// Uses another store than `earwitness.db` in the folder.
    #[must_use]
    pub fn store(self, store: StoreUrl) -> Self {
        Self { store, ..self }
    }

    /// Runs only `last` and the stages that it needs. No result files are written.
    #[must_use]
    pub fn upto(self, last: StageName) -> Self {
        Self { last: Some(last), ..self }
    }

    /// Computes stages again whose artifacts are stored.
    #[must_use]
    pub fn recompute(self, recompute: Recompute) -> Self {
        Self { recompute, ..self }
    }

    /// Tries recordings again that were quarantined because they killed workers.
    #[must_use]
    pub fn retry_quarantined(self, retry: bool) -> Self {
        Self { retry_quarantined: retry, ..self }
    }

    /// The formats from which `run.formats` of the configuration selects: the built-in ones and others.
    #[must_use]
    pub fn formats(self, formats: Formats) -> Self {
        Self { formats, ..self }
    }

    /// Stops the run when this interrupt is requested, for example by a signal.
    #[must_use]
    pub fn interrupt(self, interrupt: Interrupt) -> Self {
        Self { interrupt, ..self }
    }

    /// Plans a run and runs it. Inputs are files, folders (searched recursively) or globs.
    ///
    /// # Errors
    /// See [`Pipeline::plan`] and [`PlannedRun::run`].
    pub fn run(self, inputs: &[impl AsRef<str>], observer: &mut dyn Observer) -> Result<Summary, Error> {
        self.plan(inputs)?.run(observer)
    }

    /// Checks everything before any recording is processed: inputs, settings, lexicons, devices, and every value of the
    /// models. Creates the folder and the store, and hashes the recordings that the store does not know.
    ///
    /// # Errors
    /// An input does not exist, a setting is invalid or does not apply to the model, a file is unreadable, the device
    /// does not exist, or the store cannot be used.
    pub fn plan(self, inputs: &[impl AsRef<str>]) -> Result<PlannedRun, Error> {
        if std::env::var_os(WORKER_VARIABLE).is_some() {
            return Err(Error::usage(
                "a worker process started a run: call earwitness::serve_if_worker first in `main`",
            ));
        }
        self.config.validate().map_err(Error::usage)?;
        let formats = &self.config.run.formats;
        let formats = self.formats.select(formats.iter().map(String::as_str)).map_err(Error::usage)?;
        let inputs = inputs::find(inputs).map_err(Error::usage)?;
        let devices = resolve_devices(&self.config.run.devices, self.config.run.num_gpus, self.tests.nvml.as_deref())?;
        let (recipe, work) = self.work(&devices[0])?;
        fs::create_dir_all(&self.folder).context(format!("{}: cannot be created", self.folder.display()))?;
        let mut store = store::open(&self.store, Access::Create).map_err(Error::store)?;
        let plan = plan::plan(&inputs.files, &Arc::new(recipe), &mut *store).map_err(Error::store)?;
        Ok(PlannedRun { pipeline: Self { formats, ..self }, inputs, store, plan, devices, work })
    }

    /// The recipe of all artifacts, and what the workers do.
    fn work(&self, device: &DeviceId) -> Result<(Recipe, Work), Error> {
        if device.is_sim() {
            let settings = serde_json::to_value(&self.tests.sim).context(UNWRITABLE)?;
            let recipe = stages::simulated(&settings, self.last).map_err(Error::usage)?;
            let args = vec![worker::NAME.into(), worker::SIMULATED.into()];
            return Ok((recipe, Work { args, settings, model: None }));
        }
        let (settings, stages) = build(&self.config, device, Some(&self.store), true)?;
        let recipe = stages::recipe(&stages, self.last).map_err(Error::usage)?;
        let (args, model) = (vec![worker::NAME.into()], Some(settings.model.clone()));
        Ok((recipe, Work { args, settings: serde_json::to_value(settings).context(UNWRITABLE)?, model }))
    }
}

impl PlannedRun {
    /// The recordings, by path.
    #[must_use]
    pub fn recordings(&self) -> &[RecordingEntry] {
        &self.plan.items
    }

    /// Inputs that could not be read.
    #[must_use]
    pub fn unreadable(&self) -> &[Failure] {
        &self.plan.unreadable
    }

    /// Files in searched folders that were skipped because their names are not those of audio files.
    #[must_use]
    pub fn skipped(&self) -> &[PathBuf] {
        &self.inputs.skipped
    }

    /// The store, with everything that earlier runs have stored.
    #[must_use]
    pub fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// The selected formats.
    #[must_use]
    pub fn formats(&self) -> &Formats {
        &self.pipeline.formats
    }

    /// The speech model, unless the stages are simulated.
    #[must_use]
    pub fn speech_model(&self) -> Option<&ModelSource> {
        self.work.model.as_ref()
    }

    /// Whether the stages are simulated, so that there are no results.
    #[must_use]
    pub fn is_simulated(&self) -> bool {
        self.devices.iter().any(DeviceId::is_sim)
    }

    /// Computes the artifacts that are not stored, and writes the result files of each recording as soon as it is
    /// complete. A failed recording does not end the run; see [`Summary::outcome`].
    ///
    /// Call this on a thread that outlives the run, such as the main thread: the system kills the workers when the
    /// calling thread ends.
    ///
    /// # Errors
    /// The store failed, or no device is left to work on. Committed artifacts stay, and the next run resumes from them.
    pub fn run(&mut self, observer: &mut dyn Observer) -> Result<Summary, Error> {
        let options = self.options()?;
        let exports = self.pipeline.last.is_none() && !self.is_simulated();
        let (items, mut not_exported) = (&self.plan.items, BTreeMap::new());
        let mut observe = |event: Event, store: &mut dyn Store| {
            if let (Event::ItemDone { index }, true) = (&event, exports) {
                match export(&self.pipeline, &items[*index], store) {
                    Ok(document) => observer.exported(*index, &document),
                    Err(error) => {
                        let error = PipelineError::from(error);
                        observer.not_exported(*index, &error);
                        not_exported.insert(*index, error);
                        return;
                    }
                }
            }
            observer.event(&event);
        };
        let outcome = coordinator::run(items, &mut *self.store, &options, &self.pipeline.interrupt, &mut observe)?;
        let of = |(index, error): (&usize, &PipelineError)| Failure {
            path: items[*index].path.clone(),
            error: error.clone(),
        };
        let failures: Vec<_> = not_exported.iter().map(of).chain(self.plan.unreadable.iter().cloned()).collect();
        self.store.record_failures(outcome.run, &failures).map_err(Error::store)?;
        Ok(Summary { outcome, not_exported, unreadable: self.plan.unreadable.clone() })
    }

    fn options(&self) -> Result<RunOptions, Error> {
        let Pipeline { config, tests, recompute, retry_quarantined, .. } = &self.pipeline;
        let rules = Priorities::new(config).map_err(Error::usage)?;
        Ok(RunOptions {
            devices: self.devices.clone(),
            workers_per_device: config.run.workers_per_device.get() as u32,
            priority: config.run.default_priority,
            priorities: self.plan.items.iter().map(|item| rules.of(&item.path, item.audio_s)).collect(),
            retry_quarantined: *retry_quarantined,
            batch_items: config.limits.worker_batch_size.get(),
            device_batch: config.limits.device_batch_size.get(),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            worker: WorkerCommand {
                program: std::env::current_exe().context("the path of this program is unknown")?,
                args: self.work.args.clone(),
            },
            settings: self.work.settings.clone(),
            recompute: *recompute,
            command: command_line(),
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            timing: config.timing,
            faults: tests.faults.clone(),
            gpus: Some(GpuWatch { limits: config.devices.clone(), library: tests.nvml.clone().map(Into::into) }),
        })
    }
}

impl Summary {
    /// Whether the results of a recording are complete.
    #[must_use]
    pub fn is_done(&self, index: usize) -> bool {
        self.outcome.items.get(index) == Some(&ItemEnd::Done) && !self.not_exported.contains_key(&index)
    }

    /// Number of recordings whose results are complete.
    #[must_use]
    pub fn done(&self) -> usize {
        (0..self.outcome.items.len()).filter(|index| self.is_done(*index)).count()
    }

    /// Length of the recordings whose results are complete, in seconds.
    #[must_use]
    pub fn audio_s(&self, recordings: &[RecordingEntry]) -> f64 {
        recordings.iter().enumerate().filter(|(index, _)| self.is_done(*index)).map(|(_, of)| of.audio_s).sum()
    }

    /// Number of inputs that failed: unreadable files, failed recordings, and results that could not be written.
    #[must_use]
    pub fn failed(&self) -> usize {
        let failed = self.outcome.items.iter().filter(|end| matches!(end, ItemEnd::Failed(_))).count();
        failed + self.not_exported.len() + self.unreadable.len()
    }

    /// Number of recordings that were not completed before the run was interrupted.
    #[must_use]
    pub fn unfinished(&self) -> usize {
        self.outcome.items.iter().filter(|end| matches!(end, ItemEnd::Unfinished)).count()
    }
}

/// Writes the result files of a recording and stores their hashes.
fn export(pipeline: &Pipeline, entry: &RecordingEntry, store: &mut dyn Store) -> Result<Document, ExportError> {
    let document = read_document(store, entry)?;
    store.put_exports(&write_document(&document, &pipeline.folder, entry, &pipeline.formats)?)?;
    Ok(document)
}

/// The settings of the workers, and the stages that they configure. The precision is that of the case in `store`, unless
/// the configuration names one. With `check_models`, every value of the models is read.
///
/// # Errors
/// A setting is invalid or does not apply to the model, or a file that it names cannot be used.
pub(crate) fn build(
    config: &Config,
    device: &DeviceId,
    store: Option<&StoreUrl>,
    check_models: bool,
) -> Result<(Settings, Runners), Error> {
    let source = config.models.speech_source().map_err(SettingsError::Model).map_err(Error::usage)?;
    // Checks the other settings before the model is hashed.
    let settings = Settings::new(config, Precision::default()).map_err(Error::usage)?;
    let model = open_model(&source).map_err(Error::usage)?;
    let model_sha256 = model.sha256().map_err(Error::usage)?;
    let stored = store.map(|store| precision::stored(store, model_sha256)).transpose().map_err(Error::store)?;
    let precision = config.models.precision.resolve(stored.flatten(), &source, device).map_err(Error::usage)?;
    let settings = Settings { precision, ..settings };
    let context = Context::new(&settings, device, model, check_models).map_err(Error::usage)?;
    let stages = context.stages().map_err(Error::usage)?;
    Ok((settings, stages))
}

/// The devices of this machine that a request names.
pub(crate) fn resolve_devices(
    request: &DeviceRequest,
    num_gpus: Option<usize>,
    nvml: Option<&Path>,
) -> Result<Vec<DeviceId>, Error> {
    let machine = Machine {
        cuda_build: cfg!(feature = "cuda"),
        visible: std::env::var("CUDA_VISIBLE_DEVICES").ok(),
        gpu_uuids: devices::probe_gpus(nvml.map(Path::as_os_str)).uuids(),
    };
    devices::resolve(request, num_gpus, &machine).map_err(Error::usage)
}

impl From<RunError> for Error {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Store(error) => Self::store(error),
            RunError::NoDevices | RunError::WorkersRefused { .. } | RunError::WorkersLost { .. } => {
                Self::new(ErrorKind::NoDevice, error)
            }
            _ => Self::unexpected(error),
        }
    }
}
