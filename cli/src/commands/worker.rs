//! The hidden `worker`: serves the stages over the scheduler's protocol.

use scheduler::worker::sim::{SimPipeline, SimSettings};
use scheduler::worker::{self, WorkerSettings};
use serde::de::DeserializeOwned;
use stage_core::{ErrorClass, StageError, StageKind, Tool};

use crate::args::WorkerArgs;
use crate::exit::{Exit, Failure};
use crate::settings::Settings;
use crate::stages::Stages;

pub(crate) fn worker(args: &WorkerArgs) -> Result<Exit, Failure> {
    let served = if args.sim { worker::serve(tool(), simulated) } else { worker::serve(tool(), build) };
    served.map_err(|error| Failure::new(Exit::Failed, error))?;
    Ok(Exit::Done)
}

/// This program, its instruction set on this CPU and its libraries.
fn tool() -> Tool {
    let libraries = env!("EARWITNESS_LIBRARIES").split(',').filter_map(|library| library.split_once(' '));
    Tool {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        instruction_set: Some(kernels::Isa::detect().name().to_owned()),
        libraries: libraries.map(|(name, version)| (name.to_owned(), version.to_owned())).collect(),
    }
}

fn build(given: &WorkerSettings) -> Result<Stages, StageError> {
    // The kernels of the CPU device run on rayon's global pool: a share of the cores for each worker.
    rayon::ThreadPoolBuilder::new()
        .num_threads(given.threads)
        .build_global()
        .map_err(|error| refused(format!("the threads cannot be started: {error}")))?;
    let settings: Settings = understood(given)?;
    Stages::build(&settings, &given.device).map_err(|error| refused(error.to_string()))
}

fn simulated(given: &WorkerSettings) -> Result<SimPipeline, StageError> {
    let settings: SimSettings = understood(given)?;
    Ok(SimPipeline::new(settings, &given.device))
}

fn understood<T: DeserializeOwned>(given: &WorkerSettings) -> Result<T, StageError> {
    serde_json::from_value(given.settings.clone()).map_err(|error| refused(format!("invalid settings: {error}")))
}

fn refused(message: String) -> StageError {
    StageError::new(StageKind::Decode, ErrorClass::BadInput, "worker-settings", message)
}
