//! Root-mean-square levels.

/// Mean of the squared samples; 0 for none. Accumulated in f64.
#[must_use]
pub fn mean_square(samples: &[f32]) -> f64 {
    if samples.is_empty() {
        return 0.0;
    }
    samples.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>() / samples.len() as f64
}

/// Root mean square of the samples, 0 to 1 for full scale.
#[must_use]
pub fn rms(samples: &[f32]) -> f64 {
    mean_square(samples).sqrt()
}

/// An amplitude as decibels relative to full scale (1.0 is 0 dBFS); negative infinity for silence.
#[must_use]
pub fn dbfs(amplitude: f64) -> f64 {
    20.0 * amplitude.log10()
}

/// RMS of successive frames of `frame` samples, `hop` apart; the last frame may be shorter.
#[must_use]
pub fn frame_rms(samples: &[f32], frame: usize, hop: usize) -> Vec<f64> {
    (0..samples.len()).step_by(hop.max(1)).map(|at| rms(&samples[at..(at + frame).min(samples.len())])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_scale_sine_is_three_decibels_below_a_square() {
        let sine: Vec<f32> = (0..16_000).map(|n| (n as f32 * 0.05 * std::f32::consts::TAU).sin()).collect();
        assert!((dbfs(rms(&sine)) + 3.0103).abs() < 1e-3);
        assert_eq!(dbfs(rms(&[0.0; 10])), f64::NEG_INFINITY);
        assert_eq!(frame_rms(&[1.0; 10], 4, 4).len(), 3);
    }
}
