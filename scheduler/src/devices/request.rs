//! Resolves `--devices` to a list of devices.

use std::fmt;
use std::str::FromStr;

use stage_core::DeviceId;

/// The devices that the user asked for: `auto`, `cpu`, `cpu:N`, `cuda`, `cuda:0,1` (indices or UUIDs), or `sim:N` for
/// measurements.
///
/// ```
/// use scheduler::devices::{DeviceRequest, Machine, resolve};
/// use stage_core::DeviceId;
///
/// let gpus = Machine {
///     cuda_build: true,
///     visible: None,
///     gpu_uuids: Some(vec!["GPU-8f1c".to_owned(), "GPU-77aa".to_owned()]),
/// };
/// let request: DeviceRequest = "cuda:1".parse()?;
/// assert_eq!(resolve(&request, None, &gpus)?, [DeviceId::Cuda("GPU-77aa".to_owned())]);
/// assert_eq!(resolve(&DeviceRequest::Auto, None, &Machine::default())?, [DeviceId::Cpu(0)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum DeviceRequest {
    /// All GPUs if there are any and this build supports CUDA, else the CPU.
    #[default]
    Auto,
    /// This number of workers on the CPU.
    Cpu(u32),
    /// These GPUs, or all if the list is empty.
    Cuda(Vec<String>),
    /// This number of simulated devices.
    Sim(u32),
}

/// The text is not a device request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid devices `{0}`: expected auto, cpu, cpu:N, cuda or cuda:0,1 without duplicates")]
pub struct ParseRequestError(String);

impl FromStr for DeviceRequest {
    type Err = ParseRequestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseRequestError(text.to_owned());
        let positive = |count: &str| count.parse().ok().filter(|count| *count > 0).ok_or_else(error);
        match text.split_once(':') {
            None if text == "auto" => Ok(Self::Auto),
            None if text == "cpu" => Ok(Self::Cpu(1)),
            None if text == "cuda" => Ok(Self::Cuda(Vec::new())),
            Some(("cpu", count)) => positive(count).map(Self::Cpu),
            Some(("sim", count)) => positive(count).map(Self::Sim),
            Some(("cuda", list)) => {
                let names: Vec<_> = list.split(',').map(|name| name.trim().to_owned()).collect();
                let distinct = names.iter().enumerate().all(|(i, name)| !names[..i].contains(name));
                if distinct && names.iter().all(|name| !name.is_empty()) { Ok(Self::Cuda(names)) } else { Err(error()) }
            }
            _ => Err(error()),
        }
    }
}

impl fmt::Display for DeviceRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu(count) => write!(f, "cpu:{count}"),
            Self::Sim(count) => write!(f, "sim:{count}"),
            Self::Cuda(names) if names.is_empty() => f.write_str("cuda"),
            Self::Cuda(names) => write!(f, "cuda:{}", names.join(",")),
        }
    }
}

/// The devices that the machine offers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Machine {
    /// Whether this build supports CUDA.
    pub cuda_build: bool,
    /// The inherited value of `CUDA_VISIBLE_DEVICES`. GPUs that it does not list are not used.
    pub visible: Option<String>,
    /// UUIDs of the GPUs in NVML's order, or `None` if NVML is missing.
    pub gpu_uuids: Option<Vec<String>>,
}

/// Why a device request cannot be resolved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// CUDA devices were requested, but this executable was built without CUDA.
    #[error("`{request}` needs an executable that was built with CUDA")]
    NoCudaBuild {
        /// The request.
        request: DeviceRequest,
    },
    /// There is no GPU, or no GPU is visible.
    #[error("no GPU is visible")]
    NoGpu,
    /// The GPU does not exist or is hidden by `CUDA_VISIBLE_DEVICES`.
    #[error("GPU `{name}` is not visible here")]
    NotVisible {
        /// Its index or UUID.
        name: String,
    },
    /// More GPUs were requested than there are.
    #[error("{asked} GPUs were requested, but only {found} found")]
    TooFew {
        /// Number of GPUs requested.
        asked: usize,
        /// Number of GPUs found.
        found: usize,
    },
}

/// Resolves a request to devices. `gpus` limits them to the first GPUs of the list.
///
/// GPUs are named by UUID if NVML reports it, because NVML's and CUDA's indices can differ. Indices are then NVML's.
/// With an inherited `CUDA_VISIBLE_DEVICES`, indices count its entries, which are passed on unchanged.
///
/// # Errors
/// [`ResolveError`]: report it to the user.
pub fn resolve(request: &DeviceRequest, gpus: Option<usize>, machine: &Machine) -> Result<Vec<DeviceId>, ResolveError> {
    let count = match (request, gpus) {
        (DeviceRequest::Sim(count), None) => return Ok((0..*count).map(DeviceId::Sim).collect()),
        (DeviceRequest::Cpu(count), None) => *count,
        (DeviceRequest::Auto, None) if !machine.cuda_build || visible_gpus(machine).is_empty() => 1,
        (DeviceRequest::Cpu(_) | DeviceRequest::Sim(_), Some(asked)) => {
            return Err(ResolveError::TooFew { asked, found: 0 });
        }
        (DeviceRequest::Auto | DeviceRequest::Cuda(_), _) => return resolve_gpus(request, gpus, machine),
    };
    Ok((0..count).map(DeviceId::Cpu).collect())
}

fn resolve_gpus(
    request: &DeviceRequest,
    gpus: Option<usize>,
    machine: &Machine,
) -> Result<Vec<DeviceId>, ResolveError> {
    if !machine.cuda_build {
        return Err(ResolveError::NoCudaBuild { request: request.clone() });
    }
    let visible = visible_gpus(machine);
    let mut names = match request {
        DeviceRequest::Cuda(asked) if !asked.is_empty() => {
            asked.iter().map(|name| named(name, &visible, machine)).collect::<Result<Vec<_>, _>>()?
        }
        _ => visible,
    };
    if let Some(asked) = gpus {
        if asked == 0 || asked > names.len() {
            return Err(ResolveError::TooFew { asked, found: names.len() });
        }
        names.truncate(asked);
    }
    if names.is_empty() { Err(ResolveError::NoGpu) } else { Ok(names.into_iter().map(DeviceId::Cuda).collect()) }
}

/// The GPUs that CUDA sees. As in CUDA, the list ends at the first entry that does not name a device.
fn visible_gpus(machine: &Machine) -> Vec<String> {
    match &machine.visible {
        Some(list) => list
            .split(',')
            .map(str::trim)
            .take_while(|name| !name.is_empty() && *name != "-1")
            .map(str::to_owned)
            .collect(),
        None => machine.gpu_uuids.clone().unwrap_or_default(),
    }
}

fn named(name: &str, visible: &[String], machine: &Machine) -> Result<String, ResolveError> {
    let not_visible = || ResolveError::NotVisible { name: name.to_owned() };
    match name.parse::<usize>() {
        Ok(index) => match visible.get(index) {
            Some(gpu) => Ok(gpu.clone()),
            // Without NVML and without the variable, CUDA itself reports whether the device exists.
            None if machine.visible.is_none() && machine.gpu_uuids.is_none() => Ok(index.to_string()),
            None => Err(not_visible()),
        },
        Err(_) if machine.visible.is_none() && machine.gpu_uuids.is_none() => Ok(name.to_owned()),
        Err(_) => visible.iter().find(|gpu| *gpu == name).cloned().ok_or_else(not_visible),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(visible: Option<&str>, gpus: Option<&[&str]>) -> Machine {
        let gpu_uuids = gpus.map(|gpus| gpus.iter().map(|gpu| (*gpu).to_owned()).collect());
        Machine { cuda_build: true, visible: visible.map(str::to_owned), gpu_uuids }
    }

    fn names(request: &str, gpus: Option<usize>, machine: &Machine) -> Result<Vec<String>, ResolveError> {
        let devices = resolve(&request.parse().unwrap(), gpus, machine)?;
        Ok(devices.iter().map(DeviceId::to_string).collect())
    }

    #[test]
    fn request_has_one_text_form() {
        for text in ["auto", "cpu:3", "cuda", "cuda:0,1", "cuda:GPU-1f", "sim:8"] {
            assert_eq!(text.parse::<DeviceRequest>().unwrap().to_string(), text);
        }
        for text in ["", "cpu:0", "cpu:x", "cuda:", "cuda:0,0", "gpu:1", "sim", "sim:0"] {
            assert!(text.parse::<DeviceRequest>().is_err(), "{text}");
        }
    }

    #[test]
    fn request_auto_takes_gpus_only_if_the_build_can_use_them() {
        let with_gpus = machine(None, Some(&["GPU-a", "GPU-b"]));
        assert_eq!(names("auto", None, &with_gpus).unwrap(), ["cuda:GPU-a", "cuda:GPU-b"]);
        assert_eq!(names("auto", Some(1), &with_gpus).unwrap(), ["cuda:GPU-a"]);
        let cpu_build = Machine { cuda_build: false, ..with_gpus };
        assert_eq!(names("auto", None, &cpu_build).unwrap(), ["cpu:0"]);
        assert!(matches!(names("cuda:0", None, &cpu_build), Err(ResolveError::NoCudaBuild { .. })));
        assert_eq!(names("auto", None, &machine(None, None)).unwrap(), ["cpu:0"]);
    }

    #[test]
    fn request_respects_an_inherited_list_of_visible_gpus() {
        let two = machine(Some("5,GPU-b"), Some(&["GPU-a", "GPU-b"]));
        assert_eq!(names("cuda:1,0", None, &two).unwrap(), ["cuda:GPU-b", "cuda:5"]);
        assert_eq!(names("cuda:2", None, &two), Err(ResolveError::NotVisible { name: "2".into() }));
        assert_eq!(names("cuda", None, &machine(Some(""), Some(&["GPU-a"]))), Err(ResolveError::NoGpu));
        assert_eq!(names("auto", None, &machine(Some("-1"), Some(&["GPU-a"]))).unwrap(), ["cpu:0"]);
    }

    #[test]
    fn request_of_simulated_devices_needs_no_machine() {
        assert_eq!(names("sim:2", None, &machine(None, None)).unwrap(), ["sim:0", "sim:1"]);
    }

    #[test]
    fn request_of_more_gpus_than_there_are_is_an_error() {
        let one = machine(None, Some(&["GPU-a"]));
        assert_eq!(names("auto", Some(2), &one), Err(ResolveError::TooFew { asked: 2, found: 1 }));
        for no_gpus in ["cpu:2", "sim:2"] {
            assert_eq!(names(no_gpus, Some(1), &one), Err(ResolveError::TooFew { asked: 1, found: 0 }));
        }
    }
}
