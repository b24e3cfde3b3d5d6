//! The band that has sound, from the mean spectrum at the file's own rate.

use std::f64::consts::TAU;
use std::fmt;
use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};
use stage_core::Measured;

/// Widest bin of the spectrum, in Hz.
const BIN_MAX_HZ: f64 = 12.0;
/// The spectrum is smoothed over this width, in Hz.
const SMOOTHED_HZ: f64 = 100.0;
/// Sound this far below the loudest frequency does not count, in dB.
const RANGE_DB: f64 = 60.0;
/// A fall by this much within [`EDGE_HZ`] is the edge of a filter, in dB.
const EDGE_DB: f64 = 20.0;
const EDGE_HZ: f64 = 300.0;
/// A filter ends where its level is this far down, in dB: half of the amplitude.
const FILTER_END_DB: f64 = 6.0;
/// Above the edge of a filter no level is nearer to that below it, in dB.
const ABOVE_EDGE_DB: f64 = 12.0;
/// An edge in the last part of the spectrum is that of the converter, relative to half the sample rate.
const CONVERTER_EDGE: f64 = 0.96;
/// Power that counts as silence.
const SILENCE: f64 = 1e-20;

/// The mean spectrum of a stream.
pub(super) struct Band {
    bin_hz: f64,
    window: Vec<f32>,
    forward: Arc<dyn RealToComplex<f32>>,
    pending: Vec<f32>,
    frame: Vec<f32>,
    spectrum: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
    power: Vec<f64>,
    frames: u64,
}

impl fmt::Debug for Band {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Band").field("bin_hz", &self.bin_hz).field("frames", &self.frames).finish_non_exhaustive()
    }
}

impl Band {
    pub(super) fn new(rate_hz: u32) -> Self {
        let len = ((f64::from(rate_hz) / BIN_MAX_HZ).ceil() as usize).next_power_of_two().max(16);
        let forward = RealFftPlanner::new().plan_fft_forward(len);
        Self {
            bin_hz: f64::from(rate_hz) / len as f64,
            window: (0..len).map(|i| (0.5 - 0.5 * (TAU * i as f64 / len as f64).cos()) as f32).collect(),
            pending: Vec::with_capacity(len),
            frame: forward.make_input_vec(),
            spectrum: forward.make_output_vec(),
            scratch: forward.make_scratch_vec(),
            power: vec![0.0; len / 2 + 1],
            frames: 0,
            forward,
        }
    }

    pub(super) fn add(&mut self, mut samples: &[f32]) {
        while !samples.is_empty() {
            let (part, rest) = samples.split_at(samples.len().min(self.window.len() - self.pending.len()));
            self.pending.extend_from_slice(part);
            if self.pending.len() == self.window.len() {
                self.add_frame();
            }
            samples = rest;
        }
    }

    fn add_frame(&mut self) {
        let places = self.frame.iter_mut().zip(&self.pending).zip(&self.window);
        places.for_each(|((place, x), weight)| *place = x * weight);
        self.pending.clear();
        if self.forward.process_with_scratch(&mut self.frame, &mut self.spectrum, &mut self.scratch).is_ok() {
            self.power.iter_mut().zip(&self.spectrum).for_each(|(sum, bin)| *sum += f64::from(bin.norm_sqr()));
            self.frames += 1;
        }
    }

    /// The highest frequency with sound and the edge of a filter, in Hz.
    pub(super) fn finish(self) -> (Measured, Measured) {
        if self.power.iter().all(|power| *power <= SILENCE) {
            let missing = || Measured::missing("too short or silent");
            return (missing(), missing());
        }
        let levels = self.smoothed_db();
        let loudest = levels.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let cutoff_hz = self.edge(&levels, loudest);
        let last = levels.iter().rposition(|level| *level > loudest - RANGE_DB).unwrap_or(0);
        let bandwidth_hz = cutoff_hz.unwrap_or(last as f64 * self.bin_hz);
        (Measured::of(bandwidth_hz), Measured::from_option(cutoff_hz, "no steep edge in the spectrum"))
    }

    fn smoothed_db(&self) -> Vec<f64> {
        let reach = (SMOOTHED_HZ / self.bin_hz / 2.0).round() as usize;
        let mean = |at: usize| {
            let around = &self.power[at.saturating_sub(reach)..(at + reach + 1).min(self.power.len())];
            around.iter().sum::<f64>() / around.len() as f64
        };
        (0..self.power.len()).map(|at| 10.0 * mean(at).max(SILENCE).log10()).collect()
    }

    /// The frequency at which the level falls most steeply and stays low above.
    fn edge(&self, levels: &[f64], loudest: f64) -> Option<f64> {
        let width = (EDGE_HZ / self.bin_hz) as usize;
        let highest = (CONVERTER_EDGE * (levels.len() - 1) as f64) as usize;
        let mut above = levels.iter().skip(highest).copied().fold(f64::NEG_INFINITY, f64::max);
        let mut steepest: Option<(f64, usize)> = None;
        for end in (width..highest).rev() {
            above = above.max(levels[end]);
            let (from, fall) = (levels[end - width], levels[end - width] - levels[end]);
            let audible = from > loudest - RANGE_DB - EDGE_DB;
            let is_edge = audible && fall >= EDGE_DB && from - above >= ABOVE_EDGE_DB;
            if is_edge && steepest.is_none_or(|(steepest, _)| fall > steepest) {
                steepest = Some((fall, end));
            }
        }
        let start = steepest?.1 - width;
        let inside = levels[start..start + width].iter().rposition(|level| *level >= levels[start] - FILTER_END_DB)?;
        Some((start + inside) as f64 * self.bin_hz)
    }
}

#[cfg(test)]
mod tests {
    use testkit::Random;

    use super::*;

    /// Low-passes by a windowed sinc of 20 ms, whose edge is about 100 Hz wide.
    fn low_passed(samples: &[f32], cutoff_hz: f64, rate_hz: f64) -> Vec<f32> {
        let reach = (0.01 * rate_hz) as i64;
        let tap = |k: i64| {
            let angle = TAU * cutoff_hz * k as f64 / rate_hz;
            let sinc = if k == 0 { 2.0 * cutoff_hz / rate_hz } else { angle.sin() / (k as f64 * TAU / 2.0) };
            (sinc * (0.5 + 0.5 * (TAU / 2.0 * k as f64 / reach as f64).cos())) as f32
        };
        let taps: Vec<f32> = (-reach..=reach).map(tap).collect();
        samples.windows(taps.len()).map(|window| window.iter().zip(&taps).map(|(x, tap)| x * tap).sum()).collect()
    }

    fn of(samples: &[f32], rate_hz: u32) -> (Measured, Measured) {
        let mut band = Band::new(rate_hz);
        samples.chunks(1_000).for_each(|block| band.add(block));
        band.finish()
    }

    #[test]
    fn bandwidth_of_known_filters_is_within_100_hz() {
        let noise = Random(8).noise(64_000, 0.3);
        for (cutoff_hz, rate_hz) in [(3_400.0, 8_000), (3_400.0, 16_000), (5_500.0, 16_000), (7_000.0, 44_100)] {
            let (bandwidth, cutoff) = of(&low_passed(&noise, cutoff_hz, f64::from(rate_hz)), rate_hz);
            assert!((bandwidth.value.unwrap() - cutoff_hz).abs() < 100.0, "{bandwidth:?}, {cutoff_hz} at {rate_hz}");
            assert_eq!(bandwidth.value, cutoff.value);
        }
    }

    #[test]
    fn bandwidth_of_filtered_speech_is_within_100_hz() {
        for name in ["en/jfk.wav", "en/azure_en.wav", "ko/azure_ko.wav"] {
            let speech = testkit::Wav::read_mono(&testkit::fixture("speech").join(name), 16_000);
            let speech = &speech[..speech.len().min(10 * 16_000)];
            for cutoff_hz in [3_000.0, 4_000.0, 5_000.0] {
                let (bandwidth, _) = of(&low_passed(speech, cutoff_hz, 16_000.0), 16_000);
                let distance_hz = bandwidth.value.unwrap() - cutoff_hz;
                assert!(distance_hz.abs() < 100.0, "{name}: {bandwidth:?} for {cutoff_hz}");
            }
            assert_eq!(of(speech, 16_000).1.value, None, "{name} has no edge");
        }
    }

    #[test]
    fn full_band_has_no_edge() {
        let (bandwidth, cutoff) = of(&Random(8).noise(32_000, 0.3), 16_000);
        assert!(bandwidth.value.unwrap() > 7_900.0 && cutoff.value.is_none());
        assert_eq!(of(&[], 16_000).0.value, None);
        assert_eq!(of(&[0.0; 16_000], 16_000).0.reason.unwrap(), "too short or silent");
    }
}
