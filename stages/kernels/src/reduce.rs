//! Reductions of a slice to one number.

use crate::Isa;
use crate::isa::multiversion;
use crate::math::exp;

/// Independent partial results of a reduction: four vectors.
pub(crate) const LANES: usize = 64;
/// Count of numbers that are summed in single precision.
const CHUNK: usize = 1024;

/// The highest number; minus infinity of none. NaN is skipped.
#[must_use]
pub fn maximum(values: &[f32]) -> f32 {
    highest(Isa::detect(), values)
}

/// The logarithm of the sum of exponentials: minus infinity if there are no higher values, NaN if any value is NaN.
///
/// ```
/// let logits = [0.0_f32, 0.0];
/// assert!((kernels::log_sum_exp(&logits) - 2.0_f64.ln()).abs() < 1e-6);
/// ```
#[must_use]
pub fn log_sum_exp(values: &[f32]) -> f64 {
    let isa = Isa::detect();
    let top = highest(isa, values);
    if top == f32::NEG_INFINITY && !values.iter().any(|value| value.is_nan()) {
        return f64::NEG_INFINITY;
    }
    let sums = values.chunks(CHUNK).map(|chunk| f64::from(sum_of_exponentials(isa, chunk, top)));
    f64::from(top) + sums.sum::<f64>().ln()
}

/// Combines partial results pairwise, the first half with the second, until one is left. The order is always the same.
#[inline(always)]
pub(crate) fn fold_lanes(mut lanes: [f32; LANES], combine: impl Fn(f32, f32) -> f32) -> f32 {
    let mut half = LANES / 2;
    while half > 0 {
        let (low, high) = lanes.split_at_mut(half);
        low.iter_mut().zip(high).for_each(|(low, high)| *low = combine(*low, *high));
        half /= 2;
    }
    lanes[0]
}

/// The higher of two numbers; the first if the second is NaN.
#[inline(always)]
pub(crate) fn higher(a: f32, b: f32) -> f32 {
    if b > a { b } else { a }
}

/// Calls `each` with whole chunks of a row; the last one is padded with `fill`.
#[inline(always)]
pub(crate) fn for_each_chunk(row: &[f32], fill: f32, mut each: impl FnMut(&[f32; LANES])) {
    let (chunks, rest) = row.as_chunks();
    chunks.iter().for_each(&mut each);
    if !rest.is_empty() {
        let mut last = [fill; LANES];
        last[..rest.len()].copy_from_slice(rest);
        each(&last);
    }
}

multiversion! {
    /// The highest number; minus infinity of none. NaN is skipped.
    pub(crate) fn highest(values: &[f32]) -> f32 {
        let mut lanes = [f32::NEG_INFINITY; LANES];
        for_each_chunk(values, f32::NEG_INFINITY, |chunk| {
            lanes.iter_mut().zip(chunk).for_each(|(lane, x)| *lane = higher(*lane, *x));
        });
        fold_lanes(lanes, higher)
    }
}

multiversion! {
    fn sum_of_exponentials(values: &[f32], top: f32) -> f32 {
        let mut lanes = [0.0f32; LANES];
        for_each_chunk(values, f32::NEG_INFINITY, |chunk| {
            lanes.iter_mut().zip(chunk).for_each(|(lane, x)| *lane += exp(*x - top));
        });
        fold_lanes(lanes, |a, b| a + b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithm_agrees_with_double_precision() {
        let values: Vec<f32> = (0..5_000).map(|i| (i as f32 * 0.37).sin() * 20.0).collect();
        let exact = values.iter().map(|value| f64::from(*value).exp()).sum::<f64>().ln();
        assert!((log_sum_exp(&values) - exact).abs() < 1e-6);
        assert_eq!(maximum(&values), values.iter().copied().fold(0.0, f32::max));
    }

    #[test]
    fn log_sum_exp_of_nothing_and_of_nan_differ() {
        assert_eq!(log_sum_exp(&[]), f64::NEG_INFINITY);
        assert_eq!(log_sum_exp(&[f32::NEG_INFINITY; 70]), f64::NEG_INFINITY);
        assert_eq!(log_sum_exp(&[0.5, f32::NEG_INFINITY]), 0.5);
        assert!(log_sum_exp(&[1.0, f32::NAN]).is_nan() && log_sum_exp(&[f32::NAN, f32::NEG_INFINITY]).is_nan());
    }
}
