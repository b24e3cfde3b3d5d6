//! Combinations of the listed settings, and which of them can be measured.

use scheduler::devices::DeviceRequest;
use stage_core::{DeviceId, StageName};
use transcribe::{ModelSource, Precision, open_model};

use crate::args::BenchStageArgs;
use crate::commands::bench::report::About;
use crate::error::Error;
use crate::pipeline::resolve_devices;
use crate::settings::Settings;
use crate::stages::{self, BuildError, Context};

/// One combination of settings.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Combination {
    /// A value for `--devices`; `auto` is resolved.
    pub(super) request: String,
    /// Devices, with one process each.
    pub(super) devices: Vec<DeviceId>,
    pub(super) precision: Precision,
    pub(super) device_batch_size: usize,
}

/// An invalid list.
#[derive(Debug, thiserror::Error)]
pub(super) enum ListError {
    #[error("--{list} has several entries, but {stage} does not depend on it: give one")]
    NotRead { list: &'static str, stage: StageName },
    #[error("--devices {0}: a simulated device cannot run a stage; use cpu, cpu:N or cuda:ID")]
    Simulated(String),
}

impl Combination {
    /// All combinations of the lists, in list order, without repetitions.
    pub(super) fn all(args: &BenchStageArgs, model: &ModelSource) -> Result<Vec<Self>, Error> {
        check_lists(args).map_err(Error::usage)?;
        let mut all: Vec<Self> = Vec::new();
        for request in split_devices(&args.devices) {
            let parsed: DeviceRequest = request.parse().map_err(Error::usage)?;
            if matches!(parsed, DeviceRequest::Sim(_)) {
                return Err(Error::usage(ListError::Simulated(request)));
            }
            let devices = resolve_devices(&parsed, None, None)?;
            let request = if parsed == DeviceRequest::Auto { name(&devices) } else { request };
            for precision in &args.precision {
                let precision = precision.resolve(None, model, &devices[0]).map_err(Error::usage)?;
                for device_batch_size in &args.device_batch_size {
                    let (request, devices) = (request.clone(), devices.clone());
                    let one = Self { request, devices, precision, device_batch_size: device_batch_size.get() };
                    if !all.contains(&one) {
                        all.push(one);
                    }
                }
            }
        }
        Ok(all)
    }

    /// Settings of the stages for this combination.
    pub(super) fn settings(&self, base: &Settings) -> Settings {
        Settings { precision: self.precision, ..base.clone() }
    }

    /// The measured stage with this combination's settings. Its models are not checked.
    pub(super) fn about(&self, base: &Settings, stage: StageName) -> Result<About, BuildError> {
        let settings = self.settings(base);
        let model = open_model(&settings.model)?;
        // Hashed first, because a stage's identity could not report the error.
        model.sha256()?;
        let name = model.name().to_owned();
        let context = Context::new(&settings, &self.devices[0], model, false)?;
        let recipe = stages::recipe(&context.stages()?, Some(stage))?;
        let step = recipe.step(stage).cloned().ok_or(BuildError::Unknown(stage))?;
        Ok(About { step, model: name })
    }

    /// CPU threads per process.
    pub(super) fn threads_per_process(&self) -> usize {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        (threads / self.devices.len()).max(1)
    }
}

/// Rejects lists with several entries that the stage does not depend on: they would repeat the same measurement.
fn check_lists(args: &BenchStageArgs) -> Result<(), ListError> {
    let lists = [("precision", args.precision.len()), ("device-batch-size", args.device_batch_size.len())];
    match lists.into_iter().find(|(_, entries)| *entries > 1) {
        Some((list, _)) if !stages::on_device(args.stage) => Err(ListError::NotRead { list, stage: args.stage }),
        _ => Ok(()),
    }
}

/// Formats devices as a value for `--devices`.
fn name(devices: &[DeviceId]) -> String {
    let gpus: Vec<_> =
        devices.iter().filter_map(|device| device.to_string().strip_prefix("cuda:").map(str::to_owned)).collect();
    match devices.len() {
        _ if !gpus.is_empty() => format!("cuda:{}", gpus.join(",")),
        1 => "cpu".to_owned(),
        count => format!("cpu:{count}"),
    }
}

/// Splits a list into `--devices` values. Commas also separate the GPUs of one value, so an entry that does not begin a
/// new value belongs to the previous one.
fn split_devices(list: &str) -> Vec<String> {
    const BEGINNINGS: [&str; 4] = ["auto", "cpu", "cuda", "sim"];
    let mut requests: Vec<String> = Vec::new();
    for entry in list.split(',').map(str::trim) {
        let begins = BEGINNINGS.iter().any(|beginning| entry.split(':').next() == Some(beginning));
        match requests.last_mut() {
            Some(request) if !begins => *request = format!("{request},{entry}"),
            _ => requests.push(entry.to_owned()),
        }
    }
    requests
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_found_by_auto_are_named() {
        let cuda = |gpu: &str| DeviceId::Cuda(gpu.to_owned());
        assert_eq!(name(&[DeviceId::Cpu(0)]), "cpu");
        assert_eq!(name(&[cuda("GPU-a"), cuda("1")]), "cuda:GPU-a,1");
    }

    #[test]
    fn devices_lists_are_split_between_requests_and_not_between_gpus() {
        for (list, requests) in [
            ("cpu", &["cpu"][..]),
            ("cpu,cpu:2, cuda:0,1,cuda:GPU-a", &["cpu", "cpu:2", "cuda:0,1", "cuda:GPU-a"]),
            ("auto,sim:2", &["auto", "sim:2"]),
            ("tpu:0", &["tpu:0"]),
        ] {
            assert_eq!(split_devices(list), requests, "{list}");
        }
    }
}
