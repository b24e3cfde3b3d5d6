//! Weights for the models of the stages: memory-mapped or embedded safetensors, hashed, with errors that name the file.

mod weights;

pub use weights::{Weights, WeightsError};
