//! Levels of a channel in frequency bands, 50 times per second, 2 bytes each.

use std::f32::consts::TAU;
use std::sync::Arc;

use realfft::num_complex::Complex32;
use realfft::{RealFftPlanner, RealToComplex};

use crate::PLANE_RATE_HZ;

const N_FFT: usize = 512;
const HOP: usize = PLANE_RATE_HZ as usize / 50;
/// Frames per second.
pub(crate) const FRAME_RATE: f64 = 50.0;
/// Edges of the bands, in bins of 31.25 Hz: 219 Hz to 7 kHz.
const EDGES: [usize; 17] = [7, 10, 14, 18, 23, 28, 34, 41, 49, 58, 68, 80, 94, 110, 135, 175, 225];

/// A level in hundredths of a dB relative to a full-scale sine in one bin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Level(i16);

impl Level {
    fn of(power: f32) -> Self {
        Self((1000.0 * (power + 1e-13).log10()) as i16)
    }

    pub(crate) fn db(self) -> f32 {
        0.01 * f32::from(self.0)
    }
}

/// The levels of all bands, means of two frames.
pub(crate) struct Bands {
    fft: Arc<dyn RealToComplex<f32>>,
    window: Vec<f32>,
    input: Vec<f32>,
    output: Vec<Complex32>,
    scratch: Vec<Complex32>,
    pending: Vec<f32>,
    /// Powers of the last frame, by band.
    recent: Vec<f32>,
    levels: Vec<Vec<Level>>,
}

impl Bands {
    pub(crate) fn new() -> Self {
        let fft = RealFftPlanner::new().plan_fft_forward(N_FFT);
        Self {
            input: fft.make_input_vec(),
            output: fft.make_output_vec(),
            scratch: fft.make_scratch_vec(),
            fft,
            window: (0..N_FFT).map(|n| 0.5 - 0.5 * (TAU * (n as f32 + 0.5) / N_FFT as f32).cos()).collect(),
            // Frame 0 is centered at the first sample.
            pending: vec![0.0; N_FFT / 2],
            recent: vec![0.0; EDGES.len() - 1],
            levels: vec![Vec::new(); EDGES.len() - 1],
        }
    }

    /// Adds the channel's next samples of the plane.
    pub(crate) fn add(&mut self, samples: &[f32]) {
        self.pending.extend_from_slice(samples);
        let mut at = 0;
        while at + N_FFT <= self.pending.len() {
            self.add_frame(at);
            at += HOP;
        }
        self.pending.drain(..at);
    }

    fn add_frame(&mut self, at: usize) {
        let samples = self.pending[at..at + N_FFT].iter().zip(&self.window);
        self.input.iter_mut().zip(samples).for_each(|(input, (sample, weight))| *input = sample * weight);
        if self.fft.process_with_scratch(&mut self.input, &mut self.output, &mut self.scratch).is_err() {
            return;
        }
        let scale = 16.0 / (N_FFT * N_FFT) as f32;
        for ((edges, recent), levels) in EDGES.windows(2).zip(&mut self.recent).zip(&mut self.levels) {
            let power: f32 = self.output[edges[0]..edges[1]].iter().map(|bin| bin.norm_sqr()).sum();
            let power = power * scale / (edges[1] - edges[0]) as f32;
            if levels.len() == levels.capacity() {
                // Growth by a half or more would leave much memory of a long recording unused.
                levels.reserve_exact(levels.len() / 8 + 4_096);
            }
            levels.push(Level::of(0.5 * (*recent + power)));
            *recent = power;
        }
    }

    pub(crate) fn frames(&self) -> usize {
        self.levels[0].len()
    }

    pub(crate) fn count(&self) -> usize {
        self.levels.len()
    }

    /// Levels of a band, by frame.
    pub(crate) fn levels(&self, band: usize) -> &[Level] {
        &self.levels[band]
    }
}
