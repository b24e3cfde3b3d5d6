//! The CUDA kernels against candle's operations.

use candle_core::Device;
use serde_json::{Value, json};

/// One entry per kernel and shape, with `passed`.
pub(crate) fn run(_device: &Device) -> Value {
    json!([])
}
