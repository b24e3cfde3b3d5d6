//! Finds pitch candidates of one frame: peaks of the autocorrelation of the windowed signal, divided by that of the
//! window.
//!
//! P. Boersma (1993), Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise ratio of a
//! sampled sound, Proceedings of the Institute of Phonetic Sciences 17, 97-110: steps 3.1 to 3.10, with the window of
//! three periods, the local mean and the candidate rules of Praat's `To Pitch (ac)`.

use std::f64::consts::TAU;
use std::sync::Arc;

use acoustics::peak_near;
use realfft::num_complex::Complex;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};
use stage_core::SAMPLE_RATE_HZ;

use super::Extremes;
use super::config::PitchConfig;

const RATE_HZ: f64 = SAMPLE_RATE_HZ as f64;
const PERIODS_PER_WINDOW: f64 = 3.0;

/// A possible period of one frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate {
    pub(super) frequency_hz: f64,
    /// Height of the peak of the normalized autocorrelation, at most 1.
    pub(super) strength: f64,
}

/// One frame: its voiced candidates and its intensity.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Frame {
    /// Peak of the middle of the frame relative to the channel's peak, 0 to 1.
    pub(super) intensity: f64,
    pub(super) candidates: Vec<Candidate>,
}

/// Data shared by all frames of one configuration.
pub(super) struct FramePlan {
    config: PitchConfig,
    /// Samples in one period of the floor.
    period: usize,
    half_window: usize,
    longest_lag: usize,
    /// Largest lag for which the autocorrelation is kept.
    lags: usize,
    window: Vec<f32>,
    /// Reciprocal of the window's own autocorrelation, 1 at lag 0; `lags + 1` values.
    inverse_window_correlation: Vec<f32>,
    forward: Arc<dyn RealToComplex<f32>>,
    backward: Arc<dyn ComplexToReal<f32>>,
}

/// Buffers of one thread.
pub(super) struct Scratch {
    frame: Vec<f32>,
    spectrum: Vec<Complex<f32>>,
    fft: Vec<Complex<f32>>,
    correlation: Vec<f32>,
}

impl FramePlan {
    pub(super) fn new(config: &PitchConfig) -> Self {
        let period = (RATE_HZ / config.floor_hz) as usize;
        let half_window = (PERIODS_PER_WINDOW / config.floor_hz * RATE_HZ) as usize / 2 - 1;
        let window_len = half_window * 2;
        let lags = window_len / 2;
        let fft_len = (window_len + lags).next_power_of_two();
        let mut planner = RealFftPlanner::new();
        let mut plan = Self {
            config: *config,
            period,
            half_window,
            longest_lag: (window_len as f64 / PERIODS_PER_WINDOW) as usize + 2,
            lags,
            window: (1..=window_len).map(|i| hann(i, window_len)).collect(),
            inverse_window_correlation: vec![1.0; lags + 1],
            forward: planner.plan_fft_forward(fft_len),
            backward: planner.plan_fft_inverse(fft_len),
        };
        let mut scratch = plan.scratch();
        scratch.frame[..window_len].copy_from_slice(&plan.window);
        plan.correlate(&mut scratch);
        plan.inverse_window_correlation = scratch.correlation.iter().map(|r| r.recip()).collect();
        plan
    }

    /// Number of samples that a frame reads on each side of its center.
    pub(super) const fn reach(&self) -> usize {
        if self.half_window > self.period { self.half_window } else { self.period }
    }

    pub(super) fn scratch(&self) -> Scratch {
        Scratch {
            frame: self.forward.make_input_vec(),
            spectrum: self.forward.make_output_vec(),
            fft: vec![Complex::default(); self.forward.get_scratch_len().max(self.backward.get_scratch_len())],
            correlation: vec![0.0; self.lags + 1],
        }
    }

    /// Analyzes the frame whose center is between samples `right - 1` and `right`. There must be [`Self::reach`]
    /// samples on both sides.
    pub(super) fn analyze(&self, samples: &[f32], right: usize, channel: Extremes, scratch: &mut Scratch) -> Frame {
        let (half, period) = (self.half_window, self.period);
        let longest_period = &samples[right - period..right + period];
        let local_mean = dsp::sum(longest_period) / longest_period.len() as f32;
        scratch.frame.fill(0.0);
        let interval = &samples[right - half..right + half];
        for ((out, sample), weight) in scratch.frame.iter_mut().zip(interval).zip(&self.window) {
            *out = (sample - local_mean) * weight;
        }
        let half_period = period / 2 + 1;
        let middle = &scratch.frame[half.saturating_sub(half_period)..(half + half_period).min(2 * half)];
        let peak = f64::from(middle.iter().fold(0.0_f32, |peak, x| peak.max(x.abs())));
        if peak == 0.0 || channel.peak == 0.0 {
            return Frame::default();
        }
        self.correlate(scratch);
        for (r, inverse) in scratch.correlation.iter_mut().zip(&self.inverse_window_correlation) {
            *r *= inverse;
        }
        Frame { intensity: (peak / channel.peak).min(1.0), candidates: self.candidates(&scratch.correlation) }
    }

    /// Computes the autocorrelation of `scratch.frame`, 1 at lag 0, from the power spectrum. Overwrites the frame.
    fn correlate(&self, scratch: &mut Scratch) {
        let Scratch { frame, spectrum, fft, correlation } = scratch;
        let planned = "buffers come from the plan";
        self.forward.process_with_scratch(frame, spectrum, fft).expect(planned);
        for bin in spectrum.iter_mut() {
            *bin = Complex::new(bin.norm_sqr(), 0.0);
        }
        self.backward.process_with_scratch(spectrum, frame, fft).expect(planned);
        let energy = frame[0];
        for (r, x) in correlation.iter_mut().zip(frame.iter()) {
            *r = x / energy;
        }
    }

    fn candidates(&self, r: &[f32]) -> Vec<Candidate> {
        let threshold = (0.5 * self.config.voicing_threshold) as f32;
        let mut candidates: Vec<Candidate> = Vec::new();
        for lag in 2..self.longest_lag.min(self.lags) {
            if r[lag] > threshold && r[lag] > r[lag - 1] && r[lag] >= r[lag + 1] {
                let (period, height) = peak_near(r, lag);
                // Only the short window makes a height exceed 1. Praat reflects such heights around 1.
                let strength = if height > 1.0 { height.recip() } else { height };
                candidates.push(Candidate { frequency_hz: RATE_HZ / period, strength });
            }
        }
        self.keep_strongest(candidates)
    }

    /// Keeps at most `max_candidates`, including the unvoiced one. The octave cost favors higher frequencies.
    fn keep_strongest(&self, mut candidates: Vec<Candidate>) -> Vec<Candidate> {
        let least = (self.config.ceiling_hz / self.config.floor_hz) as usize;
        let most = self.config.max_candidates.max(least) - 1;
        if candidates.len() > most {
            let value =
                |c: &Candidate| c.strength + self.config.octave_cost * (c.frequency_hz / self.config.floor_hz).log2();
            candidates.sort_by(|a, b| value(b).total_cmp(&value(a)));
            candidates.truncate(most);
        }
        candidates
    }
}

/// Praat's Hann window of `len` samples, `i` from 1. Its zeros are just outside the window.
fn hann(i: usize, len: usize) -> f32 {
    (0.5 - 0.5 * (TAU * i as f64 / (len + 1) as f64).cos()) as f32
}
