//! What the band and the codec of a recording keep from being measured.

use acoustics::LongTermSpectrum;
use stage_core::{Measured, Recording};

use super::totals::Totals;

/// Bands of the speech this far below the loudest one have no speech.
const BAND_RANGE_DB: f64 = 60.0;
/// Speech whose loudest band is not above this level is digital silence, in dB relative to full scale per Hz.
const SILENCE_DB: f64 = -180.0;
/// The telephone band ends at 3400 Hz. No filter is that steep.
const TELEPHONE_BAND_HZ: f64 = 4_000.0;

/// What is known about the recording.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Limits {
    /// Highest frequency that has speech; `None` without speech.
    band_hz: Option<f64>,
    /// Name of the codec, if it is lossy.
    lossy: Option<String>,
}

impl Limits {
    pub(super) fn of(recording: &Recording, whole: &Totals) -> Self {
        let nyquist_hz = f64::from(recording.sample_rate_hz) / 2.0;
        let levels = if whole.spectrum.frames() == 0 { Vec::new() } else { whole.spectrum.levels_db() };
        let loudest = levels.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let last = levels.iter().rposition(|level| *level > (loudest - BAND_RANGE_DB).max(SILENCE_DB));
        Self {
            band_hz: last.map(|band| ((band + 1) as f64 * LongTermSpectrum::BAND_HZ).min(nyquist_hz)),
            lossy: (!recording.lossless).then(|| recording.codec.clone()),
        }
    }

    /// Highest frequency with speech.
    pub(super) fn band(&self) -> Measured {
        Measured::from_option(self.band_hz, "no speech")
    }

    pub(super) fn band_end_hz(&self) -> f64 {
        self.band_hz.unwrap_or(0.0)
    }

    fn is_telephone(&self) -> bool {
        self.band_hz.is_some_and(|hz| hz <= TELEPHONE_BAND_HZ)
    }

    /// What changes the values of jitter, shimmer and noise.
    pub(super) fn perturbation(&self) -> Option<String> {
        let codec = self.lossy.as_ref().map(|codec| format!("a lossy codec ({codec}) changes single periods"));
        let band = self.is_telephone().then(|| "the telephone band has only a part of the voice".to_owned());
        let all: Vec<String> = codec.into_iter().chain(band).collect();
        (!all.is_empty()).then(|| all.join("; "))
    }

    /// Why formant `n`, from 1, is not measurable, if it is not.
    pub(super) fn formant_missing(&self, n: usize) -> Option<String> {
        // The highest frequencies at which the formants of adults are usually found.
        let needed_hz = [1_000.0, 2_500.0, 3_300.0, 4_500.0][n - 1];
        let missing = || format!("the speech ends at {:.0} Hz, and F{n} may be above", self.band_end_hz());
        (self.band_end_hz() < needed_hz).then(missing)
    }

    /// What changes the value of formant `n`, from 1.
    pub(super) fn formant_biased(&self, n: usize) -> Option<String> {
        let biased = "the telephone band raises low F1 and shifts formants near its end";
        (self.is_telephone() && matches!(n, 1 | 3)).then(|| biased.to_owned())
    }

    /// Why the first harmonic is not measurable, if it is not.
    pub(super) fn first_harmonic_missing(&self) -> Option<String> {
        self.is_telephone().then(|| "the telephone band weakens the first harmonic".to_owned())
    }

    /// Why energy up to 5 kHz is not measurable, if it is not.
    pub(super) fn wide_band_missing(&self) -> Option<String> {
        let missing = || format!("the speech ends at {:.0} Hz, and 5000 Hz are needed", self.band_end_hz());
        (self.band_end_hz() < 5_000.0).then(missing)
    }
}
