//! Formants by linear prediction: Burg's method, and the roots of the prediction polynomial.

mod burg;
mod resample;
mod roots;

use std::f64::consts::{PI, TAU};

pub use self::resample::Resampler;
use self::roots::Roots;

/// Two poles for each formant.
const FORMANTS: usize = 5;
const ORDER: usize = 2 * FORMANTS;
/// Length of the window in seconds. Its effective length is half of it.
const WINDOW_S: f64 = 0.05;
/// Frequencies above it are raised by 6 dB per octave, which makes the spectrum of a voice flat.
const PREEMPHASIS_HZ: f64 = 50.0;
/// Poles nearer to 0 Hz or to the ceiling are not formants: they shape the slope of the spectrum.
const MARGIN_HZ: f64 = 50.0;

/// A resonance of the vocal tract.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Formant {
    /// Its frequency.
    pub frequency_hz: f64,
    /// Width of its peak 3 dB below its top.
    pub bandwidth_hz: f64,
}

/// Data shared by all frames.
#[derive(Debug, Clone)]
pub struct Formants {
    rate_hz: f64,
    window: Vec<f64>,
}

/// Buffers of one thread, with the roots of the last frame, which are near those of the next.
#[derive(Debug, Clone, Default)]
pub struct FormantScratch {
    frame: Vec<f64>,
    roots: Roots,
}

impl Formants {
    /// Prepares the analysis of samples at `rate_hz`, which is twice the highest frequency of the formants.
    #[must_use]
    pub fn new(rate_hz: f64) -> Self {
        let len = (WINDOW_S * rate_hz) as usize & !1;
        let edge = (-12.0_f64).exp();
        let weight = |i: usize| {
            let place = (i as f64 - (len as f64 - 1.0) / 2.0) / (len as f64 + 1.0);
            ((-48.0 * place * place).exp() - edge) / (1.0 - edge)
        };
        Self { rate_hz, window: (0..len).map(weight).collect() }
    }

    /// Number of samples that a frame reads on each side of its center.
    #[must_use]
    pub fn reach(&self) -> usize {
        self.window.len() / 2
    }

    /// Raises the high frequencies of samples for [`Self::of_frame`].
    pub fn preemphasize(&self, samples: &mut [f32]) {
        let factor = (-TAU * PREEMPHASIS_HZ / self.rate_hz).exp() as f32;
        for at in (1..samples.len()).rev() {
            samples[at] -= factor * samples[at - 1];
        }
    }

    /// The formants of the frame whose center is before sample `right`, by frequency; none in silence. There must be
    /// [`Self::reach`] samples on both sides.
    #[must_use]
    pub fn of_frame(&self, samples: &[f32], right: usize, scratch: &mut FormantScratch) -> Vec<Formant> {
        let interval = &samples[right - self.reach()..right + self.reach()];
        scratch.frame.clear();
        scratch.frame.extend(interval.iter().zip(&self.window).map(|(x, weight)| f64::from(*x) * weight));
        let Some(prediction) = burg::prediction::<ORDER>(&scratch.frame) else { return Vec::new() };
        if !scratch.roots.solve(&prediction) {
            return Vec::new();
        }
        let mut formants: Vec<Formant> = scratch.roots.found().iter().filter_map(|root| self.formant(root)).collect();
        formants.sort_by(|a, b| a.frequency_hz.total_cmp(&b.frequency_hz));
        formants
    }

    /// A root in the upper half of the unit circle as a formant.
    fn formant(&self, root: &roots::Root) -> Option<Formant> {
        let frequency_hz = root.im.atan2(root.re) / TAU * self.rate_hz;
        let inside = (MARGIN_HZ..=self.rate_hz / 2.0 - MARGIN_HZ).contains(&frequency_hz);
        let bandwidth_hz = -root.norm_sqr().ln() / 2.0 / PI * self.rate_hz;
        inside.then(|| Formant { frequency_hz, bandwidth_hz: bandwidth_hz.abs() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noise through resonators at known frequencies has formants there.
    #[test]
    fn formants_of_resonators_are_found() {
        let rate_hz = 11_000.0;
        let known = [(500.0, 60.0), (1_500.0, 80.0), (2_500.0, 100.0), (3_500.0, 150.0)];
        let mut samples: Vec<f32> = testkit::Random(3).noise(22_000, 0.1);
        for (frequency_hz, bandwidth_hz) in known {
            let radius = (-PI * bandwidth_hz / rate_hz).exp();
            let (a, b) = (2.0 * radius * (TAU * frequency_hz / rate_hz).cos(), -radius * radius);
            let (mut last, mut before) = (0.0, 0.0);
            for sample in &mut samples {
                let next = f64::from(*sample) + a * last + b * before;
                (before, last) = (last, next);
                *sample = next as f32;
            }
        }
        let formants = Formants::new(rate_hz);
        let mut scratch = FormantScratch::default();
        let frames: Vec<Vec<Formant>> =
            (1_000..21_000).step_by(500).map(|right| formants.of_frame(&samples, right, &mut scratch)).collect();
        for (n, (frequency_hz, _)) in known.iter().enumerate() {
            let mut found: Vec<f64> = frames.iter().map(|frame| frame[n].frequency_hz).collect();
            found.sort_by(f64::total_cmp);
            let median_hz = found[found.len() / 2];
            assert!((median_hz / frequency_hz - 1.0).abs() < 0.03, "F{}: {median_hz} Hz", n + 1);
        }
        assert!(formants.of_frame(&[0.0; 1_000], 500, &mut scratch).is_empty());
    }
}
