//! The hidden `worker`: the stages behind the scheduler's protocol.

use scheduler::worker::{self, WorkerSettings};
use stage_core::{ErrorClass, StageError, StageKind};

use crate::exit::{Exit, Failure};
use crate::settings::Settings;
use crate::stages::Stages;

pub(crate) fn worker() -> Result<Exit, Failure> {
    worker::serve(env!("CARGO_PKG_VERSION"), build).map_err(|error| Failure::new(Exit::Failed, error))?;
    Ok(Exit::Done)
}

fn build(given: &WorkerSettings) -> Result<Stages, StageError> {
    let refused =
        |message: String| StageError::new(StageKind::Decode, ErrorClass::BadInput, "worker-settings", message);
    // The kernels of the CPU device run on rayon's global pool: a share of the cores for each worker.
    rayon::ThreadPoolBuilder::new()
        .num_threads(given.threads)
        .build_global()
        .map_err(|error| refused(format!("the threads cannot be started: {error}")))?;
    let settings: Settings =
        serde_json::from_value(given.settings.clone()).map_err(|error| refused(format!("not understood: {error}")))?;
    Stages::build(&settings, &given.device).map_err(|error| refused(error.to_string()))
}
