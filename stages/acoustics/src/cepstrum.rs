//! Cepstral peak prominence (J. Hillenbrand, R. A. Cleveland and R. L. Erickson, "Acoustic correlates of breathy vocal
//! quality", JSHR 37, 1994).

use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

use crate::spectrum::line;

/// The regression line begins here: below is the shape of the vocal tract.
const LINE_FROM_S: f64 = 0.001;
/// The line ends here.
const LINE_TO_S: f64 = 0.05;
/// Smallest power and cepstral magnitude whose logarithm is taken.
const SILENCE: f32 = 1e-20;

/// Data shared by all frames.
#[derive(Clone)]
pub struct Cepstrum {
    /// Bins of the spectrum in the band of the voice.
    bins: usize,
    /// Quefrency of one step, in seconds.
    step_s: f64,
    floor_hz: f64,
    ceiling_hz: f64,
    forward: Arc<dyn RealToComplex<f32>>,
}

/// Buffers of one thread.
pub struct CepstrumScratch {
    log: Vec<f32>,
    bins: Vec<Complex<f32>>,
    fft: Vec<Complex<f32>>,
}

impl Cepstrum {
    /// Prepares the analysis of spectra with bins of `bin_hz`, of which only the band up to `band_hz` carries the voice,
    /// for F0 from `floor_hz` to `ceiling_hz`.
    #[must_use]
    pub fn new(bin_hz: f64, band_hz: f64, floor_hz: f64, ceiling_hz: f64) -> Self {
        let bins = (band_hz / bin_hz).max(8.0) as usize;
        let forward = RealFftPlanner::new().plan_fft_forward(2 * bins);
        Self { bins, step_s: 0.5 / (bins as f64 * bin_hz), floor_hz, ceiling_hz, forward }
    }

    /// Buffers for [`Self::prominence_db`].
    #[must_use]
    pub fn scratch(&self) -> CepstrumScratch {
        CepstrumScratch {
            log: self.forward.make_input_vec(),
            bins: self.forward.make_output_vec(),
            fft: self.forward.make_scratch_vec(),
        }
    }

    /// Height of the peak of the power cepstrum of a spectrum above its regression line, in dB.
    #[must_use]
    pub fn prominence_db(&self, power: &[f32], scratch: &mut CepstrumScratch) -> Option<f64> {
        let spectrum = power.get(..=self.bins)?;
        // The spectrum of a real signal is symmetric.
        for (bin, power) in spectrum.iter().enumerate() {
            let db = 10.0 * power.max(SILENCE).log10();
            scratch.log[bin] = db;
            if bin > 0 && bin < self.bins {
                scratch.log[2 * self.bins - bin] = db;
            }
        }
        self.forward.process_with_scratch(&mut scratch.log, &mut scratch.bins, &mut scratch.fft).ok()?;
        let level = |at: usize| f64::from(10.0 * scratch.bins[at].norm_sqr().max(SILENCE).log10());
        let place = |s: f64| ((s / self.step_s).round() as usize).clamp(1, self.bins - 1);
        let from = place(LINE_FROM_S);
        let points: Vec<(f64, f64)> = (from..=place(LINE_TO_S)).map(|at| (at as f64, level(at))).collect();
        let (slope, height) = line(&points)?;
        let (first, last) = (place(1.0 / self.ceiling_hz).max(from), place(1.0 / self.floor_hz));
        let inside = points.get(first - from..=last - from)?;
        let peak = inside.iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
        Some(peak.1 - (height + slope * peak.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Spectrum;

    #[test]
    fn prominence_falls_with_noise() {
        let spectrum = Spectrum::new(16_000.0);
        let cepstrum = Cepstrum::new(spectrum.bin_hz(), 5_000.0, 75.0, 500.0);
        let noise = testkit::Random(2).noise(8_000, 1.0);
        let of = |noise_level: f32| {
            // Impulses of 125 Hz, which have all harmonics.
            let voice = (0..8_000).map(|n| if n % 128 == 0 { 1.0 } else { 0.0 });
            let samples: Vec<f32> = voice.zip(&noise).map(|(x, noise)| x + noise_level * noise).collect();
            let (mut bins, mut scratch) = (spectrum.scratch(), cepstrum.scratch());
            let frames: Vec<f64> = (1_000..7_000)
                .step_by(160)
                .filter_map(|right| cepstrum.prominence_db(spectrum.power(&samples, right, &mut bins), &mut scratch))
                .collect();
            frames.iter().sum::<f64>() / frames.len() as f64
        };
        let (clear, breathy, hiss) = (of(0.003), of(0.1), of(10.0));
        assert!(clear > breathy + 3.0 && breathy > hiss + 3.0, "{clear}, {breathy}, {hiss}");
    }
}
