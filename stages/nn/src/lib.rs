//! What the models of the stages share: where their files lie (in the program, a directory, the hub), weights
//! (memory-mapped or embedded safetensors, hashed, with errors that name the file), and the device they are loaded on.

mod check;
mod device;
mod fault;
mod folder;
mod hub;
mod layers;
pub mod quantised;
mod source;
mod tensors;
mod weights;

pub use check::{TensorFault, TensorSpec};
pub use device::{DeviceChoice, DeviceError};
pub use fault::{DeviceFault, message};
pub use folder::{EmbeddedModel, ModelFile, ModelFileError, ModelFolder, WEIGHTS_FILE, parse_json};
pub use hub::{HubError, HubRepository};
pub use layers::{LayerWeights, norm, vector};
pub use source::{ModelSource, ParseModelSourceError};
pub use tensors::Tensors;
pub use weights::{OpenWeights, Weights, WeightsError};
