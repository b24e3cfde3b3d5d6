//! Short-time spectra of a stream.

use std::f32::consts::TAU;
use std::sync::Arc;

use realfft::num_complex::Complex32;
use realfft::{RealFftPlanner, RealToComplex};

/// The spectra of frames with a Hann window, from samples that come block by block.
pub(crate) struct Spectra {
    fft: Arc<dyn RealToComplex<f32>>,
    window: Vec<f32>,
    hop: usize,
    input: Vec<f32>,
    output: Vec<Complex32>,
    scratch: Vec<Complex32>,
    pending: Vec<f32>,
    /// Where the next frame begins in `pending`.
    at: usize,
}

impl Spectra {
    /// Frames of `len` samples, each `hop` samples after the one before it.
    pub(crate) fn new(len: usize, hop: usize) -> Self {
        let fft = RealFftPlanner::new().plan_fft_forward(len);
        Self {
            input: fft.make_input_vec(),
            output: fft.make_output_vec(),
            scratch: fft.make_scratch_vec(),
            fft,
            window: (0..len).map(|n| 0.5 - 0.5 * (TAU * (n as f32 + 0.5) / len as f32).cos()).collect(),
            hop,
            pending: Vec::new(),
            at: 0,
        }
    }

    /// The samples of frames that are not complete yet; the next ones are appended here.
    pub(crate) const fn pending(&mut self) -> &mut Vec<f32> {
        &mut self.pending
    }

    /// The spectrum of the next frame; `None` until there are more samples.
    pub(crate) fn next(&mut self) -> Option<&[Complex32]> {
        let Some(samples) = self.pending[self.at..].get(..self.window.len()) else {
            self.pending.drain(..self.at);
            self.at = 0;
            return None;
        };
        multiply(samples, &self.window, &mut self.input);
        self.at += self.hop;
        let planned = "buffers come from the plan";
        self.fft.process_with_scratch(&mut self.input, &mut self.output, &mut self.scratch).expect(planned);
        Some(&self.output)
    }
}

dsp::vectorized! {
    fn multiply<'a>(samples: &'a [f32], weights: &'a [f32], products: &'a mut [f32]) {
        for ((product, sample), weight) in products.iter_mut().zip(samples).zip(weights) {
            *product = sample * weight;
        }
    }
}
