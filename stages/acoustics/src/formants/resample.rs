//! Resampling by a ratio of small integers, with a windowed sinc.

use std::f64::consts::PI;

use dsp::{dot_inline, vectorized};

/// Zero crossings of the sinc on each side.
const CROSSINGS: f64 = 30.0;

/// A filter for each position of an output sample between two input samples.
#[derive(Debug, Clone)]
pub struct Resampler {
    from_hz: u32,
    to_hz: u32,
    /// Input samples before the first that a filter covers, from the position of the output sample.
    reach: usize,
    filters: Vec<Vec<f32>>,
}

impl Resampler {
    /// Prepares the conversion between two rates.
    #[must_use]
    pub fn new(from_hz: u32, to_hz: u32) -> Self {
        let divisor = greatest_common_divisor(from_hz, to_hz);
        let phases = to_hz / divisor;
        // Below 1 if the target has the smaller band.
        let cutoff = (f64::from(to_hz) / f64::from(from_hz)).min(1.0);
        let width = CROSSINGS / cutoff;
        let reach = width.ceil() as usize;
        let mut resampler = Self { from_hz, to_hz, reach, filters: Vec::new() };
        resampler.filters = (0..phases).map(|phase| resampler.filter(phase.into(), cutoff, width)).collect();
        resampler
    }

    fn filter(&self, output: u64, cutoff: f64, width: f64) -> Vec<f32> {
        let (whole, fraction) = self.place(output);
        debug_assert!(whole < i64::from(self.from_hz));
        let tap = |k: usize| {
            let distance = k as f64 - self.reach as f64 - fraction;
            let window = if distance.abs() < width { 0.5 + 0.5 * (PI * distance / width).cos() } else { 0.0 };
            let angle = PI * cutoff * distance;
            let sinc = if angle.abs() < 1e-9 { 1.0 } else { angle.sin() / angle };
            cutoff * sinc * window
        };
        let taps: Vec<f64> = (0..2 * self.reach + 2).map(tap).collect();
        taps.into_iter().map(|tap| tap as f32).collect()
    }

    /// Place of an output sample in the input: the sample before it, and the distance from there. The centers of the
    /// first samples are half a sample from the start.
    fn place(&self, output: u64) -> (i64, f64) {
        let place = (output as f64 + 0.5) * f64::from(self.from_hz) / f64::from(self.to_hz) - 0.5;
        let whole = (place + 1e-9).floor();
        (whole as i64, (place - whole).max(0.0))
    }

    /// Converts samples; those before and after them count as silence.
    #[must_use]
    pub fn convert(&self, samples: &[f32]) -> Vec<f32> {
        let outputs = samples.len() as u64 * u64::from(self.to_hz) / u64::from(self.from_hz);
        let phases = self.filters.len() as u64;
        let sample = |output| {
            let filter = &self.filters[(output % phases) as usize];
            let first = self.place(output).0 - self.reach as i64;
            let skipped = usize::try_from(-first).unwrap_or(0);
            let from = usize::try_from(first).unwrap_or(0).min(samples.len());
            dot_inline(filter.get(skipped..).unwrap_or_default(), &samples[from..])
        };
        vectorized(|| (0..outputs).map(sample).collect())
    }
}

fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resampled_sine_is_the_sine_at_the_new_rate() {
        let sine = |hz: f64, rate: f64, n: usize| (std::f64::consts::TAU * hz * (n as f64 + 0.5) / rate).sin() as f32;
        let convert = |hz: f64| {
            let samples: Vec<f32> = (0..16_000).map(|n| sine(hz, 16_000.0, n)).collect();
            Resampler::new(16_000, 11_000).convert(&samples)
        };
        for (n, x) in convert(1_234.0).iter().enumerate().skip(100).take(10_800) {
            assert!((x - sine(1_234.0, 11_000.0, n)).abs() < 2e-3, "sample {n}");
        }
        let alias = convert(7_000.0).into_iter().skip(100).take(10_800).fold(0.0_f32, |most, x| most.max(x.abs()));
        assert!(alias < 1e-3, "a tone above the new band leaves {alias}");
    }
}
