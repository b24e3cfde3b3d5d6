//! In-place norms of whole matrices, optionally followed by GELU.

use rayon::prelude::*;

use crate::isa::{Isa, multiversion};
use crate::rows::{Norm, gelu_here};

/// Rows per task of a thread. Sums over columns are accumulated chunk by chunk.
const CHUNK: usize = 256;

/// The operation after a norm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// No operation.
    Nothing,
    /// GELU.
    Gelu,
}

impl Norm {
    /// Normalizes every row of `x` (dense).
    ///
    /// # Panics
    /// `x` does not have whole rows, or the norm not a bias for each weight.
    pub fn rows(&self, x: &mut [f32], then: Then) {
        let (isa, width) = (Isa::detect(), self.width_of(x));
        x.par_chunks_mut(CHUNK * width).for_each(|rows| {
            let mut row_before = vec![0.0; width];
            for row in rows.chunks_exact_mut(width) {
                row_before.copy_from_slice(row);
                self.apply(isa, &row_before, row);
            }
            if then == Then::Gelu {
                gelu_here(isa, rows);
            }
        });
    }

    /// Normalizes every column of `x` (dense) over all rows: a group norm with one group per channel, of time-major
    /// frames.
    ///
    /// # Panics
    /// `x` does not have whole rows, or the norm not a bias for each weight.
    pub fn columns(&self, x: &mut [f32], then: Then) {
        let (isa, width) = (Isa::detect(), self.width_of(x));
        let count = (x.len() / width) as f64;
        let means: Vec<f64> = sums(x, width, &vec![0.0; width]).0.iter().map(|sum| sum / count).collect();
        let (_, squares) = sums(x, width, &means);
        let (scales, shifts): (Vec<f32>, Vec<f32>) = squares
            .iter()
            .zip(&means)
            .zip(self.weight.iter().zip(&self.bias))
            .map(|((square, mean), (weight, bias))| {
                let scale = f64::from(*weight) / (square / count + f64::from(self.epsilon)).sqrt();
                (scale as f32, (f64::from(*bias) - mean * scale) as f32)
            })
            .unzip();
        x.par_chunks_mut(CHUNK * width).for_each(|rows| {
            rows.chunks_exact_mut(width).for_each(|row| scale_all(isa, row, &scales, &shifts));
            if then == Then::Gelu {
                gelu_here(isa, rows);
            }
        });
    }

    /// The width of the rows of `x`, which is that of the norm.
    fn width_of(&self, x: &[f32]) -> usize {
        let width = self.weight.len();
        self.check_width(width);
        assert!(width > 0 && x.len().is_multiple_of(width), "{} numbers are not whole rows of {width}", x.len());
        width
    }
}

/// The sum of every column's deviations from `means`, and of their squares, in the same order for any number of
/// threads.
fn sums(x: &[f32], width: usize, means: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let zeros = || (vec![0.0; width], vec![0.0; width]);
    let chunk = |rows: &[f32]| {
        let (mut sums, mut squares) = zeros();
        for row in rows.chunks_exact(width) {
            for (((x, mean), sum), square) in row.iter().zip(means).zip(&mut sums).zip(&mut squares) {
                let distance = f64::from(*x) - mean;
                *sum += distance;
                *square += distance * distance;
            }
        }
        (sums, squares)
    };
    let chunks: Vec<_> = x.par_chunks(CHUNK * width).map(chunk).collect();
    chunks.into_iter().fold(zeros(), |(mut sums, mut squares), (more, more_squares)| {
        sums.iter_mut().zip(more).for_each(|(sum, x)| *sum += x);
        squares.iter_mut().zip(more_squares).for_each(|(sum, x)| *sum += x);
        (sums, squares)
    })
}

multiversion! {
    fn scale_all(row: &mut [f32], scales: &[f32], shifts: &[f32]) {
        row.iter_mut().zip(scales).zip(shifts).for_each(|((x, scale), shift)| *x = *x * scale + shift);
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};

    use super::*;

    fn matrix(rows: usize, width: usize) -> Vec<f32> {
        (0..rows * width).map(|n| ((n * n) as f32 * 0.37).sin() * 3.0 + (n % width) as f32 * 0.1).collect()
    }

    fn check(norm: &Norm, x: &[f32], over: usize, apply: impl Fn(&mut [f32], Then)) {
        let width = norm.weight.len();
        let vector = |values: &[f32]| Tensor::new(values, &Device::Cpu).unwrap();
        let plain = Tensor::from_slice(x, (x.len() / width, width), &Device::Cpu).unwrap();
        let centered = plain.broadcast_sub(&plain.mean_keepdim(over).unwrap()).unwrap();
        let deviation = (centered.sqr().unwrap().mean_keepdim(over).unwrap() + 1e-5).unwrap().sqrt().unwrap();
        let scaled = centered.broadcast_div(&deviation).unwrap().broadcast_mul(&vector(&norm.weight)).unwrap();
        let expected = scaled.broadcast_add(&vector(&norm.bias)).unwrap();
        for (then, expected) in [(Then::Nothing, expected.clone()), (Then::Gelu, expected.gelu_erf().unwrap())] {
            let mut ours = x.to_vec();
            apply(&mut ours, then);
            let expected = expected.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            let worst = ours.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 2e-4, "{then:?} over {over}: {worst}");
        }
    }

    #[test]
    fn norms_agree_with_candle() {
        for (rows, width) in [(1, 7), (300, 96), (1_000, 33)] {
            let values = |shift: f32| (0..width).map(|n| (n as f32 * 0.7 + shift).cos()).collect();
            let norm = Norm { weight: values(0.0), bias: values(1.0), epsilon: 1e-5 };
            let x = matrix(rows, width);
            check(&norm, &x, 1, |x, then| norm.rows(x, then));
            if rows > 1 {
                check(&norm, &x, 0, |x, then| norm.columns(x, then));
            }
        }
    }
}
