//! Many numbers into one.

use crate::Isa;
use crate::isa::multiversion;
use crate::math::exp;

/// Independent partial results of a reduction: four vectors.
pub(crate) const LANES: usize = 64;
/// Numbers whose sum stays in single precision.
const CHUNK: usize = 1024;

/// The highest number; minus infinity of none. Numbers that are none are passed over.
#[must_use]
pub fn maximum(values: &[f32]) -> f32 {
    highest(Isa::detect(), values)
}

/// The logarithm of the sum of exponentials. Minus infinity where no value is above that, no number where one is none.
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

/// The highest of partial results and what was left over.
#[inline(always)]
pub(crate) fn highest_of(lanes: &[f32; LANES], rest: &[f32]) -> f32 {
    lanes.iter().chain(rest).copied().fold(f32::NEG_INFINITY, f32::max)
}

multiversion! {
    pub(crate) fn highest(values: &[f32]) -> f32 {
        let mut lanes = [f32::NEG_INFINITY; LANES];
        let chunks = values.chunks_exact(LANES);
        let rest = chunks.remainder();
        for chunk in chunks {
            for (lane, x) in lanes.iter_mut().zip(chunk) {
                *lane = if *x > *lane { *x } else { *lane };
            }
        }
        highest_of(&lanes, rest)
    }
}

multiversion! {
    fn sum_of_exponentials(values: &[f32], top: f32) -> f32 {
        let mut lanes = [0.0f32; LANES];
        let chunks = values.chunks_exact(LANES);
        let rest: f32 = chunks.remainder().iter().map(|x| exp(x - top)).sum();
        for chunk in chunks {
            for (lane, x) in lanes.iter_mut().zip(chunk) {
                *lane += exp(*x - top);
            }
        }
        lanes.iter().sum::<f32>() + rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logarithm_is_that_of_double_precision() {
        let values: Vec<f32> = (0..5_000).map(|i| (i as f32 * 0.37).sin() * 20.0).collect();
        let exact = values.iter().map(|value| f64::from(*value).exp()).sum::<f64>().ln();
        assert!((log_sum_exp(&values) - exact).abs() < 1e-6);
        assert_eq!(maximum(&values), values.iter().copied().fold(0.0, f32::max));
    }

    #[test]
    fn nothing_and_what_is_no_number_are_told_apart() {
        assert_eq!(log_sum_exp(&[]), f64::NEG_INFINITY);
        assert_eq!(log_sum_exp(&[f32::NEG_INFINITY; 70]), f64::NEG_INFINITY);
        assert_eq!(log_sum_exp(&[0.5, f32::NEG_INFINITY]), 0.5);
        assert!(log_sum_exp(&[1.0, f32::NAN]).is_nan() && log_sum_exp(&[f32::NAN, f32::NEG_INFINITY]).is_nan());
    }
}
