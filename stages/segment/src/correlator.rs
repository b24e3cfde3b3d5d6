//! Cross-correlation of an interval of one channel with another channel, over all delays that occur.

use std::io;
use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};
use stage_core::Pcm;

/// Samples in an interval, the unit of comparison: 256 ms.
pub(crate) const INTERVAL: usize = 4096;
/// Longest delay in either direction: 100 ms.
pub(crate) const LONGEST_DELAY: usize = 1600;
/// Samples of the other channel that an interval is compared with.
pub(crate) const FIELD: usize = INTERVAL + 2 * LONGEST_DELAY;
const FFT: usize = 8192;

/// Computes cross-correlations.
pub(crate) struct Correlator {
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
}

impl Correlator {
    pub(crate) fn new() -> Self {
        let mut planner = RealFftPlanner::new();
        Self { forward: planner.plan_fft_forward(FFT), inverse: planner.plan_fft_inverse(FFT) }
    }

    /// The [`FIELD`] samples of a channel around the interval at `start`. Samples outside the recording are 0.
    pub(crate) fn field(pcm: &Pcm, channel: usize, start: u64) -> io::Result<Vec<f32>> {
        padded(pcm, channel, start as i64 - LONGEST_DELAY as i64, FIELD)
    }

    /// Cross-correlation of an interval with a field, by delay plus [`LONGEST_DELAY`]. Not normalized.
    pub(crate) fn product(&self, own: &[f32], field: &[f32]) -> Vec<f32> {
        let transform = |samples: &[f32]| {
            let mut padded = vec![0.0; FFT];
            padded[..samples.len()].copy_from_slice(samples);
            let mut spectrum = self.forward.make_output_vec();
            // This cannot fail, because the buffers have the lengths of the plan.
            drop(self.forward.process(&mut padded, &mut spectrum));
            spectrum
        };
        let (own, field) = (transform(own), transform(field));
        let mut crossed: Vec<Complex<f32>> = field.iter().zip(&own).map(|(field, own)| field * own.conj()).collect();
        // The inverse transform requires real first and last bins, as a real signal has.
        let last = crossed.len() - 1;
        (crossed[0].im, crossed[last].im) = (0.0, 0.0);
        let mut lags = self.inverse.make_output_vec();
        drop(self.inverse.process(&mut crossed, &mut lags));
        lags.iter_mut().for_each(|x| *x /= FFT as f32);
        lags
    }
}

/// `len` samples of a channel from `start`. Samples outside the recording are 0.
pub(crate) fn padded(pcm: &Pcm, channel: usize, start: i64, len: usize) -> io::Result<Vec<f32>> {
    let missing = (start.min(0).unsigned_abs() as usize).min(len);
    let mut samples = vec![0.0; missing];
    samples.extend(pcm.read(channel, start.max(0) as u64, len - missing)?);
    samples.resize(len, 0.0);
    Ok(samples)
}
