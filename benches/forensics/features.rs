//! CPU time of the features of the voice, each over all frames, as Praat computes them.

use acoustics::{
    Cepstrum, Contour, FormantScratch, Formants, Harmonicity, Intensity, LongTermSpectrum, Resampler, Spectrum,
    perturbation, pulses,
};
use std::hint::black_box;

use crate::best_s;

const RATE_HZ: f64 = 16_000.0;
const STEP: usize = 160;
const FLOOR_HZ: f64 = 75.0;
const CEILING_HZ: f64 = 500.0;
const BAND_HZ: f64 = 5_000.0;
/// Samples before the first frame and after the last.
const MARGIN: usize = 1_600;
const FORMANT_RATE_HZ: u32 = 11_000;

/// Seconds of each feature. Without the contour of Praat, pulses follow a constant F0.
pub(crate) fn measure(samples: Vec<f32>, f0_s: f64, f0_hz: Option<&[Option<f64>]>) -> Vec<(&'static str, f64)> {
    let constant = vec![Some(120.0); samples.len() / STEP - 10];
    let contour = Contour { first_s: 0.02, step_s: 0.01, f0_hz: f0_hz.unwrap_or(&constant) };
    vec![
        ("F0", f0_s),
        ("pulses, jitter, shimmer", best_s(|| periods(&samples, &contour))),
        ("harmonics-to-noise ratio", best_s(|| harmonicity(&samples))),
        ("intensity", best_s(|| intensity(&samples))),
        ("formants", best_s(|| formants(&samples))),
        ("long-term spectrum", best_s(|| spectrum(&samples))),
        ("cepstral peak prominence", best_s(|| cepstrum(&samples))),
    ]
}

fn frames(samples: &[f32]) -> impl Iterator<Item = usize> {
    (MARGIN..samples.len() - MARGIN).step_by(STEP)
}

fn periods(samples: &[f32], contour: &Contour<'_>) {
    let peak = samples.iter().fold(0.0_f32, |peak, x| peak.max(x.abs()));
    let pulses = pulses(samples, RATE_HZ, peak, contour);
    black_box(perturbation(samples, RATE_HZ, &pulses));
}

fn harmonicity(samples: &[f32]) {
    let harmonicity = Harmonicity::new(RATE_HZ, FLOOR_HZ);
    let mut scratch = harmonicity.scratch();
    frames(samples).for_each(|right| {
        black_box(harmonicity.db(samples, right, &mut scratch));
    });
}

fn intensity(samples: &[f32]) {
    let intensity = Intensity::new(RATE_HZ, FLOOR_HZ);
    frames(samples).for_each(|right| {
        black_box(intensity.mean_square(samples, right));
    });
}

fn formants(samples: &[f32]) {
    let formants = Formants::new(f64::from(FORMANT_RATE_HZ));
    let mut resampled = Resampler::new(RATE_HZ as u32, FORMANT_RATE_HZ).convert(samples);
    formants.preemphasize(&mut resampled);
    let mut scratch = FormantScratch::default();
    let place = |right: usize| (right as f64 * f64::from(FORMANT_RATE_HZ) / RATE_HZ).round() as usize;
    frames(samples).for_each(|right| {
        black_box(formants.of_frame(&resampled, place(right), &mut scratch));
    });
}

fn spectrum(samples: &[f32]) {
    let spectrum = Spectrum::new(RATE_HZ);
    let (mut scratch, mut long_term) = (spectrum.scratch(), LongTermSpectrum::default());
    frames(samples).for_each(|right| long_term.add(&spectrum, spectrum.power(samples, right, &mut scratch)));
    black_box(long_term.levels_db());
}

fn cepstrum(samples: &[f32]) {
    let spectrum = Spectrum::new(RATE_HZ);
    let cepstrum = Cepstrum::new(spectrum.bin_hz(), BAND_HZ, FLOOR_HZ, CEILING_HZ);
    let (mut bins, mut scratch) = (spectrum.scratch(), cepstrum.scratch());
    frames(samples).for_each(|right| {
        black_box(cepstrum.prominence_db(spectrum.power(samples, right, &mut bins), &mut scratch));
    });
}
