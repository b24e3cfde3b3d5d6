//! Rows of f32 on their way into a product: layer norm, then the format that the product takes.

use crate::isa::multiversion;
use crate::math::nearest;
use crate::precision::bf16;

/// Independent partial results of a reduction: what fills a vector.
const LANES: usize = 16;

/// A layer norm over the rows of a matrix.
#[derive(Debug, Clone)]
pub struct Norm {
    /// A factor for each column.
    pub weight: Vec<f32>,
    /// A summand for each column.
    pub bias: Vec<f32>,
    /// Added to the variance.
    pub epsilon: f32,
}

impl Norm {
    /// Writes the normed row into `out`, of the same length.
    pub(crate) fn apply(&self, isa: crate::Isa, row: &[f32], out: &mut [f32]) {
        normalise(isa, row, &self.weight, &self.bias, self.epsilon, out);
    }
}

/// The sum of f(x) over a row.
#[inline(always)]
fn sum_of(row: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let chunks = row.chunks_exact(LANES);
    let rest: f32 = chunks.remainder().iter().map(|x| f(*x)).sum();
    for chunk in chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane += f(*x);
        }
    }
    lanes.iter().sum::<f32>() + rest
}

/// The largest magnitude; none if a number is none: without its sign, the bits of that are the largest integer.
#[inline(always)]
fn largest_magnitude(row: &[f32]) -> f32 {
    f32::from_bits(row.iter().map(|x| x.abs().to_bits()).max().unwrap_or(0))
}

multiversion! {
    fn normalise(row: &[f32], weight: &[f32], bias: &[f32], epsilon: f32, out: &mut [f32]) {
        let count = row.len() as f32;
        let mean = sum_of(row, |x| x) / count;
        for (out, x) in out.iter_mut().zip(row) {
            *out = x - mean;
        }
        let variance = sum_of(out, |x| x * x) / count;
        let scale = 1.0 / (variance + epsilon).sqrt();
        for ((out, weight), bias) in out.iter_mut().zip(weight).zip(bias) {
            *out = *out * scale * weight + bias;
        }
    }
}

multiversion! {
    /// The nearest bf16 of every number.
    pub(crate) fn to_bf16(row: &[f32], out: &mut [u16]) {
        for (out, x) in out.iter_mut().zip(row) {
            *out = bf16(*x);
        }
    }
}

/// What a row in int8 must be multiplied with, and the sum of its integers.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Quantised {
    pub(crate) scale: f32,
    pub(crate) sum: i32,
}

multiversion! {
    /// The nearest of 255 levels of every number, with the row's largest magnitude at 127. A row with a number that is
    /// none has a scale that is none.
    pub(crate) fn to_int8(row: &[f32], out: &mut [i8]) -> Quantised {
        let largest = largest_magnitude(row);
        let factor = if largest > 0.0 { 127.0 / largest } else { 0.0 };
        let mut sum = 0;
        for (out, x) in out.iter_mut().zip(row) {
            let level = nearest(x * factor) as i8;
            *out = level;
            sum += i32::from(level);
        }
        Quantised { scale: largest / 127.0, sum }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;

    fn row() -> Vec<f32> {
        (0..77).map(|i| (i as f32 * 0.7).sin() * 3.0 - 0.5).collect()
    }

    #[test]
    fn a_normed_row_has_the_norms_mean_and_spread() {
        let norm = Norm { weight: vec![2.0; 77], bias: vec![0.25; 77], epsilon: 1e-5 };
        for isa in [Isa::Portable, Isa::detect()] {
            let mut out = vec![0.0; 77];
            norm.apply(isa, &row(), &mut out);
            let mean = out.iter().sum::<f32>() / 77.0;
            let spread = out.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / 77.0;
            assert!((mean - 0.25).abs() < 1e-5 && (spread - 4.0).abs() < 1e-3, "{mean} {spread}");
        }
    }

    #[test]
    fn int8_is_half_a_level_off_at_most() {
        for isa in [Isa::Portable, Isa::detect()] {
            let row = row();
            let mut out = vec![0i8; 77];
            let Quantised { scale, sum } = to_int8(isa, &row, &mut out);
            assert!(row.iter().zip(&out).all(|(x, level)| (x - f32::from(*level) * scale).abs() <= scale * 0.501));
            assert_eq!(sum, out.iter().map(|level| i32::from(*level)).sum::<i32>());
            assert_eq!(to_int8(isa, &[0.0; 5], &mut out[..5]), Quantised { scale: 0.0, sum: 0 });
        }
    }

    #[test]
    fn what_is_no_number_stays_none() {
        let mut out = [0i8; 20];
        let mut row = [1.0f32; 20];
        row[3] = f32::NAN;
        assert!(to_int8(Isa::detect(), &row, &mut out).scale.is_nan());
    }
}
