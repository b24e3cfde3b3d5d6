//! Root-mean-square levels of slices and of a frequency band of a stream.

use std::f64::consts::{FRAC_1_SQRT_2, TAU};

/// Mean of the squared samples; 0 for an empty slice. Accumulated in f64.
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

/// Changes the level of samples by `gain_db` dB, within full scale.
///
/// ```
/// let mut samples = [0.015625, -0.2];
/// dsp::amplify(&mut samples, 20.0);
/// assert_eq!(samples, [0.15625, -1.0]);
/// ```
pub fn amplify(samples: &mut [f32], gain_db: f32) {
    let gain = 10f32.powf(gain_db / 20.0);
    samples.iter_mut().for_each(|sample| *sample = (*sample * gain).clamp(-1.0, 1.0));
}

/// An amplitude as decibels relative to full scale (1.0 is 0 dBFS); negative infinity for silence.
///
/// ```
/// assert_eq!(dsp::dbfs(1.0), 0.0);
/// assert!((dsp::dbfs(dsp::rms(&[0.5, -0.5])) + 6.02).abs() < 0.01);
/// ```
#[must_use]
pub fn dbfs(amplitude: f64) -> f64 {
    20.0 * amplitude.log10()
}

/// RMS of successive frames of `frame` samples, `hop` apart; the last frame may be shorter.
///
/// ```
/// assert_eq!(dsp::frame_rms(&[1.0, 1.0, 0.0, 0.0, 0.0], 2, 2), [1.0, 0.0, 0.0]);
/// ```
#[must_use]
pub fn frame_rms(samples: &[f32], frame: usize, hop: usize) -> Vec<f64> {
    (0..samples.len()).step_by(hop.max(1)).map(|at| rms(&samples[at..(at + frame).min(samples.len())])).collect()
}

/// Level that [`LevelMeter`] reports for silence, in dBFS. It is finite and below the noise of any 16-bit recording.
pub const SILENCE_DBFS: f32 = -120.0;
/// Speech below this level is quiet, in dBFS: detectors and recognizers, which are not trained on it, get it raised.
pub const QUIET_SPEECH_DBFS: f32 = -50.0;

/// Levels of successive hops of a stream, in dBFS, after a second-order Butterworth band-pass.
///
/// The filter removes hum, offset and hiss, so that frames of speech and pauses differ clearly.
///
/// ```
/// use dsp::LevelMeter;
///
/// let sine = |hz: f32| (0..16_000).map(|n| (n as f32 * hz / 16_000.0 * std::f32::consts::TAU).sin()).collect::<Vec<_>>();
/// let level_dbfs = |hz| {
///     let mut meter = LevelMeter::new(16_000.0, 200.0, 3_800.0, 160);
///     meter.push(&sine(hz));
///     meter.finish()[50]
/// };
/// assert!((level_dbfs(1_000.0) + 3.0).abs() < 0.1, "a sine of full scale");
/// assert!(level_dbfs(50.0) < -25.0, "hum is outside the band");
/// ```
#[derive(Debug, Clone)]
pub struct LevelMeter {
    band: BandPass,
    hop: usize,
    sum: f64,
    filled: usize,
    levels: Vec<f32>,
}

impl LevelMeter {
    /// Creates a meter for the band from `low_hz` to `high_hz` that computes one level per `hop` samples.
    ///
    /// # Panics
    /// If `hop` is 0.
    #[must_use]
    pub fn new(sample_rate_hz: f64, low_hz: f64, high_hz: f64, hop: usize) -> Self {
        assert!(hop > 0, "hop must not be 0");
        Self { band: BandPass::new(sample_rate_hz, low_hz, high_hz), hop, sum: 0.0, filled: 0, levels: Vec::new() }
    }

    /// Measures the next samples of the stream. Block sizes do not affect the result.
    pub fn push(&mut self, samples: &[f32]) {
        for sample in samples {
            let filtered = self.band.step(f64::from(*sample));
            self.sum += filtered * filtered;
            self.filled += 1;
            if self.filled == self.hop {
                self.close_hop();
            }
        }
    }

    /// Returns the levels in dBFS, one per hop, at least [`SILENCE_DBFS`]. The last hop may be shorter.
    #[must_use]
    pub fn finish(mut self) -> Vec<f32> {
        if self.filled > 0 {
            self.close_hop();
        }
        self.levels
    }

    fn close_hop(&mut self) {
        let level = dbfs((self.sum / self.filled as f64).sqrt()) as f32;
        self.levels.push(level.max(SILENCE_DBFS));
        (self.sum, self.filled) = (0.0, 0);
    }
}

/// A second-order Butterworth band-pass filter for a stream.
#[derive(Debug, Clone)]
pub struct BandPass {
    high_pass: Biquad,
    low_pass: Biquad,
}

impl BandPass {
    /// Creates a filter for the band from `low_hz` to `high_hz`.
    #[must_use]
    pub fn new(sample_rate_hz: f64, low_hz: f64, high_hz: f64) -> Self {
        Self {
            high_pass: Biquad::high_pass(sample_rate_hz, low_hz),
            low_pass: Biquad::low_pass(sample_rate_hz, high_hz),
        }
    }

    /// Filters the next sample of the stream.
    pub fn step(&mut self, sample: f64) -> f64 {
        self.low_pass.step(self.high_pass.step(sample))
    }
}

/// A second-order Butterworth section in transposed direct form II, by R. Bristow-Johnson's "Cookbook formulae for
/// audio EQ biquad filter coefficients".
#[derive(Debug, Clone)]
struct Biquad {
    b: [f64; 3],
    a: [f64; 2],
    state: [f64; 2],
}

impl Biquad {
    fn low_pass(sample_rate_hz: f64, cutoff_hz: f64) -> Self {
        let (cos, alpha) = angle(sample_rate_hz, cutoff_hz);
        let side = (1.0 - cos) / 2.0;
        Self::normalized([side, 1.0 - cos, side], cos, alpha)
    }

    fn high_pass(sample_rate_hz: f64, cutoff_hz: f64) -> Self {
        let (cos, alpha) = angle(sample_rate_hz, cutoff_hz);
        let side = (1.0 + cos) / 2.0;
        Self::normalized([side, -(1.0 + cos), side], cos, alpha)
    }

    fn normalized(b: [f64; 3], cos: f64, alpha: f64) -> Self {
        let a0 = 1.0 + alpha;
        Self { b: b.map(|x| x / a0), a: [-2.0 * cos / a0, (1.0 - alpha) / a0], state: [0.0; 2] }
    }

    fn step(&mut self, x: f64) -> f64 {
        let y = self.b[0] * x + self.state[0];
        self.state[0] = self.b[1] * x - self.a[0] * y + self.state[1];
        self.state[1] = self.b[2] * x - self.a[1] * y;
        y
    }
}

/// Cosine of the cutoff's angle and the bandwidth term for the Butterworth quality 1/sqrt(2).
fn angle(sample_rate_hz: f64, cutoff_hz: f64) -> (f64, f64) {
    let (sin, cos) = (TAU * cutoff_hz / sample_rate_hz).sin_cos();
    (cos, sin / (2.0 * FRAC_1_SQRT_2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(hz: f32, len: usize) -> Vec<f32> {
        (0..len).map(|n| (n as f32 * hz / 16_000.0 * std::f32::consts::TAU).sin()).collect()
    }

    #[test]
    fn meter_measures_its_band_without_hum() {
        let level = |hz| {
            let mut meter = LevelMeter::new(16_000.0, 200.0, 3800.0, 160);
            meter.push(&sine(hz, 16_000));
            meter.finish()[50]
        };
        assert!((level(1000.0) + 3.01).abs() < 0.1, "{}", level(1000.0));
        assert!(level(50.0) < -25.0, "{}", level(50.0));
        assert!((level(200.0) + 6.02).abs() < 0.3, "half power at the edge: {}", level(200.0));
    }

    #[test]
    fn meter_does_not_depend_on_block_sizes() {
        let samples = sine(440.0, 1000);
        let mut whole = LevelMeter::new(16_000.0, 200.0, 3800.0, 160);
        let mut cut = whole.clone();
        whole.push(&samples);
        samples.chunks(37).for_each(|block| cut.push(block));
        let levels = whole.finish();
        assert_eq!(levels.len(), 7, "six whole hops and a short one");
        assert_eq!(levels, cut.finish());
        assert_eq!(LevelMeter::new(16_000.0, 200.0, 3800.0, 160).finish(), Vec::<f32>::new());
    }

    #[test]
    fn rms_of_a_full_scale_sine_is_three_decibels_below_a_square() {
        let sine: Vec<f32> = (0..16_000).map(|n| (n as f32 * 0.05 * std::f32::consts::TAU).sin()).collect();
        assert!((dbfs(rms(&sine)) + 3.0103).abs() < 1e-3);
        assert_eq!(dbfs(rms(&[0.0; 10])), f64::NEG_INFINITY);
        assert_eq!(frame_rms(&[1.0; 10], 4, 4).len(), 3);
    }
}
