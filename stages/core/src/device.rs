//! Names of devices.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The device that a worker process computes on.
///
/// ```
/// use stage_core::DeviceId;
///
/// let gpu: DeviceId = "cuda:0".parse()?;
/// assert!(gpu.is_cuda());
/// assert_eq!(DeviceId::Cpu(1).to_string(), "cpu:1");
/// assert!("tpu:0".parse::<DeviceId>().is_err());
/// # Ok::<(), stage_core::ParseDeviceError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum DeviceId {
    /// A share of the machine's CPU; the number distinguishes workers.
    Cpu(u32),
    /// A CUDA device: the value of `CUDA_VISIBLE_DEVICES` on the worker, an index or a UUID.
    Cuda(String),
    /// A simulated device, with service times from a file, to measure only the scheduling.
    Sim(u32),
}

impl DeviceId {
    /// Whether this is a CUDA device.
    #[must_use]
    pub const fn is_cuda(&self) -> bool {
        matches!(self, Self::Cuda(_))
    }

    /// Whether this is a simulated device.
    #[must_use]
    pub const fn is_sim(&self) -> bool {
        matches!(self, Self::Sim(_))
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu(index) => write!(f, "cpu:{index}"),
            Self::Cuda(name) => write!(f, "cuda:{name}"),
            Self::Sim(index) => write!(f, "sim:{index}"),
        }
    }
}

/// The text is not a valid device name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a device name: expected cpu:N or cuda:ID")]
pub struct ParseDeviceError(String);

impl FromStr for DeviceId {
    type Err = ParseDeviceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseDeviceError(text.to_owned());
        match text.split_once(':') {
            Some(("cpu", index)) => index.parse().map(Self::Cpu).map_err(|_| error()),
            Some(("sim", index)) => index.parse().map(Self::Sim).map_err(|_| error()),
            Some(("cuda", name)) if !name.is_empty() => Ok(Self::Cuda(name.to_owned())),
            _ => Err(error()),
        }
    }
}

impl TryFrom<String> for DeviceId {
    type Error = ParseDeviceError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<DeviceId> for String {
    fn from(device: DeviceId) -> Self {
        device.to_string()
    }
}
