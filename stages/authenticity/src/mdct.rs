//! The modified discrete cosine transform with the windows of AAC (ISO/IEC 14496-3).

use std::f32::consts::{PI, TAU};
use std::sync::Arc;

use rustfft::num_complex::Complex32;
use rustfft::{Fft, FftPlanner};

/// Coefficients of a frame, and samples between frames.
pub(crate) const N: usize = 1024;

/// Window of Kaiser-Bessel shape with alpha 4.
pub(crate) fn kaiser_bessel() -> Vec<f32> {
    let bessel = |x: f64| {
        let (mut sum, mut term) = (1.0, 1.0);
        for k in 1..40 {
            term *= (x / (2.0 * f64::from(k))).powi(2);
            sum += term;
        }
        sum
    };
    let kernel = |n: usize| {
        bessel(4.0 * std::f64::consts::PI * (1.0 - (2.0 * n as f64 / N as f64 - 1.0).powi(2)).max(0.0).sqrt())
    };
    let total: f64 = (0..=N).map(kernel).sum();
    let mut sum = 0.0;
    let mut half: Vec<f32> = Vec::with_capacity(2 * N);
    for n in 0..N {
        sum += kernel(n);
        half.push((sum / total).sqrt() as f32);
    }
    let falling: Vec<f32> = half.iter().rev().copied().collect();
    half.extend(falling);
    half
}

pub(crate) fn sine() -> Vec<f32> {
    (0..2 * N).map(|n| (PI * (n as f32 + 0.5) / (2 * N) as f32).sin()).collect()
}

/// The MDCT of a frame, computed as a DCT-IV by a complex FFT of half its length.
pub(crate) struct Mdct {
    window: Vec<f32>,
    fft: Arc<dyn Fft<f32>>,
    twiddles: Vec<Complex32>,
    folded: Vec<f32>,
    buffer: Vec<Complex32>,
    scratch: Vec<Complex32>,
    coefficients: Vec<f32>,
}

impl Mdct {
    pub(crate) fn new(window: &[f32]) -> Self {
        let fft = FftPlanner::new().plan_fft_forward(N / 2);
        let twiddle = |n: usize| Complex32::from_polar(1.0, -TAU * (4 * n + 1) as f32 / (8 * N) as f32);
        Self {
            window: window.to_vec(),
            scratch: vec![Complex32::ZERO; fft.get_inplace_scratch_len()],
            fft,
            twiddles: (0..N / 2).map(twiddle).collect(),
            folded: vec![0.0; N],
            buffer: vec![Complex32::ZERO; N / 2],
            coefficients: vec![0.0; N],
        }
    }

    /// The coefficients of `2 * N` samples.
    pub(crate) fn transform(&mut self, frame: &[f32]) -> &[f32] {
        fold(self, &frame[..2 * N]);
        self.fft.process_with_scratch(&mut self.buffer, &mut self.scratch);
        turn(self);
        &self.coefficients
    }
}

dsp::vectorized! {
    fn fold<'a>(mdct: &'a mut Mdct, frame: &'a [f32]) {
        const HALF: usize = N / 2;
        let (frame, window) = (&frame[..2 * N], &mdct.window[..2 * N]);
        let (first, second) = mdct.folded[..N].split_at_mut(HALF);
        for n in 0..HALF {
            let (before, after) = (3 * HALF - 1 - n, 3 * HALF + n);
            first[n] = -(frame[before] * window[before]) - frame[after] * window[after];
            let mirrored = N - 1 - n;
            second[n] = frame[n] * window[n] - frame[mirrored] * window[mirrored];
        }
        for n in 0..HALF {
            mdct.buffer[n] = product(Complex32::new(mdct.folded[2 * n], mdct.folded[N - 1 - 2 * n]), mdct.twiddles[n]);
        }
    }

    fn turn<'a>(mdct: &'a mut Mdct) {
        for k in 0..N / 2 {
            let value = product(mdct.buffer[k], mdct.twiddles[k]);
            mdct.coefficients[2 * k] = value.re;
            mdct.coefficients[N - 1 - 2 * k] = -value.im;
        }
    }
}

#[inline(always)]
fn product(a: Complex32, b: Complex32) -> Complex32 {
    Complex32::new(a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mdct_is_that_of_its_definition() {
        let frame: Vec<f32> = (0..2 * N).map(|n| ((n * n % 977) as f32 / 977.0) - 0.5).collect();
        let window = sine();
        let mut mdct = Mdct::new(&window);
        let coefficients = mdct.transform(&frame);
        for k in [0, 1, 5, 100, 1023] {
            let direct: f64 = (0..2 * N)
                .map(|n| {
                    let phase = std::f64::consts::PI / N as f64 * (n as f64 + 0.5 + N as f64 / 2.0) * (k as f64 + 0.5);
                    f64::from(frame[n] * window[n]) * phase.cos()
                })
                .sum();
            assert!((direct - f64::from(coefficients[k])).abs() < 0.02, "{k}: {direct} {}", coefficients[k]);
        }
    }
}
