//! Resampling by a ratio of small integers, with a windowed sinc.

use std::f64::consts::PI;

use dsp::dot_inline;

/// Zero crossings of the sinc on each side.
const CROSSINGS: f64 = 30.0;

/// Taps of a filter are a multiple of this number, which vectors divide.
const LANES: usize = 32;

/// Filters for the output samples of a period, after which the positions between input samples repeat.
#[derive(Debug, Clone)]
pub struct Resampler {
    from_hz: u32,
    to_hz: u32,
    /// Input samples of a period.
    period: i64,
    filters: Vec<Filter>,
}

#[derive(Debug, Clone)]
struct Filter {
    /// The first input sample that it covers, in the first period.
    first: i64,
    taps: Vec<f32>,
}

impl Resampler {
    /// Prepares the conversion between two rates.
    #[must_use]
    pub fn new(from_hz: u32, to_hz: u32) -> Self {
        let divisor = greatest_common_divisor(from_hz, to_hz);
        let filters = (0..to_hz / divisor).map(|output| filter(output, f64::from(from_hz) / f64::from(to_hz)));
        Self { from_hz, to_hz, period: i64::from(from_hz / divisor), filters: filters.collect() }
    }

    /// Converts samples; those before and after them count as silence.
    #[must_use]
    pub fn convert(&self, samples: &[f32]) -> Vec<f32> {
        let outputs = (samples.len() as u64 * u64::from(self.to_hz) / u64::from(self.from_hz)) as usize;
        let periods = outputs.div_ceil(self.filters.len());
        let mut converted = vec![0.0; periods * self.filters.len()];
        products(self, samples, &mut converted);
        converted.truncate(outputs);
        converted
    }
}

dsp::vectorized! {
    /// The output samples of whole periods.
    fn products<'a>(resampler: &'a Resampler, samples: &'a [f32], outputs: &'a mut [f32]) {
        for (period, outputs) in outputs.chunks_exact_mut(resampler.filters.len()).enumerate() {
            let start = period as i64 * resampler.period;
            for (output, Filter { first, taps }) in outputs.iter_mut().zip(&resampler.filters) {
                *output = product(taps, samples, first + start);
            }
        }
    }
}

/// The filter of an output sample, which is `ratio` input samples long. The centers of the first samples are half a sample
/// from the start.
fn filter(output: u32, ratio: f64) -> Filter {
    // Below 1 if the target has the smaller band.
    let cutoff = ratio.recip().min(1.0);
    let width = CROSSINGS / cutoff;
    let place = (f64::from(output) + 0.5) * ratio - 0.5;
    let first = (place - width).ceil();
    let tap = |k: usize| {
        let distance = first + k as f64 - place;
        let window = if distance.abs() < width { 0.5 + 0.5 * (PI * distance / width).cos() } else { 0.0 };
        let angle = PI * cutoff * distance;
        let sinc = if angle.abs() < 1e-9 { 1.0 } else { angle.sin() / angle };
        (cutoff * sinc * window) as f32
    };
    let len = (2.0 * width).ceil() as usize + 1;
    Filter { first: first as i64, taps: (0..len.next_multiple_of(LANES)).map(tap).collect() }
}

/// The output sample of a filter whose first tap is at input sample `first`.
#[inline(always)]
fn product(taps: &[f32], samples: &[f32], first: i64) -> f32 {
    let skipped = usize::try_from(-first).unwrap_or(0).min(taps.len());
    let from = usize::try_from(first).unwrap_or(0).min(samples.len());
    dot_inline(&taps[skipped..], &samples[from..])
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
