//! Loads what transcribes, once.

use decode::Decoder;
use scheduler::devices::DeviceRequest;
use stage_core::DeviceId;
use transcribe::{Precision, open_model};

use super::lane::WindowLane;
use super::request::Shared;
use super::transcription::Resident;
use crate::config::Config;
use crate::error::{Error, ErrorContext};
use crate::pipeline::resolve_devices;
use crate::settings::{Settings, SettingsError};
use crate::stages::Context;

/// A server computes on one device.
#[derive(Debug, thiserror::Error)]
enum DeviceError {
    #[error("--devices {0}: a simulated device transcribes nothing; use cpu or cuda:0")]
    Simulated(String),
    #[error("--devices {0}: a server computes on one device: start one server for each, with CUDA_VISIBLE_DEVICES")]
    Several(String),
}

/// Checks and loads the models of a configuration.
///
/// # Errors
/// A setting is invalid or does not apply to the model, a file that it names cannot be used, or the device cannot be used.
pub(crate) fn transcriber(config: &Config, devices: &DeviceRequest) -> Result<Resident, Error> {
    let device = device(devices)?;
    let source = config.models.speech_source().map_err(SettingsError::Model).map_err(Error::usage)?;
    let precision = config.models.precision.resolve(None, &source, &device).map_err(Error::usage)?;
    let settings = Settings::new(config, Precision::default()).map_err(Error::usage)?;
    let settings = Settings { precision, ..settings };
    let model = open_model(&source).map_err(Error::usage)?;
    let mut context = Context::new(&settings, &device, model, true).map_err(Error::usage)?;
    let (segmenter, aligner) = (context.segmenter().map_err(Error::usage)?, context.aligner().map_err(Error::usage)?);
    let base = context.transcriber().map_err(Error::usage)?;
    base.load().map_err(Error::unexpected)?;
    let lane = WindowLane::start(config.limits.device_batch()).context("the thread of the device cannot be started")?;
    let shared = Shared { decoder: Decoder::new(settings.decode()), segmenter, aligner, lane };
    Ok(Resident::new(shared, base, config.transcribe.clone()))
}

fn device(request: &DeviceRequest) -> Result<DeviceId, Error> {
    if matches!(request, DeviceRequest::Sim(_)) {
        return Err(Error::usage(DeviceError::Simulated(request.to_string())));
    }
    let devices = resolve_devices(request, None, None)?;
    let first =
        devices.first().filter(|first| !first.is_cuda() || *request == DeviceRequest::Auto || devices.len() == 1);
    first.cloned().ok_or_else(|| Error::usage(DeviceError::Several(request.to_string())))
}
