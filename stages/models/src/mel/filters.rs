//! Triangular mel filters on Slaney's scale, with unit area: `librosa.filters.mel(sr=16000, n_fft=400)`.

use stage_core::SAMPLE_RATE_HZ;

/// A triangular filter: the weights of consecutive FFT bins.
#[derive(Debug)]
pub(super) struct Filter {
    /// Index of the first bin.
    pub(super) first: usize,
    /// Weights, starting with the first bin.
    pub(super) weights: Vec<f64>,
}

/// `bands` filters over the bins of an FFT of length `n_fft`, from 0 Hz to half the sample rate.
pub(super) fn slaney(bands: usize, n_fft: usize) -> Vec<Filter> {
    let nyquist_hz = f64::from(SAMPLE_RATE_HZ) / 2.0;
    let top_mel = hz_to_mel(nyquist_hz);
    let edges_hz: Vec<f64> = (0..bands + 2).map(|edge| mel_to_hz(top_mel * edge as f64 / (bands + 1) as f64)).collect();
    let bins = n_fft / 2 + 1;
    let bin_hz = nyquist_hz / (bins - 1) as f64;
    edges_hz
        .windows(3)
        .map(|edges| {
            let (low, center, high) = (edges[0], edges[1], edges[2]);
            let weight = |bin: usize| {
                let hz = bin as f64 * bin_hz;
                let triangle = ((hz - low) / (center - low)).min((high - hz) / (high - center));
                triangle.max(0.0) * 2.0 / (high - low)
            };
            let first = (0..bins).find(|bin| weight(*bin) > 0.0).unwrap_or(0);
            let weights = (first..bins).map(weight).take_while(|weight| *weight > 0.0).collect();
            Filter { first, weights }
        })
        .collect()
}

/// Slaney's scale: linear up to 1 kHz, logarithmic above with 27 mel per factor of 6.4.
const BREAK_HZ: f64 = 1000.0;
const HZ_PER_MEL: f64 = 200.0 / 3.0;

fn log_step() -> f64 {
    6.4f64.ln() / 27.0
}

fn hz_to_mel(hz: f64) -> f64 {
    if hz < BREAK_HZ { hz / HZ_PER_MEL } else { BREAK_HZ / HZ_PER_MEL + (hz / BREAK_HZ).ln() / log_step() }
}

fn mel_to_hz(mel: f64) -> f64 {
    let break_mel = BREAK_HZ / HZ_PER_MEL;
    if mel < break_mel { mel * HZ_PER_MEL } else { BREAK_HZ * ((mel - break_mel) * log_step()).exp() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_have_bins_and_unit_area() {
        for bands in [80, 128] {
            let filters = slaney(bands, 400);
            assert_eq!(filters.len(), bands);
            for filter in &filters {
                assert!(!filter.weights.is_empty());
            }
            // Wide filters cover so many bins that their sum approximates the integral.
            let area: f64 = filters[bands - 1].weights.iter().sum::<f64>() * 40.0;
            assert!((area - 1.0).abs() < 0.02, "{area}");
        }
    }
}
