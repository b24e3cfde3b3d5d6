//! The worker process: runs the stages for the coordinator, over the scheduler's protocol.

use std::process::ExitCode;

use scheduler::worker::sim::{self, SimSettings};
use scheduler::worker::{self, SlotSettings, WORKER_VARIABLE, WorkerSettings};
use serde::de::DeserializeOwned;
use stage_core::{ErrorClass, Runners, StageError, StageName, Tool};

use crate::exit::{Exit, Failure};
use crate::process;
use crate::settings::Settings;
use crate::stages::{self, Context};

/// The first argument of a worker. It is shown in lists of processes, and otherwise not read.
pub(crate) const NAME: &str = "worker";
/// The argument of a worker with simulated stages.
pub(crate) const SIMULATED: &str = "--sim";

/// Runs this process as a worker if a [`crate::Pipeline`] of the same executable started it as one, and returns its exit
/// code. Programs that use a pipeline call it first in `main`, because the workers are processes of their executable:
///
/// ```no_run
/// use std::process::ExitCode;
///
/// fn main() -> ExitCode {
///     if let Some(code) = earwitness::serve_if_worker() {
///         return code;
///     }
///     // The program.
///     ExitCode::SUCCESS
/// }
/// ```
#[must_use]
pub fn serve_if_worker() -> Option<ExitCode> {
    std::env::var_os(WORKER_VARIABLE)?;
    let simulate = std::env::args().any(|arg| arg == SIMULATED);
    Some(process::code(|| {
        let served = if simulate { worker::serve(tool(), simulated) } else { worker::serve(tool(), build) };
        served.map_err(|error| Failure::new(Exit::Failed, error))?;
        Ok(Exit::Done)
    }))
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
