//! Whisper's front end: the log-mel spectrogram of one window, as in transformers' `WhisperFeatureExtractor`,
//! optionally with normalized level.

use crate::mel::MelBands;
pub(crate) use crate::mel::{HOP, N_FFT};

/// Power values are clamped to at least this.
const FLOOR: f64 = 1e-10;
/// The target level of speech: log10 of the power in the loudest band of a frame, at the 90th percentile of the frames.
/// It is the level of a close, loud voice, like most of Whisper's training data.
const SPEECH_LEVEL: f64 = 1.5;
/// The quantile of the frames at which the level is measured.
const SPEECH_QUANTILE: f64 = 0.9;
/// Range of the level change, in log10 of power: from -20 dB to +40 dB.
const LEVEL_CHANGE: (f64, f64) = (-2.0, 4.0);

/// Computes log-mel features from the samples of a window.
#[derive(Debug)]
pub(crate) struct LogMel {
    frames: usize,
    bands: MelBands,
}

impl LogMel {
    /// A front end with `bands` mel bands for windows of `frames` frames of 10 ms.
    pub(crate) fn new(bands: usize, frames: usize) -> Self {
        Self { frames, bands: MelBands::new(bands) }
    }

    /// Number of samples in a full window.
    pub(crate) const fn samples(&self) -> usize {
        self.frames * HOP
    }

    /// Log-mel features `[frames, bands]` of a window's samples (16 kHz), which are padded with silence or truncated to
    /// the window. Features are log10 of the power, clamped to 8 below the maximum, and mapped by (x + 4) / 4.
    pub(crate) fn features(&self, samples: &[f32]) -> Vec<f32> {
        scaled(&self.log_power(samples))
    }

    /// [`LogMel::features`] with the speech normalized to the target level. Without this, Whisper's text of a
    /// distant, quiet voice differs from its text of the same voice at close range.
    pub(crate) fn normalized_features(&self, samples: &[f32]) -> Vec<f32> {
        let mut log_power = self.log_power(samples);
        let own = samples.len().min(self.samples()).div_ceil(HOP);
        let mut peaks: Vec<f64> = log_power.chunks_exact(self.bands.bands()).take(own).map(highest).collect();
        if peaks.is_empty() {
            return scaled(&log_power);
        }
        let rank = ((peaks.len() - 1) as f64 * SPEECH_QUANTILE) as usize;
        let (_, level, _) = peaks.select_nth_unstable_by(rank, f64::total_cmp);
        let change = (SPEECH_LEVEL - *level).clamp(LEVEL_CHANGE.0, LEVEL_CHANGE.1);
        log_power.iter_mut().for_each(|x| *x += change);
        scaled(&log_power)
    }

    /// log10 of the power in each band of each frame, `[frames, bands]`.
    fn log_power(&self, samples: &[f32]) -> Vec<f64> {
        let samples = &samples[..samples.len().min(self.samples())];
        let mut log_power = vec![FLOOR.log10(); self.frames * self.bands.bands()];
        let mut frame = self.bands.frame();
        for (index, row) in log_power.chunks_exact_mut(self.bands.bands()).enumerate() {
            if self.mirrored(samples, index, &mut frame.samples) {
                let power = self.bands.power(&mut frame);
                row.iter_mut().zip(power).for_each(|(out, power)| *out = power.max(FLOOR).log10());
            }
        }
        log_power
    }

    /// Copies the samples of frame `index`, centered on its hop and mirrored at the window's ends. Returns false if it
    /// contains only
    /// silence.
    fn mirrored(&self, samples: &[f32], index: usize, frame: &mut [f64]) -> bool {
        let last = self.samples() as isize - 1;
        let start = (index * HOP) as isize - (N_FFT / 2) as isize;
        if start >= samples.len() as isize && start + (N_FFT as isize) <= last {
            return false;
        }
        for (offset, out) in (start..).zip(frame) {
            let mirrored = if offset < 0 {
                -offset
            } else if offset > last {
                2 * last - offset
            } else {
                offset
            };
            *out = samples.get(mirrored as usize).map_or(0.0, |x| f64::from(*x));
        }
        true
    }
}

fn scaled(log_power: &[f64]) -> Vec<f32> {
    let loudest = highest(log_power);
    log_power.iter().map(|x| ((x.max(loudest - 8.0) + 4.0) / 4.0) as f32).collect()
}

fn highest(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::MIN, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_flat_and_a_tone_lights_its_band() {
        let mel = LogMel::new(80, 100);
        assert!(mel.features(&[]).iter().all(|x| (*x - (-10.0 + 4.0) / 4.0).abs() < 1e-6));
        let tone: Vec<f32> =
            (0..16_000).map(|i| (i as f32 * 1000.0 * std::f32::consts::TAU / 16_000.0).sin()).collect();
        let features = mel.features(&tone);
        let middle = &features[50 * 80..51 * 80];
        let loudest = middle.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0;
        // 1 kHz is 15 mel of 45.2. Bands are 0.558 mel apart, and the first is centered at 0.558 mel.
        assert_eq!(loudest, 26);
    }

    #[test]
    fn features_that_are_normalized_do_not_depend_on_the_level() {
        let mel = LogMel::new(80, 100);
        let at = |gain: f32| -> Vec<f32> {
            let sample = |i: u32| (i.wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 24) as f32 - 0.5;
            (0..12_000).map(|i| gain * sample(i)).collect()
        };
        let difference = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        let loud = mel.normalized_features(&at(1.0));
        assert!(difference(&loud, &mel.normalized_features(&at(0.1))) < 1e-4);
        assert!(difference(&mel.features(&at(1.0)), &mel.features(&at(0.1))) > 0.4);
        assert!(difference(&loud, &mel.normalized_features(&at(1e-4))) > 0.4, "80 dB exceed the maximum correction");
        assert_eq!(mel.normalized_features(&[]), mel.features(&[]));
    }

    #[test]
    fn silence_that_is_skipped_equals_computed_silence() {
        let mel = LogMel::new(80, 100);
        let samples: Vec<f32> = (0..5_000).map(|i| ((i * i) % 97) as f32 / 97.0 - 0.5).collect();
        let mut padded = samples.clone();
        padded.resize(16_000, 0.0);
        assert_eq!(mel.features(&samples), mel.features(&padded));
    }
}
