//! The hidden `worker`: runs the stages for the coordinator, over the scheduler's protocol.

use scheduler::worker::sim::{self, SimSettings};
use scheduler::worker::{self, SlotSettings, WorkerSettings};
use serde::de::DeserializeOwned;
use stage_core::{ErrorClass, Runners, StageError, StageName, Tool};

use crate::args::WorkerArgs;
use crate::exit::{Exit, Failure};
use crate::settings::Settings;
use crate::stages::{self, Context};

pub(crate) fn worker(args: &WorkerArgs) -> Result<Exit, Failure> {
    let served = if args.sim { worker::serve(tool(), simulated) } else { worker::serve(tool(), build) };
    served.map_err(|error| Failure::new(Exit::Failed, error))?;
    Ok(Exit::Done)
}

/// Version, instruction set on this CPU, and libraries.
fn tool() -> Tool {
    let libraries = env!("EARWITNESS_LIBRARIES").split(',').filter_map(|library| library.split_once(' '));
    Tool {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        instruction_set: Some(kernels::Isa::detect().name().to_owned()),
        libraries: libraries.map(|(name, version)| (name.to_owned(), version.to_owned())).collect(),
    }
}

fn build(given: &WorkerSettings, slot: &SlotSettings) -> Result<Runners, StageError> {
    // The CPU kernels run in rayon's global pool: each worker gets a share of the cores.
    rayon::ThreadPoolBuilder::new()
        .num_threads(given.threads)
        .build_global()
        .map_err(|error| refused(format!("the threads cannot be started: {error}")))?;
    let settings: Settings = understood(given)?;
    let context = Context::of_worker(&settings, &slot.device).map_err(|error| refused(error.to_string()))?;
    context.stages().map_err(|error| refused(error.to_string()))
}

fn simulated(given: &WorkerSettings, slot: &SlotSettings) -> Result<Runners, StageError> {
    let settings: SimSettings = understood(given)?;
    let specs: Vec<_> = stages::specs().collect();
    sim::stages(settings, &slot.device, &specs).map_err(|error| refused(error.to_string()))
}

fn understood<T: DeserializeOwned>(given: &WorkerSettings) -> Result<T, StageError> {
    serde_json::from_value(given.settings.clone()).map_err(|error| refused(format!("invalid settings: {error}")))
}

fn refused(message: String) -> StageError {
    StageError::new(StageName::new("worker"), ErrorClass::BadInput, "worker-settings", message)
}
