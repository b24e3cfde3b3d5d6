//! Which devices a run uses, what is known of the machine's GPUs, and when a GPU may work.

mod limits;
mod monitor;
mod policy;
mod probe;
mod reader;
mod request;

pub use limits::{DeviceLimits, LimitsError};
pub use monitor::{DeviceReading, GpuKey, Monitor, MonitoredGpu};
pub use policy::{DeviceState, Gate, Transition};
pub use probe::{GpuProbe, GpuProcess, GpuReport, probe_gpus};
pub use request::{DeviceRequest, Machine, ParseRequestError, ResolveError, resolve};
