//! Levels of a channel in frequency bands, 50 times per second, 2 bytes each.

use realfft::num_complex::Complex32;

use crate::PLANE_RATE_HZ;
use crate::spectra::Spectra;

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
    spectra: Spectra,
    /// Powers of the last frame, by band.
    recent: Vec<f32>,
    levels: Vec<Vec<Level>>,
}

impl Bands {
    pub(crate) fn new() -> Self {
        let mut spectra = Spectra::new(N_FFT, HOP);
        // Frame 0 is centered at the first sample.
        spectra.pending().resize(N_FFT / 2, 0.0);
        let bands = EDGES.len() - 1;
        Self { spectra, recent: vec![0.0; bands], levels: vec![Vec::new(); bands] }
    }

    /// Adds the channel's next samples of the plane.
    pub(crate) fn add(&mut self, samples: &[f32]) {
        self.spectra.pending().extend_from_slice(samples);
        while let Some(spectrum) = self.spectra.next() {
            for ((edges, recent), levels) in EDGES.windows(2).zip(&mut self.recent).zip(&mut self.levels) {
                let power = mean_power(&spectrum[edges[0]..edges[1]]);
                if levels.len() == levels.capacity() {
                    // Growth by a half or more would leave much memory of a long recording unused.
                    levels.reserve_exact(levels.len() / 8 + 4_096);
                }
                levels.push(Level::of(0.5 * (*recent + power)));
                *recent = power;
            }
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

/// Mean power of bins, relative to a full-scale sine.
fn mean_power(bins: &[Complex32]) -> f32 {
    let scale = 16.0 / (N_FFT * N_FFT) as f32;
    let power: f32 = bins.iter().map(|bin| bin.norm_sqr()).sum();
    power * scale / bins.len() as f32
}
