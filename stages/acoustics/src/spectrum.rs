//! The short-time spectrum of single frames, and measures of its shape. The bands are those of F. Eyben et al., "The Geneva
//! minimalistic acoustic parameter set (GeMAPS) for voice research and affective computing", IEEE Transactions on
//! Affective Computing 7, 2016.

use std::f64::consts::TAU;
use std::ops::Range;
use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

/// Length of the window, in seconds: about five periods of the lowest voice.
const WINDOW_S: f64 = 0.064;
/// A harmonic is at the highest bin this near to its frequency, relative to F0.
const HARMONIC_REACH: f64 = 0.2;
/// Power that counts as silence.
const SILENCE: f32 = 1e-20;

/// Data shared by all frames.
#[derive(Clone)]
pub struct Spectrum {
    bin_hz: f64,
    window: Vec<f32>,
    forward: Arc<dyn RealToComplex<f32>>,
}

/// Buffers of one thread.
pub struct SpectrumScratch {
    frame: Vec<f32>,
    bins: Vec<Complex<f32>>,
    fft: Vec<Complex<f32>>,
    power: Vec<f32>,
}

impl Spectrum {
    /// Prepares the analysis of samples at a rate.
    #[must_use]
    pub fn new(rate_hz: f64) -> Self {
        let len = ((WINDOW_S * rate_hz) as usize).next_power_of_two();
        // The energy of the window is 1 / rate, so that the sum of the power is the mean square.
        let hann = |i: usize| 0.5 - 0.5 * (TAU * (i as f64 + 0.5) / len as f64).cos();
        let scale = (2.0 / (rate_hz * (0..len).map(|i| hann(i).powi(2)).sum::<f64>())).sqrt();
        Self {
            bin_hz: rate_hz / len as f64,
            window: (0..len).map(|i| (hann(i) * scale) as f32).collect(),
            forward: RealFftPlanner::new().plan_fft_forward(len),
        }
    }

    /// Number of samples that a frame reads on each side of its center.
    #[must_use]
    pub fn reach(&self) -> usize {
        self.window.len() / 2
    }

    /// Distance between two bins.
    #[must_use]
    pub const fn bin_hz(&self) -> f64 {
        self.bin_hz
    }

    /// Buffers for [`Self::power`].
    #[must_use]
    pub fn scratch(&self) -> SpectrumScratch {
        SpectrumScratch {
            frame: self.forward.make_input_vec(),
            bins: self.forward.make_output_vec(),
            fft: self.forward.make_scratch_vec(),
            power: vec![0.0; self.window.len() / 2 + 1],
        }
    }

    /// Power per Hz in each bin of the frame whose center is before sample `right`. There must be [`Self::reach`] samples on
    /// both sides.
    pub fn power<'a>(&self, samples: &[f32], right: usize, scratch: &'a mut SpectrumScratch) -> &'a [f32] {
        let interval = &samples[right - self.reach()..right + self.reach()];
        let places = scratch.frame.iter_mut().zip(interval).zip(&self.window);
        places.for_each(|((place, x), weight)| *place = x * weight);
        let done = self.forward.process_with_scratch(&mut scratch.frame, &mut scratch.bins, &mut scratch.fft);
        let bins = if done.is_ok() { scratch.bins.as_slice() } else { &[] };
        scratch.power.iter_mut().zip(bins).for_each(|(power, bin)| *power = bin.norm_sqr());
        &scratch.power
    }

    fn bins(&self, from_hz: f64, to_hz: f64, power: &[f32]) -> Range<usize> {
        let place = |hz: f64| ((hz / self.bin_hz).round() as usize).min(power.len());
        place(from_hz)..place(to_hz)
    }

    /// Energy from 50 to 1000 Hz relative to that from 1000 to 5000 Hz, in dB.
    #[must_use]
    pub fn alpha_ratio_db(&self, power: &[f32]) -> f64 {
        let energy = |from_hz, to_hz| power[self.bins(from_hz, to_hz, power)].iter().sum::<f32>();
        db(energy(50.0, 1_000.0)) - db(energy(1_000.0, 5_000.0))
    }

    /// The highest bin up to 2000 Hz relative to the highest from there to 5000 Hz, in dB.
    #[must_use]
    pub fn hammarberg_db(&self, power: &[f32]) -> f64 {
        let highest = |from_hz, to_hz| power[self.bins(from_hz, to_hz, power)].iter().fold(0.0_f32, |a, b| a.max(*b));
        db(highest(50.0, 2_000.0)) - db(highest(2_000.0, 5_000.0))
    }

    /// Level of the harmonic of `f0_hz` near `hz`: the highest bin with its neighbors. Together they hold the same share of a
    /// tone wherever it is between two bins (within 0.1 dB), which the highest alone does not (1.4 dB).
    fn harmonic_db(&self, power: &[f32], hz: f64, f0_hz: f64) -> Option<f64> {
        let bins = self.bins(hz - HARMONIC_REACH * f0_hz, hz + HARMONIC_REACH * f0_hz + self.bin_hz, power);
        let highest = bins.max_by(|a, b| power[*a].total_cmp(&power[*b]))?;
        let around = power.get(highest.saturating_sub(1)..=highest + 1)?;
        Some(db(around.iter().sum()))
    }

    /// Level of the first harmonic relative to that of the second, in dB.
    #[must_use]
    pub fn h1_h2_db(&self, power: &[f32], f0_hz: f64) -> Option<f64> {
        Some(self.harmonic_db(power, f0_hz, f0_hz)? - self.harmonic_db(power, 2.0 * f0_hz, f0_hz)?)
    }

    /// Level of the first harmonic relative to that of the harmonic nearest to the third formant, in dB.
    #[must_use]
    pub fn h1_a3_db(&self, power: &[f32], f0_hz: f64, f3_hz: f64) -> Option<f64> {
        let nearest_hz = (f3_hz / f0_hz).round().max(1.0) * f0_hz;
        Some(self.harmonic_db(power, f0_hz, f0_hz)? - self.harmonic_db(power, nearest_hz, f0_hz)?)
    }
}

fn db(power: f32) -> f64 {
    f64::from(10.0 * power.max(SILENCE).log10())
}

/// The long-term average spectrum: mean power in bands of equal width.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LongTermSpectrum {
    power: Vec<f64>,
    frames: u64,
}

impl LongTermSpectrum {
    /// Width of a band.
    pub const BAND_HZ: f64 = 100.0;

    /// Adds a frame of [`Spectrum::power`].
    pub fn add(&mut self, spectrum: &Spectrum, power: &[f32]) {
        let bands = (spectrum.bin_hz * (power.len() - 1) as f64 / Self::BAND_HZ) as usize;
        self.power.resize(bands, 0.0);
        let per_band = Self::BAND_HZ / spectrum.bin_hz;
        for (band, sum) in self.power.iter_mut().enumerate() {
            let bins = (band as f64 * per_band).round() as usize..((band + 1) as f64 * per_band).round() as usize;
            let share = 1.0 / bins.len().max(1) as f32;
            *sum += f64::from(power[bins].iter().sum::<f32>() * share);
        }
        self.frames += 1;
    }

    /// Adds the frames of other intervals.
    pub fn merge(&mut self, other: &Self) {
        if self.power.len() < other.power.len() {
            self.power.resize(other.power.len(), 0.0);
        }
        self.power.iter_mut().zip(&other.power).for_each(|(sum, other)| *sum += other);
        self.frames += other.frames;
    }

    /// Number of frames.
    #[must_use]
    pub const fn frames(&self) -> u64 {
        self.frames
    }

    /// Level of each band, in dB relative to a mean square of 1 per Hz.
    #[must_use]
    pub fn levels_db(&self) -> Vec<f64> {
        self.power.iter().map(|sum| 10.0 * (sum / self.frames.max(1) as f64).max(f64::from(SILENCE)).log10()).collect()
    }

    /// Slope of the levels between two frequencies over the logarithm of the frequency, in dB per octave: the line of least
    /// squares. `None` without frames, or if the interval has less than three bands.
    #[must_use]
    pub fn tilt_db_per_octave(&self, from_hz: f64, to_hz: f64) -> Option<f64> {
        let center = |band: usize| (band as f64 + 0.5) * Self::BAND_HZ;
        let levels = self.levels_db();
        let inside = levels.iter().enumerate().map(|(band, level)| (center(band), *level));
        let points: Vec<(f64, f64)> =
            inside.filter(|(hz, _)| (from_hz..=to_hz).contains(hz)).map(|(hz, level)| (hz.log2(), level)).collect();
        if self.frames == 0 || points.len() < 3 {
            return None;
        }
        line(&points).map(|(slope, _)| slope)
    }
}

/// Slope and height at 0 of the line of least squares.
pub(crate) fn line(points: &[(f64, f64)]) -> Option<(f64, f64)> {
    let n = points.len() as f64;
    let (mean_x, mean_y) = (points.iter().map(|p| p.0).sum::<f64>() / n, points.iter().map(|p| p.1).sum::<f64>() / n);
    let square: f64 = points.iter().map(|p| (p.0 - mean_x).powi(2)).sum();
    let product: f64 = points.iter().map(|p| (p.0 - mean_x) * (p.1 - mean_y)).sum();
    (square > 0.0).then(|| (product / square, mean_y - product / square * mean_x))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: f64 = 16_000.0;

    fn tone(parts: &[(f64, f64)]) -> Vec<f32> {
        let sample = |n: usize| parts.iter().map(|(hz, a)| a * (TAU * hz * n as f64 / RATE).sin()).sum::<f64>() as f32;
        (0..4_096).map(sample).collect()
    }

    #[test]
    fn spectrum_has_the_mean_square_of_the_frame() {
        let spectrum = Spectrum::new(RATE);
        let samples = testkit::Random(5).noise(4_096, 0.5);
        let mut scratch = spectrum.scratch();
        let power: f64 = (600..3_400)
            .step_by(50)
            .map(|right| spectrum.power(&samples, right, &mut scratch).iter().map(|p| f64::from(*p)).sum::<f64>())
            .sum::<f64>()
            / 56.0
            * spectrum.bin_hz();
        assert!((10.0 * (power / (0.25 / 3.0)).log10()).abs() < 0.3, "{power}");
    }

    #[test]
    fn harmonics_are_compared_by_their_level() {
        let spectrum = Spectrum::new(RATE);
        let mut scratch = spectrum.scratch();
        let samples = tone(&[(150.0, 0.4), (300.0, 0.2), (2_550.0, 0.04)]);
        let power = spectrum.power(&samples, 2_000, &mut scratch);
        assert!((spectrum.h1_h2_db(power, 150.0).unwrap() - 6.02).abs() < 0.2);
        assert!((spectrum.h1_a3_db(power, 150.0, 2_600.0).unwrap() - 20.0).abs() < 0.2);
        assert!((spectrum.hammarberg_db(power) - 20.0).abs() < 0.7);
        assert!((spectrum.alpha_ratio_db(power) - 10.0 * (0.2_f64 / 0.0016).log10()).abs() < 0.7);
    }

    #[test]
    fn long_term_spectrum_of_filtered_noise_has_its_tilt() {
        let spectrum = Spectrum::new(RATE);
        let (mut scratch, mut long_term) = (spectrum.scratch(), LongTermSpectrum::default());
        let mut last = 0.0;
        // A sum of noise falls by 6 dB per octave.
        let noise = testkit::Random(9).noise(64_000, 0.01);
        let samples: Vec<f32> = noise
            .iter()
            .map(|x| {
                last = 0.999 * last + x;
                last
            })
            .collect();
        for right in (2_000..62_000).step_by(160) {
            long_term.add(&spectrum, spectrum.power(&samples, right, &mut scratch));
        }
        let tilt = long_term.tilt_db_per_octave(200.0, 3_000.0).unwrap();
        assert!((tilt + 6.0).abs() < 0.5, "{tilt} dB per octave");
        assert_eq!(LongTermSpectrum::default().tilt_db_per_octave(200.0, 3_000.0), None);
    }
}
