//! What the models of the stages share: weights (memory-mapped or embedded safetensors, hashed, with errors that name
//! the file), the hub they may come from, the device they are loaded on, and kernels that are faster than candle's on
//! a processor.

mod device;
mod fault;
mod gelu;
mod hub;
pub mod quantised;
mod weights;

pub use device::{DeviceChoice, DeviceError};
pub use fault::DeviceFault;
pub use gelu::gelu;
pub use hub::{HubError, HubRepository};
pub use weights::{OpenWeights, Weights, WeightsError};
