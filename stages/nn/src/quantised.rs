//! How weights in 8 bits are stored in safetensors: `weight` as u8 with 128 for zero, `weight_scale` (f32) for each row.

/// The name of a weight's scales, beside `weight`.
pub const SCALE: &str = "weight_scale";

/// What is stored for zero.
pub use kernels::ZERO_LEVEL as ZERO;
