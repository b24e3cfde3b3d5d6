//! The limits of the device, measured with a large copy and large matrix products.

use candle_core::{DType, Device, Tensor};
use measure::{median, try_runs};
use serde_json::{Value, json};

use crate::engine::Result;

/// Number of timed calls per measurement.
const CALLS: usize = 7;

/// Sizes of the measurements.
struct Sizes {
    copy_bytes: usize,
    product: usize,
    types: &'static [DType],
}

const CUDA: Sizes = Sizes { copy_bytes: 4 << 30, product: 8192, types: &[DType::BF16, DType::F16, DType::F32] };
const CPU: Sizes = Sizes { copy_bytes: 64 << 20, product: 512, types: &[DType::F32] };

/// `{"copy_gb_s": ..., "products": [{"type", "size", "tflop_s"}]}`; the copy counts bytes read and bytes written.
pub(crate) fn measure(device: &Device) -> Result<Value> {
    let sizes = if device.is_cpu() { CPU } else { CUDA };
    let [source, target] = [1f32, 0.0].map(|value| Tensor::full(value, sizes.copy_bytes / 4, device));
    let (source, target) = (source?, target?);
    let copy_s = median_s(device, || target.slice_set(&source, 0, 0))?;
    drop((source, target));
    let products =
        sizes.types.iter().map(|dtype| product(device, *dtype, sizes.product)).collect::<Result<Vec<_>>>()?;
    Ok(json!({ "copy_gb_s": 2.0 * sizes.copy_bytes as f64 / copy_s / 1e9, "products": products }))
}

fn product(device: &Device, dtype: DType, size: usize) -> Result<Value> {
    let random = || Tensor::randn(0f32, 1.0, (size, size), device)?.to_dtype(dtype);
    let (left, right) = (random()?, random()?);
    let seconds = median_s(device, || left.matmul(&right))?;
    let operations = 2.0 * (size as f64).powi(3);
    Ok(json!({ "type": dtype.as_str(), "size": size, "tflop_s": operations / seconds / 1e12 }))
}

/// Median seconds of a call, after two warm-up calls.
fn median_s<T>(device: &Device, work: impl Fn() -> candle_core::Result<T>) -> Result<f64> {
    device.synchronize()?;
    let calls = try_runs(2, CALLS, || {
        let output = work()?;
        device.synchronize().map(|()| output)
    })?;
    Ok(median(calls.seconds()).ok_or("no call was timed")?)
}
