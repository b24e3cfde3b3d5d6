//! Finds position and height of a peak between samples by windowed-sinc interpolation (Boersma 1993, eq. 22).

use std::f64::consts::PI;

/// Number of samples on each side that are interpolated.
const DEPTH: usize = 30;
/// Distance between the points of the second parabola, in samples.
const STEP: f64 = 0.25;

/// Returns position (in lags) and height of the peak of `r` near the local maximum at `lag`. `r` is symmetric around
/// lag 0. The first estimate comes from a parabola through three samples, the second from a parabola through three
/// interpolated points around the first.
#[must_use]
pub fn peak_near(r: &[f32], lag: usize) -> (f64, f64) {
    let at = |lag: usize| f64::from(r[lag]);
    let (offset, _) = parabola(at(lag - 1), at(lag), at(lag + 1));
    let estimate = lag as f64 + offset;
    let [left, middle, right] = [-STEP, 0.0, STEP].map(|step| interpolate(r, estimate + step));
    let (offset, height) = parabola(left, middle, right);
    (estimate + offset * STEP, height)
}

/// Returns the extremum of the parabola through three values one step apart: its offset from the middle value, limited
/// to one step, and its height.
fn parabola(left: f64, middle: f64, right: f64) -> (f64, f64) {
    let slope = 0.5 * (right - left);
    let curvature = 2.0 * middle - left - right;
    if curvature <= 0.0 {
        return (0.0, middle);
    }
    let offset = (slope / curvature).clamp(-1.0, 1.0);
    (offset, middle + 0.5 * slope * offset)
}

/// Interpolates the value at lag `x` from up to [`DEPTH`] samples on each side, with a raised cosine as window.
fn interpolate(r: &[f32], x: f64) -> f64 {
    let left = x.floor() as usize;
    let fraction = x - left as f64;
    if fraction < 1e-9 {
        return f64::from(r[left]);
    }
    let depth = DEPTH.min(r.len() - 1 - left);
    let right_side = (left + 1..=left + depth).map(|i| r[i]);
    let left_side = (0..depth).map(|k| r[left.abs_diff(k)]);
    side(left_side, fraction, depth) + side(right_side, 1.0 - fraction, depth)
}

/// Sums one side. Its first sample is `distance` away, each further one a step more. Sine and cosine are advanced by
/// rotation.
fn side(samples: impl Iterator<Item = f32>, distance: f64, depth: usize) -> f64 {
    let width = depth as f64 + distance;
    let (step_sin, step_cos) = (PI / width).sin_cos();
    let (mut sin, mut cos) = (PI * distance / width).sin_cos();
    let mut half_sine = 0.5 * (PI * distance).sin();
    let mut angle = PI * distance;
    let mut sum = 0.0;
    for sample in samples {
        sum += f64::from(sample) * half_sine / angle * (1.0 + cos);
        (sin, cos) = (sin * step_cos + cos * step_sin, cos * step_cos - sin * step_sin);
        half_sine = -half_sine;
        angle += PI;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peak_of_a_cosine_is_found_between_samples() {
        for period in [32.3, 57.77, 133.5, 212.9] {
            let r: Vec<f32> = (0..320).map(|lag| (2.0 * PI * f64::from(lag) / period).cos() as f32).collect();
            let (place, height) = peak_near(&r, f64::round(period) as usize);
            assert!((place / period - 1.0).abs() < 1e-4, "{place} for {period}");
            assert!((height - 1.0).abs() < 1e-3, "{height} for {period}");
        }
    }
}
