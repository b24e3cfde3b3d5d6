//! From a configuration to devices and stages.

use std::path::Path;

use scheduler::devices::{self, DeviceRequest, Machine};
use scheduler::store::StoreUrl;
use stage_core::{DeviceId, Runners};
use transcribe::{Precision, open_model};

use crate::config::Config;
use crate::error::Error;
use crate::precision;
use crate::settings::{Settings, SettingsError};
use crate::stages::Context;

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
