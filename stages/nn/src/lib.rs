//! What the models of the stages share: weights (memory-mapped or embedded safetensors, hashed, with errors that name
//! the file), the hub they may come from, and the device they are loaded on.

mod device;
mod fault;
mod hub;
pub mod quantised;
mod weights;

pub use device::{DeviceChoice, DeviceError};
pub use fault::DeviceFault;
pub use hub::{HubError, HubRepository};
pub use weights::{OpenWeights, Weights, WeightsError};
