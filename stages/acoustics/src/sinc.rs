//! Finds position and height of a peak between samples by windowed-sinc interpolation (Boersma 1993, eq. 22).

use std::f64::consts::PI;

/// Number of samples on each side that are interpolated.
const DEPTH: usize = 30;
/// Samples that are weighted side by side: twice two.
const LANES: usize = 4;
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
    let (mut left_side, mut right_side) = (Side::default(), Side::default());
    left_side[..depth].iter_mut().enumerate().for_each(|(k, x)| *x = r[left.abs_diff(k)]);
    right_side[..depth].copy_from_slice(&r[left + 1..=left + depth]);
    let sum = sum_of_sides(&left_side, &right_side, fraction, depth);
    // The sine is the same on both sides.
    0.5 * (PI * fraction).sin() * sum
}

/// Samples on one side, the nearest first, with zeros after the last.
type Side = [f32; DEPTH.next_multiple_of(LANES)];

dsp::vectorized! {
    fn sum_of_sides<'a>(left: &'a Side, right: &'a Side, fraction: f64, depth: usize) -> f64 {
        side_sum(left, fraction, depth) + side_sum(right, 1.0 - fraction, depth)
    }
}

/// Sums one side, without the factor of the sine. Its first sample is `distance` away, each further one a step more. The
/// cosine of the window is advanced by rotation.
#[inline(always)]
fn side_sum(samples: &Side, distance: f64, depth: usize) -> f64 {
    let width = depth as f64 + distance;
    // The first is rotated by one step for each lane.
    let (first, one) = ((PI * distance / width).sin_cos(), (PI / width).sin_cos());
    let (step_sin, step_cos) = doubled(doubled(one));
    let mut sin = [first.0; LANES];
    let mut cos = [first.1; LANES];
    for lane in 1..LANES {
        sin[lane] = sin[lane - 1] * one.1 + cos[lane - 1] * one.0;
        cos[lane] = cos[lane - 1] * one.1 - sin[lane - 1] * one.0;
    }
    let mut angle = [0.0; LANES];
    for (lane, angle) in angle.iter_mut().enumerate() {
        *angle = PI * (distance + lane as f64);
    }
    let mut sums = [0.0f64; LANES];
    for samples in samples.as_chunks::<LANES>().0 {
        for lane in 0..LANES {
            sums[lane] += f64::from(samples[lane]) / angle[lane] * (1.0 + cos[lane]);
            let next = sin[lane] * step_cos + cos[lane] * step_sin;
            cos[lane] = cos[lane] * step_cos - sin[lane] * step_sin;
            sin[lane] = next;
            angle[lane] += PI * LANES as f64;
        }
    }
    // The sine changes its sign from sample to sample.
    (sums[0] - sums[1]) + (sums[2] - sums[3])
}

/// Sine and cosine of twice the angle.
#[inline(always)]
fn doubled((sin, cos): (f64, f64)) -> (f64, f64) {
    (2.0 * sin * cos, cos * cos - sin * sin)
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
