//! The devices of a run, the state of the machine's GPUs, and the policy for using a GPU.

mod gpu;
mod limits;
mod monitor;
mod policy;
mod probe;
mod reader;
mod request;

pub use gpu::{GpuKey, GpuProcess, GpuReport};
pub use limits::{DeviceLimits, LimitsError};
pub use monitor::{DeviceReading, Monitor, MonitoredGpu};
pub use policy::{DeviceState, Gate, Transition};
pub use probe::{GpuProbe, probe_gpus};
pub use request::{DeviceRequest, Machine, ParseRequestError, ResolveError, resolve};
