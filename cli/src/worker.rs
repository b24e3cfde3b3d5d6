//! The worker process: runs the stages for the coordinator, over the scheduler's protocol.

use scheduler::worker::sim::{self, SimSettings};
use scheduler::worker::{self, SlotSettings, WORKER_VARIABLE, WorkerSettings};
use serde::de::DeserializeOwned;
use stage_core::{DeviceId, ErrorClass, ErrorCode, Origin, PipelineError, Runners, Tool};

use crate::error::Error;
use crate::exit::Exit;
use crate::process;
use crate::settings::Settings;
use crate::stages::{self, Context};

/// The first argument of a worker. It is shown in lists of processes, and otherwise not read.
pub(crate) const NAME: &str = "worker";
/// The argument of a worker with simulated stages.
pub(crate) const SIMULATED: &str = "--sim";

/// Serves as a worker and then ends the process, if a [`crate::Pipeline`] of the same executable started this process as
/// one; otherwise does nothing. Programs that use a pipeline call it first in `main`, because the workers are processes
/// of their executable.
pub fn serve_if_worker() {
    if std::env::var_os(WORKER_VARIABLE).is_none() {
        return;
    }
    let simulate = std::env::args_os().any(|arg| arg == SIMULATED);
    let exit = process::run(|| {
        let served = if simulate { worker::serve(tool(), simulated) } else { worker::serve(tool(), build) };
        served.map_err(Error::unexpected)?;
        Ok(Exit::Done)
    });
    std::process::exit(exit as i32)
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
    stages_of(&parsed(given)?, &slot.device)
}

fn stages_of(settings: &Settings, device: &DeviceId) -> Result<Runners, PipelineError> {
    Context::of_worker(settings, device).and_then(Context::stages).map_err(|error| {
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use scheduler::protocol::Slot;
    use serde_json::json;
    use transcribe::Precision;

    use scheduler::protocol::TaskTime;

    use super::*;
    use crate::config::Config;

    #[test]
    fn worker_without_its_model_refuses_with_the_code_and_the_causes_of_the_model() {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().to_str().unwrap();
        let mut config = Config::default();
        config.models.speech = model.to_owned();
        let settings = Settings::new(&config, Precision::F32).unwrap();
        let error = stages_of(&settings, &DeviceId::Cpu(0)).map(drop).unwrap_err();
        assert_eq!((error.origin, &error.code), (Origin::Worker, &ErrorCode::ModelUnreadable), "{error}");
        assert!(error.message.contains(model) && error.causes[0].contains("No such file"), "{error:?}");
    }

    #[test]
    fn worker_refuses_settings_that_it_cannot_read() {
        let slot = SlotSettings { slot: Slot::default(), device: DeviceId::Cpu(0), device_batch: 1 };
        let (slots, settings) = (vec![slot.clone()], json!("of another version"));
        let task_time = TaskTime::default();
        let given = WorkerSettings {
            slots,
            threads: 1,
            heartbeat_ms: 1000,
            task_time,
            faults: vec![],
            settings,
            models: BTreeMap::new(),
        };
        let error = simulated(&given, &slot).map(drop).unwrap_err();
        assert_eq!((error.origin, error.code), (Origin::Worker, ErrorCode::WorkerSettings));
        assert!(error.causes[0].contains("of another version"), "{:?}", error.causes);
    }
}
