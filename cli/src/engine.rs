//! What `run` and `stage` share: from checked arguments to a finished run of the coordinator.

use std::fs;
use std::path::Path;

use anyhow::Context;
use scheduler::coordinator::{self, Event, Outcome, Recompute, RunError, RunOptions, Timing, WorkerCommand};
use scheduler::devices::{self, DeviceRequest, Machine};
use scheduler::store::{SqliteStore, Store};
use stage_core::{DeviceId, StageKind};

use crate::args::EngineArgs;
use crate::exit::{Exit, Failure};
use crate::inputs::{self, Inputs};
use crate::open_store;
use crate::plan::{self, Plan};
use crate::settings::Settings;
use crate::signals::Watch;
use crate::stages::Stages;

/// Everything that can be wrong was checked; nothing was run yet.
pub(crate) struct Engine {
    pub(crate) inputs: Inputs,
    pub(crate) store: SqliteStore,
    pub(crate) plan: Plan,
    devices: Vec<DeviceId>,
    settings: serde_json::Value,
    watch: Watch,
}

impl Engine {
    /// Checks arguments, opens the store in `folder` and plans the stages up to `last` for every recording.
    pub(crate) fn prepare(
        args: &EngineArgs,
        inputs: &[String],
        folder: &Path,
        last: StageKind,
    ) -> Result<Self, Failure> {
        let request: DeviceRequest = args.devices.parse().map_err(Failure::usage)?;
        let settings = Settings::from_args(args).map_err(Failure::usage)?;
        let inputs = inputs::find(inputs).map_err(Failure::usage)?;
        let store_path = open_store::path(args.store.as_deref(), folder)?;
        let devices = resolve_devices(&request, args.num_gpus)?;
        let stages = Stages::build(&settings, &devices[0]).map_err(Failure::usage)?;
        let identities = stages.identities().map_err(Failure::usage)?;

        let watch = Watch::start().context("signals cannot be caught")?;
        fs::create_dir_all(folder).with_context(|| format!("{}: cannot be made", folder.display()))?;
        let mut store = SqliteStore::open(&store_path).map_err(Failure::store)?;
        let plan = plan::plan(&inputs.files, &identities, last, &mut store).map_err(Failure::store)?;
        let settings = serde_json::to_value(&settings).context("the settings cannot be written")?;
        Ok(Self { inputs, store, plan, devices, settings, watch })
    }

    /// Runs what is not on record.
    pub(crate) fn run(
        &mut self,
        args: &EngineArgs,
        recompute: Recompute,
        observe: &mut dyn FnMut(Event, &mut dyn Store),
    ) -> Result<Outcome, Failure> {
        let options = RunOptions {
            devices: self.devices.clone(),
            batch_items: args.worker_batch_size,
            device_batch: args.device_batch_size,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            worker: WorkerCommand {
                program: std::env::current_exe().context("this program's own path is unknown")?,
                args: vec!["worker".into()],
            },
            settings: self.settings.clone(),
            recompute,
            command: std::env::args().collect::<Vec<_>>().join(" "),
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            timing: Timing::default(),
        };
        coordinator::run(&self.plan.items, &mut self.store, &options, self.watch.interrupt(), observe)
            .map_err(|error| Failure::new(exit_of(&error), error))
    }

    /// The exit code of a run that came to its end or was interrupted.
    pub(crate) fn exit(&self, outcome: &Outcome, failed: usize) -> Exit {
        match (outcome.interrupted, failed) {
            (true, _) => self.watch.exit(),
            (false, 0) => Exit::Done,
            (false, _) => Exit::SomeFilesFailed,
        }
    }
}

fn resolve_devices(request: &DeviceRequest, num_gpus: Option<usize>) -> Result<Vec<DeviceId>, Failure> {
    let machine = Machine {
        cuda_build: cfg!(feature = "cuda"),
        visible: std::env::var("CUDA_VISIBLE_DEVICES").ok(),
        gpu_uuids: devices::probe_gpus(None).uuids(),
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
