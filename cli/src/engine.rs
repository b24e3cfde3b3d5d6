//! The part that `run` and `stage` share: from checked arguments to a finished run of the coordinator.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use scheduler::coordinator::{self, Event, GpuWatch, Outcome, Recompute, RunError, RunOptions, WorkerCommand};
use scheduler::devices::{self, DeviceRequest, Machine};
use scheduler::protocol::Fault;
use scheduler::store::{self, Access, Store, StoreUrl, command_line};
use scheduler::worker::sim::SimSettings;
use stage_core::{DeviceId, Recipe, StageName};
use transcribe::open_model;

use crate::args::EngineArgs;
use crate::config::{self, Config};
use crate::exit::{Exit, Failure};
use crate::inputs::{self, Inputs};
use crate::open_store;
use crate::plan::{self, Plan};
use crate::precision;
use crate::priorities::Priorities;
use crate::settings::Settings;
use crate::signals::SignalWatch;
use crate::stages::{self, Context};

const UNWRITABLE: &str = "the settings cannot be serialized";

/// A run that is checked and planned, but not started.
pub(crate) struct Engine {
    pub(crate) inputs: Inputs,
    pub(crate) store: Box<dyn Store>,
    pub(crate) plan: Plan,
    devices: Vec<DeviceId>,
    work: Work,
    config: Config,
    priorities: Vec<i32>,
    faults: Vec<Fault>,
    signals: SignalWatch,
}

/// The work of a run, as the workers receive it.
struct Work {
    worker_args: Vec<OsString>,
    settings: serde_json::Value,
}

impl Engine {
    /// Checks the arguments, opens the store in `folder`, and plans for every recording the stage `last` and the stages
    /// that it needs, or all stages.
    pub(crate) fn prepare(
        args: &EngineArgs,
        inputs: &[String],
        folder: &Path,
        last: Option<StageName>,
    ) -> Result<Self, Failure> {
        let request: DeviceRequest = args.devices.parse().map_err(Failure::usage)?;
        let config = Config::read(args.config.as_deref()).map_err(Failure::usage)?;
        let rules = Priorities::read(args.priority_rules.as_deref(), args.priority).map_err(Failure::usage)?;
        let faults = config::faults(args.bench.faults.as_deref()).map_err(Failure::usage)?;
        let mut settings = Settings::from_args(&args.stages).map_err(Failure::usage)?;
        let inputs = inputs::find(inputs).map_err(Failure::usage)?;
        let store_url = open_store::url(args.store.as_deref(), folder)?;
        let devices = resolve_devices(&request, args.num_gpus, args.bench.nvml.as_deref())?;
        let (recipe, work) = work(args, &mut settings, &devices[0], &store_url, last)?;

        let signals = SignalWatch::start().context("the signal handlers cannot be installed")?;
        fs::create_dir_all(folder).with_context(|| format!("{}: cannot be created", folder.display()))?;
        let mut store = store::open(&store_url, Access::Create).map_err(Failure::store)?;
        let plan = plan::plan(&inputs.files, &Arc::new(recipe), &mut *store).map_err(Failure::store)?;
        let priorities = plan.items.iter().map(|item| rules.of(&item.path, item.audio_s)).collect();
        Ok(Self { inputs, store, plan, devices, work, config, priorities, faults, signals })
    }

    /// Runs the stages that are not cached.
    pub(crate) fn run(
        &mut self,
        args: &EngineArgs,
        recompute: Recompute,
        observe: &mut dyn FnMut(Event, &mut dyn Store),
    ) -> Result<Outcome, Failure> {
        let options = RunOptions {
            devices: self.devices.clone(),
            workers_per_device: args.workers_per_device as u32,
            priority: args.priority,
            priorities: self.priorities.clone(),
            retry_quarantined: args.retry_quarantined,
            batch_items: args.worker_batch_size,
            device_batch: args.device_batch_size,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            worker: WorkerCommand {
                program: std::env::current_exe().context("the path of this program is unknown")?,
                args: self.work.worker_args.clone(),
            },
            settings: self.work.settings.clone(),
            recompute,
            command: command_line(),
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            timing: self.config.timing,
            faults: self.faults.clone(),
            gpus: Some(GpuWatch {
                limits: self.config.devices.clone(),
                library: args.bench.nvml.clone().map(Into::into),
            }),
        };
        coordinator::run(&self.plan.items, &mut *self.store, &options, self.signals.interrupt(), observe)
            .map_err(|error| Failure::new(exit_of(&error), error))
    }

    /// Whether the stages are simulated.
    pub(crate) fn is_simulated(&self) -> bool {
        self.devices.iter().any(DeviceId::is_sim)
    }

    /// The exit code of a run that ended or was interrupted.
    pub(crate) fn exit(&self, outcome: &Outcome, failed: usize) -> Exit {
        match (outcome.interrupted, failed) {
            (true, _) => self.signals.exit(),
            (false, 0) => Exit::Done,
            (false, _) => Exit::SomeFilesFailed,
        }
    }
}

/// The recipe of all artifacts, and the settings of the workers.
fn work(
    args: &EngineArgs,
    settings: &mut Settings,
    device: &DeviceId,
    store: &StoreUrl,
    last: Option<StageName>,
) -> Result<(Recipe, Work), Failure> {
    if device.is_sim() {
        let sim: SimSettings = match &args.bench.sim {
            Some(path) => config::parse(path).map_err(Failure::usage)?,
            None => SimSettings::default(),
        };
        let settings = serde_json::to_value(&sim).context(UNWRITABLE)?;
        let recipe = stages::simulated(&settings, last).map_err(Failure::usage)?;
        return Ok((recipe, Work { worker_args: vec!["worker".into(), "--sim".into()], settings }));
    }
    let model = open_model(&settings.model).map_err(Failure::usage)?;
    let model_sha256 = model.sha256().map_err(Failure::usage)?;
    let stored = precision::stored(store, model_sha256).map_err(Failure::store)?;
    settings.transcribe.precision = args.precision.resolve(stored, &settings.model, device).map_err(Failure::usage)?;
    let context = Context::new(settings, device, model, true).map_err(Failure::usage)?;
    let stages = context.stages().map_err(Failure::usage)?;
    let recipe = stages::recipe(&stages, last).map_err(Failure::usage)?;
    Ok((
        recipe,
        Work { worker_args: vec!["worker".into()], settings: serde_json::to_value(settings).context(UNWRITABLE)? },
    ))
}

/// The recipe of a run of all stages, as [`Engine::prepare`] would use it.
pub(crate) fn recipe(
    args: &EngineArgs,
    settings: &mut Settings,
    device: &DeviceId,
    store: &StoreUrl,
) -> Result<Recipe, Failure> {
    work(args, settings, device, store, None).map(|(recipe, _)| recipe)
}

pub(crate) fn resolve_devices(
    request: &DeviceRequest,
    num_gpus: Option<usize>,
    nvml: Option<&Path>,
) -> Result<Vec<DeviceId>, Failure> {
    let machine = Machine {
        cuda_build: cfg!(feature = "cuda"),
        visible: std::env::var("CUDA_VISIBLE_DEVICES").ok(),
        gpu_uuids: devices::probe_gpus(nvml.map(Path::as_os_str)).uuids(),
    };
    devices::resolve(request, num_gpus, &machine).map_err(Failure::usage)
}

const fn exit_of(error: &RunError) -> Exit {
    match error {
        RunError::Store(_) => Exit::Store,
        RunError::NoDevices | RunError::WorkersRefused { .. } | RunError::WorkersLost { .. } => Exit::NoDevice,
        _ => Exit::Failed,
    }
}
