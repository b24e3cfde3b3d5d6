//! Lower sample rates for the analyses that need few samples.

use std::f32::consts::{PI, TAU};

use dsp::dot_inline;

/// Lowers the sample rate by a whole factor, block by block, with a windowed sinc.
#[derive(Debug)]
pub(crate) struct Decimator {
    factor: usize,
    taps: Vec<f32>,
    history: Vec<f32>,
}

impl Decimator {
    /// A filter of `2 * delay * factor + 1` taps that cuts at `cutoff`, relative to half of the lower rate. Its output is
    /// late by `delay` samples of the lower rate.
    pub(crate) fn new(factor: usize, delay: usize, cutoff: f32) -> Self {
        let half = (delay * factor) as i32;
        let scale = cutoff / factor as f32;
        let tap = |n: i32| {
            let x = PI * n as f32 * scale;
            let sinc = if n == 0 { 1.0 } else { x.sin() / x };
            scale * sinc * (0.54 + 0.46 * (TAU * n as f32 / (2 * half + 2) as f32).cos())
        };
        Self { factor, taps: (-half..=half).map(tap).collect(), history: vec![0.0; 2 * half as usize] }
    }

    /// Adds samples, and appends what follows from them at the lower rate.
    pub(crate) fn add(&mut self, samples: &[f32], lowered: &mut Vec<f32>) {
        self.history.extend_from_slice(samples);
        let outputs = (self.history.len() + self.factor).saturating_sub(self.taps.len()) / self.factor;
        let end = lowered.len();
        lowered.resize(end + outputs, 0.0);
        products(&self.taps, &self.history, self.factor, &mut lowered[end..]);
        self.history.drain(..outputs * self.factor);
    }
}

dsp::vectorized! {
    /// The output samples of a filter that moves by `step` from one to the next.
    fn products<'a>(taps: &'a [f32], samples: &'a [f32], step: usize, outputs: &'a mut [f32]) {
        for (at, output) in outputs.iter_mut().enumerate() {
            *output = dot_inline(taps, &samples[at * step..]);
        }
    }
}
