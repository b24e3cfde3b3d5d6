//! The intensity contour: mean square under a window that is long enough to smooth single periods of the voice away.

use std::f64::consts::PI;

/// Length of the window, in periods of the lowest frequency.
const PERIODS: f64 = 6.4;
/// Shape of the Kaiser window (J. F. Kaiser, "Nonrecursive digital filter design using the I0-sinh window function", 1974):
/// its side lobes are below -190 dB, so that a steady tone has a steady contour.
const BETA: f64 = 2.0 * PI * PI + 0.5;

/// Squares that are added side by side.
const LANES: usize = 32;

/// Data shared by all frames.
#[derive(Debug, Clone)]
pub struct Intensity {
    half: usize,
    /// Weights of the samples, with a sum of 1.
    window: Vec<f32>,
}

impl Intensity {
    /// Prepares the analysis of voices with an F0 of at least `floor_hz`.
    #[must_use]
    pub fn new(rate_hz: f64, floor_hz: f64) -> Self {
        let reach = PERIODS / floor_hz * rate_hz / 2.0;
        let half = reach as usize;
        let weight = |i: usize| {
            let place = (i as f64 + 0.5 - half as f64) / reach;
            bessel(BETA * (1.0 - place * place).max(0.0).sqrt())
        };
        let window: Vec<f64> = (0..2 * half).map(weight).collect();
        let sum: f64 = window.iter().sum();
        Self { half, window: window.into_iter().map(|weight| (weight / sum) as f32).collect() }
    }

    /// Number of samples that a frame reads on each side of its center.
    #[must_use]
    pub const fn reach(&self) -> usize {
        self.half
    }

    /// Mean square of the frame whose center is before sample `right`, after its mean was subtracted. There must be
    /// [`Self::reach`] samples on both sides.
    #[must_use]
    pub fn mean_square(&self, samples: &[f32], right: usize) -> f64 {
        let interval = &samples[right - self.half..right + self.half];
        weighted_mean_square(interval, &self.window)
    }
}

dsp::vectorized! {
    fn weighted_mean_square<'a>(samples: &'a [f32], weights: &'a [f32]) -> f64 {
        let mean = dsp::sum_inline(samples) / samples.len() as f32;
        let (lanes, rest) = samples.as_chunks::<LANES>();
        let (lanes_of_weights, rest_of_weights) = weights.as_chunks::<LANES>();
        let mut squares = [0.0_f32; LANES];
        for (samples, weights) in lanes.iter().zip(lanes_of_weights) {
            for lane in 0..LANES {
                squares[lane] += weights[lane] * (samples[lane] - mean) * (samples[lane] - mean);
            }
        }
        for (square, (x, weight)) in squares.iter_mut().zip(rest.iter().zip(rest_of_weights)) {
            *square += weight * (x - mean) * (x - mean);
        }
        let mut sum = 0.0;
        for square in squares {
            sum += f64::from(square);
        }
        sum
    }
}

/// Modified Bessel function of the first kind and order 0, by its power series.
fn bessel(x: f64) -> f64 {
    let quarter = x * x / 4.0;
    let (mut term, mut sum, mut k) = (1.0, 1.0, 1.0);
    while term > 1e-16 * sum {
        term *= quarter / (k * k);
        sum += term;
        k += 1.0;
    }
    sum
}
