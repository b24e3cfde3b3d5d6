//! How weights in 8 bits are stored in safetensors: `weight` as u8 with 128 for zero, `weight_scale` (f32) for each
//! row.

/// The name of a weight's scales, beside `weight`.
pub(crate) const SCALE: &str = "weight_scale";

/// The level that is stored for zero.
pub(crate) use kernels::ZERO_LEVEL as ZERO;
