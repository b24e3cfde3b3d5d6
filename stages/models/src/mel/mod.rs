//! Power in mel bands of frames of 25 ms: the front end of Whisper, the speaker encoder and the detector of overlap.

mod filters;

use std::f64::consts::TAU;
use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

use filters::{Filter, slaney};

/// Samples of one frame and of its FFT (25 ms).
pub(crate) const N_FFT: usize = 400;
/// Samples between frames (10 ms).
pub(crate) const HOP: usize = 160;

/// Computes the power in mel bands, as `librosa.feature.melspectrogram` at 16 kHz.
pub(crate) struct MelBands {
    filters: Vec<Filter>,
    hann: Vec<f64>,
    // Double precision: the rounding errors of f32 in quiet bins next to loud ones would be visible after a logarithm.
    fft: Arc<dyn RealToComplex<f64>>,
}

/// Buffers for one frame.
pub(crate) struct MelFrame {
    /// The samples of the frame; overwritten by [`MelBands::power`].
    pub(crate) samples: Vec<f64>,
    spectrum: Vec<Complex<f64>>,
    scratch: Vec<Complex<f64>>,
}

impl std::fmt::Debug for MelBands {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MelBands").field("bands", &self.filters.len()).finish_non_exhaustive()
    }
}

impl MelBands {
    pub(crate) fn new(bands: usize) -> Self {
        let hann = (0..N_FFT).map(|i| 0.5 - 0.5 * (TAU * i as f64 / N_FFT as f64).cos()).collect();
        Self { filters: slaney(bands, N_FFT), hann, fft: RealFftPlanner::new().plan_fft_forward(N_FFT) }
    }

    /// Number of bands.
    pub(crate) fn bands(&self) -> usize {
        self.filters.len()
    }

    /// The power of every frame: frame `i` is centered on sample `160 i`. The samples are surrounded by silence.
    ///
    /// # Panics
    /// `BANDS` is not the number of bands.
    pub(crate) fn rows<const BANDS: usize>(&self, samples: &[f32]) -> Vec<[f32; BANDS]> {
        assert_eq!(self.bands(), BANDS, "the number of bands");
        let mut frame = self.frame();
        let of_frame = |index: usize| {
            let padding = (N_FFT / 2).saturating_sub(index * HOP);
            let from = (index * HOP + padding).saturating_sub(N_FFT / 2).min(samples.len());
            let own = &samples[from..samples.len().min(from + N_FFT - padding)];
            frame.samples.fill(0.0);
            let places = frame.samples[padding..].iter_mut();
            places.zip(own).for_each(|(place, sample)| *place = f64::from(*sample));
            let mut row = [0.0; BANDS];
            row.iter_mut().zip(self.power(&mut frame)).for_each(|(out, power)| *out = power as f32);
            row
        };
        (0..=samples.len() / HOP).map(of_frame).collect()
    }

    /// Buffers, whose samples are zero.
    pub(crate) fn frame(&self) -> MelFrame {
        MelFrame {
            samples: self.fft.make_input_vec(),
            spectrum: self.fft.make_output_vec(),
            scratch: self.fft.make_scratch_vec(),
        }
    }

    /// The power in each band of the samples of a frame.
    pub(crate) fn power<'a>(&'a self, frame: &'a mut MelFrame) -> impl Iterator<Item = f64> + 'a {
        let MelFrame { samples, spectrum, scratch } = frame;
        samples.iter_mut().zip(&self.hann).for_each(|(sample, hann)| *sample *= hann);
        if self.fft.process_with_scratch(samples, spectrum, scratch).is_err() {
            unreachable!("the buffers were made by the plan");
        }
        let spectrum = &*spectrum;
        self.filters.iter().map(move |filter| {
            let bins = &spectrum[filter.first..];
            filter.weights.iter().zip(bins).map(|(weight, bin)| weight * bin.norm_sqr()).sum()
        })
    }
}
