//! Harmonics-to-noise ratio of single frames by forward cross-correlation (P. Boersma, "Accurate short-term analysis of the
//! fundamental frequency and the harmonics-to-noise ratio of a sampled sound", IFA Proceedings 17, 1993).

use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

use crate::peak_near;

/// Peaks of the correlation whose samples are this much below the highest sample cannot become the highest between samples.
const MARGIN: f32 = 0.3;

/// Data shared by all frames.
#[derive(Clone)]
pub struct Harmonicity {
    /// Samples of the window, and largest lag: one period of the lowest frequency.
    window: usize,
    forward: Arc<dyn RealToComplex<f32>>,
    backward: Arc<dyn ComplexToReal<f32>>,
}

/// Buffers of one thread.
pub struct HarmonicityScratch {
    first: Vec<f32>,
    all: Vec<f32>,
    first_spectrum: Vec<Complex<f32>>,
    all_spectrum: Vec<Complex<f32>>,
    fft: Vec<Complex<f32>>,
    correlation: Vec<f32>,
}

impl Harmonicity {
    /// Prepares the analysis of voices with an F0 of at least `floor_hz`.
    #[must_use]
    pub fn new(rate_hz: f64, floor_hz: f64) -> Self {
        let window = (rate_hz / floor_hz) as usize;
        let len = (2 * window).next_power_of_two();
        let mut planner = RealFftPlanner::new();
        Self { window, forward: planner.plan_fft_forward(len), backward: planner.plan_fft_inverse(len) }
    }

    /// Number of samples that a frame reads on each side of its center.
    #[must_use]
    pub const fn reach(&self) -> usize {
        self.window
    }

    /// Buffers for [`Self::db`].
    #[must_use]
    pub fn scratch(&self) -> HarmonicityScratch {
        let scratch = self.forward.get_scratch_len().max(self.backward.get_scratch_len());
        HarmonicityScratch {
            first: self.forward.make_input_vec(),
            all: self.forward.make_input_vec(),
            first_spectrum: self.forward.make_output_vec(),
            all_spectrum: self.forward.make_output_vec(),
            fft: vec![Complex::default(); scratch],
            correlation: vec![0.0; self.window + 1],
        }
    }

    /// The ratio in dB of the frame whose center is before sample `right`; `None` for silence, or without a period.
    /// There must be [`Self::reach`] samples on both sides.
    #[must_use]
    pub fn db(&self, samples: &[f32], right: usize, scratch: &mut HarmonicityScratch) -> Option<f64> {
        let interval = &samples[right - self.window..right + self.window];
        let mean = interval.iter().sum::<f32>() / interval.len() as f32;
        scratch.all.fill(0.0);
        scratch.first.fill(0.0);
        scratch.all.iter_mut().zip(interval).for_each(|(out, x)| *out = x - mean);
        scratch.first[..self.window].copy_from_slice(&scratch.all[..self.window]);
        self.correlate(scratch)?;
        let height = highest_peak(&scratch.correlation)?;
        (height > 0.0).then(|| 10.0 * (height / (1.0 - height).max(1e-9)).log10())
    }

    /// Correlation of the first window with the window that begins at each lag, 1 for equal ones.
    fn correlate(&self, scratch: &mut HarmonicityScratch) -> Option<()> {
        let window = self.window;
        let mut energy: f64 = scratch.all[..window].iter().map(|x| f64::from(x * x)).sum();
        if energy <= 0.0 {
            return None;
        }
        let first_energy = energy;
        // The FFT overwrites its input.
        let squares = |at: usize| f64::from(scratch.all[at]).powi(2);
        let scales: Vec<f32> = (0..=window)
            .map(|lag| {
                if lag > 0 {
                    energy += if lag == window { 0.0 } else { squares(window + lag - 1) } - squares(lag - 1);
                }
                if energy > 0.0 { (first_energy * energy).sqrt().recip() as f32 } else { 0.0 }
            })
            .collect();
        self.forward.process_with_scratch(&mut scratch.all, &mut scratch.all_spectrum, &mut scratch.fft).ok()?;
        self.forward.process_with_scratch(&mut scratch.first, &mut scratch.first_spectrum, &mut scratch.fft).ok()?;
        for (all, first) in scratch.all_spectrum.iter_mut().zip(&scratch.first_spectrum) {
            *all *= first.conj();
        }
        let last = scratch.all_spectrum.len() - 1;
        (scratch.all_spectrum[0].im, scratch.all_spectrum[last].im) = (0.0, 0.0);
        self.backward.process_with_scratch(&mut scratch.all_spectrum, &mut scratch.all, &mut scratch.fft).ok()?;
        let size = scratch.all.len() as f32;
        for ((r, product), scale) in scratch.correlation.iter_mut().zip(&scratch.all).zip(scales) {
            *r = product / size * scale;
        }
        Some(())
    }
}

/// Height of the highest peak at a lag over 1.
fn highest_peak(r: &[f32]) -> Option<f64> {
    let peaks = || (2..r.len() - 1).filter(|&lag| r[lag] > 0.0 && r[lag] > r[lag - 1] && r[lag] >= r[lag + 1]);
    let highest = peaks().map(|lag| r[lag]).reduce(f32::max)?;
    let heights = peaks().filter(|&lag| r[lag] >= highest - MARGIN).map(|lag| peak_near(r, lag).1);
    // Only interpolation makes a height exceed 1.
    heights.map(|height| if height > 1.0 { height.recip() } else { height }).reduce(f64::max)
}
