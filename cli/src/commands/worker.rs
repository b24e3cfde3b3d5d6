//! The hidden `worker`: runs the stages for the coordinator, over the scheduler's protocol.

use scheduler::worker::sim::{self, SimSettings};
use scheduler::worker::{self, SlotSettings, WorkerSettings};
use serde::de::DeserializeOwned;
use stage_core::{ErrorClass, ErrorCode, Origin, PipelineError, Runners, Tool};

use crate::args::WorkerArgs;
use crate::error::Error;
use crate::exit::Exit;
use crate::settings::Settings;
use crate::stages::{self, Context};

pub(crate) fn worker(args: &WorkerArgs) -> Result<Exit, Error> {
    let served = if args.sim { worker::serve(tool(), simulated) } else { worker::serve(tool(), build) };
    served.map_err(Error::unexpected)?;
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

fn build(given: &WorkerSettings, slot: &SlotSettings) -> Result<Runners, PipelineError> {
    // The CPU kernels run in rayon's global pool: each worker gets a share of the cores.
    rayon::ThreadPoolBuilder::new().num_threads(given.threads).build_global().map_err(|error| {
        let message = "the threads cannot be started";
        PipelineError::new(Origin::Worker, ErrorClass::Transient, ErrorCode::WorkerThreads, message).caused_by(&error)
    })?;
    let settings: Settings = parsed(given)?;
    let stages = Context::of_worker(&settings, &slot.device).and_then(Context::stages);
    stages.map_err(|error| {
        let (class, code) = error.class_and_code();
        PipelineError::of(Origin::Worker, class, code, &error)
    })
}

fn simulated(given: &WorkerSettings, slot: &SlotSettings) -> Result<Runners, PipelineError> {
    let settings: SimSettings = parsed(given)?;
    let specs: Vec<_> = stages::specs().collect();
    sim::stages(settings, &slot.device, &specs)
        .map_err(|error| PipelineError::of(Origin::Worker, ErrorClass::Bug, ErrorCode::InvalidStages, &error))
}

fn parsed<T: DeserializeOwned>(given: &WorkerSettings) -> Result<T, PipelineError> {
    serde_json::from_value(given.settings.clone()).map_err(|error| {
        let message = "the settings cannot be read";
        PipelineError::new(Origin::Worker, ErrorClass::BadInput, ErrorCode::WorkerSettings, message).caused_by(&error)
    })
}
