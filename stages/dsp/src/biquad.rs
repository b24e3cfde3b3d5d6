//! Second-order filters.

use std::f64::consts::{FRAC_1_SQRT_2, TAU};

/// A second-order Butterworth section in transposed direct form II, by R. Bristow-Johnson's "Cookbook formulae for
/// audio EQ biquad filter coefficients".
#[derive(Debug, Clone)]
pub(crate) struct Biquad {
    b: [f64; 3],
    a: [f64; 2],
    state: [f64; 2],
}

impl Biquad {
    pub(crate) fn low_pass(sample_rate_hz: f64, cutoff_hz: f64) -> Self {
        let (cos, alpha) = angle(sample_rate_hz, cutoff_hz);
        let side = (1.0 - cos) / 2.0;
        Self::normalized([side, 1.0 - cos, side], cos, alpha)
    }

    pub(crate) fn high_pass(sample_rate_hz: f64, cutoff_hz: f64) -> Self {
        let (cos, alpha) = angle(sample_rate_hz, cutoff_hz);
        let side = (1.0 + cos) / 2.0;
        Self::normalized([side, -(1.0 + cos), side], cos, alpha)
    }

    fn normalized(b: [f64; 3], cos: f64, alpha: f64) -> Self {
        let a0 = 1.0 + alpha;
        Self { b: b.map(|x| x / a0), a: [-2.0 * cos / a0, (1.0 - alpha) / a0], state: [0.0; 2] }
    }

    pub(crate) fn step(&mut self, x: f64) -> f64 {
        let y = self.b[0] * x + self.state[0];
        self.state[0] = self.b[1] * x - self.a[0] * y + self.state[1];
        self.state[1] = self.b[2] * x - self.a[1] * y;
        y
    }
}

/// Cosine of the cutoff's angle and the bandwidth term at the Butterworth quality 1/sqrt(2).
fn angle(sample_rate_hz: f64, cutoff_hz: f64) -> (f64, f64) {
    let (sin, cos) = (TAU * cutoff_hz / sample_rate_hz).sin_cos();
    (cos, sin / (2.0 * FRAC_1_SQRT_2))
}
