//! Acoustic measures of voices, by published methods.
//!
//! ```text
//! samples, F0 contour -> pulses -> jitter, shimmer        (sums that can be merged over any interval)
//! frame of samples    -> harmonics-to-noise ratio, intensity, formants, spectrum
//! spectrum            -> cepstral peak prominence, harmonics, long-term average spectrum
//! ```
//!
//! | item | measure | method |
//! |---|---|---|
//! | [`pulses`] | times of glottal pulses | cross-correlation of periods: Boersma 2009 |
//! | [`perturbation`] | jitter local, rap, ppq5, ddp; shimmer local, apq3, apq5, apq11 | Koike 1973, Deliyski 1993 |
//! | [`Harmonicity`] | harmonics-to-noise ratio | forward cross-correlation: Boersma 1993 |
//! | [`Intensity`] | intensity contour | mean square under a Kaiser window: Kaiser 1974 |
//! | [`Formants`] | F1 to F5 and their bandwidths | linear prediction: Burg 1975 |
//! | [`Cepstrum`] | cepstral peak prominence | Hillenbrand, Cleveland and Erickson 1994 |
//! | [`Spectrum`] | alpha ratio, Hammarberg index, H1-H2, H1-A3 | Eyben et al. 2016 |
//! | [`LongTermSpectrum`] | LTAS, spectral tilt | mean power, line of least squares |
//!
//! Samples in, numbers out: no files and no settings of users. `tests/praat.rs` compares the measures with Praat's.
//!
//! # Example
//!
//! ```
//! use acoustics::Harmonicity;
//!
//! let tone: Vec<f32> = (0..16_000).map(|n| (n as f32 * 200.0 / 16_000.0 * std::f32::consts::TAU).sin()).collect();
//! let harmonicity = Harmonicity::new(16_000.0, 75.0);
//! let hnr_db = harmonicity.db(&tone, 8_000, &mut harmonicity.scratch());
//! assert!(hnr_db.is_some_and(|db| db > 30.0));
//! ```

mod cepstrum;
mod contour;
mod formants;
mod harmonicity;
mod intensity;
mod perturbation;
mod pulses;
mod sinc;
mod spectrum;

pub use cepstrum::{Cepstrum, CepstrumScratch};
pub use contour::Contour;
pub use formants::{Formant, FormantScratch, Formants, Resampler};
pub use harmonicity::{Harmonicity, HarmonicityScratch};
pub use intensity::Intensity;
pub use perturbation::{Perturbation, Sum, perturbation};
pub use pulses::pulses;
pub use sinc::peak_near;
pub use spectrum::{LongTermSpectrum, Spectrum, SpectrumScratch};
