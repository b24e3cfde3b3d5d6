//! Which devices a run uses, and what is known of the machine's GPUs.

mod probe;
mod request;

pub use probe::{GpuProbe, GpuReport, probe_gpus};
pub use request::{DeviceRequest, Machine, ParseRequestError, ResolveError, resolve};
