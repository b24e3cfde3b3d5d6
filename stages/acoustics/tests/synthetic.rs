//! Measures of made voices whose jitter, shimmer and noise are known.

use std::f64::consts::TAU;

use acoustics::{Contour, Harmonicity, LongTermSpectrum, Perturbation, Spectrum, perturbation, pulses};
use testkit::Random;

const RATE_HZ: f64 = 16_000.0;
const SECONDS: f64 = 3.0;

/// The pulses of a voice: their times in seconds and their amplitudes.
struct Voice {
    pulses: Vec<(f64, f64)>,
}

impl Voice {
    /// Periods and amplitudes that differ from their mean by up to a share of it.
    fn new(f0_hz: f64, jitter: f64, shimmer: f64) -> Self {
        let (mut random, mut time_s, mut pulses) = (Random(11), 0.02, Vec::new());
        while time_s < SECONDS - 0.02 {
            pulses.push((time_s, 0.5 * (1.0 + shimmer * f64::from(random.signed()))));
            time_s += (1.0 + jitter * f64::from(random.signed())) / f0_hz;
        }
        Self { pulses }
    }

    /// Each pulse is a smooth peak, shorter than a period.
    fn samples(&self) -> Vec<f32> {
        let mut samples = vec![0.0_f32; (SECONDS * RATE_HZ) as usize];
        for (time_s, amplitude) in &self.pulses {
            let center = time_s * RATE_HZ - 0.5;
            let first = center as usize - 30;
            for (at, sample) in samples[first..first + 60].iter_mut().enumerate() {
                let distance = ((first + at) as f64 - center) / 4.0;
                *sample += (amplitude * (1.0 - distance * distance) * (-distance * distance / 2.0).exp()) as f32;
            }
        }
        samples
    }

    /// Mean difference of successive values relative to their mean.
    fn local(values: &[f64]) -> f64 {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let differences: f64 = values.windows(2).map(|pair| (pair[1] - pair[0]).abs()).sum();
        differences / (values.len() - 1) as f64 / mean
    }

    fn jitter(&self) -> f64 {
        Self::local(&self.pulses.windows(2).map(|pair| pair[1].0 - pair[0].0).collect::<Vec<_>>())
    }

    fn shimmer(&self) -> f64 {
        Self::local(&self.pulses.iter().map(|pulse| pulse.1).collect::<Vec<_>>())
    }
}

#[test]
fn jitter_and_shimmer_of_made_voices_are_the_known_ones() {
    for f0_hz in [90.0, 140.0, 220.0, 330.0] {
        for (jitter, shimmer) in [(0.0, 0.0), (0.005, 0.02), (0.01, 0.05), (0.03, 0.1)] {
            let voice = Voice::new(f0_hz, jitter, shimmer);
            let f0_hz = vec![Some(f0_hz); (SECONDS * 100.0) as usize - 6];
            let contour = Contour { first_s: 0.03, step_s: 0.01, f0_hz: &f0_hz };
            let (samples, mut sums) = (voice.samples(), Perturbation::default());
            let found = pulses(&samples, RATE_HZ, 0.5, &contour);
            perturbation(&samples, RATE_HZ, &found).iter().for_each(|terms| sums.merge(terms));
            for (measured, known) in [(sums.jitter()[0], voice.jitter()), (sums.shimmer()[0], voice.shimmer())] {
                let measured = measured.unwrap();
                let near = (measured / known - 1.0).abs() < 0.1 || (measured - known).abs() < 0.001;
                assert!(near, "{measured} of {known} at {:?} Hz", f0_hz[0]);
            }
        }
    }
}

#[test]
fn hnr_of_made_voices_is_the_known_one() {
    let harmonicity = Harmonicity::new(RATE_HZ, 75.0);
    let mut scratch = harmonicity.scratch();
    for (f0_hz, hnr_db) in [(110.0, 5.0), (110.0, 10.0), (140.0, 20.0), (215.0, 30.0)] {
        let noise = Random(5).noise((SECONDS * RATE_HZ) as usize, 1.0);
        // The mean square of a sum of ten sines of amplitude 1 is 5, that of the noise 1/3.
        let level = (5.0_f64 * 3.0 / 10.0_f64.powf(hnr_db / 10.0)).sqrt();
        let voice =
            |n: usize| (1..=10).map(|k| (TAU * f0_hz * k as f64 * n as f64 / RATE_HZ + k as f64).sin()).sum::<f64>();
        let samples: Vec<f32> =
            noise.iter().enumerate().map(|(n, x)| (0.05 * (voice(n) + level * f64::from(*x))) as f32).collect();
        let frames: Vec<f64> =
            (1_000..47_000).step_by(160).filter_map(|right| harmonicity.db(&samples, right, &mut scratch)).collect();
        let mean = frames.iter().sum::<f64>() / frames.len() as f64;
        assert!((mean - hnr_db).abs() < 1.0, "{mean} dB for {hnr_db} dB at {f0_hz} Hz");
    }
}

#[test]
fn h1_h2_of_made_voices_is_the_known_one() {
    let spectrum = Spectrum::new(RATE_HZ);
    let mut scratch = spectrum.scratch();
    for f0_hz in [80.0, 117.0, 163.0, 241.0, 333.0] {
        for known_db in [-6.0, 0.0, 4.0, 12.0] {
            // From the second harmonic on, the voice falls by 6 dB per octave.
            let first = 0.5 * 10.0_f64.powf(known_db / 20.0);
            let amplitude = |k: f64| if k == 1.0 { first } else { k.recip() };
            let harmonics = || (1..=(7_000.0 / f0_hz) as u32).map(f64::from);
            let sample = |n: usize| {
                let angle = |k: f64| TAU * f0_hz * k * n as f64 / RATE_HZ + k;
                harmonics().map(|k| 0.05 * amplitude(k) * angle(k).sin()).sum::<f64>() as f32
            };
            let samples: Vec<f32> = (0..8_000).map(sample).collect();
            let of_frame = |right| spectrum.h1_h2_db(spectrum.power(&samples, right, &mut scratch), f0_hz);
            let frames: Vec<f64> = (1_000..7_000).step_by(160).filter_map(of_frame).collect();
            let mean = frames.iter().sum::<f64>() / frames.len() as f64;
            assert!((mean - known_db).abs() < 0.5, "{mean} dB for {known_db} dB at {f0_hz} Hz");
        }
    }
}

#[test]
fn tilt_of_made_voices_is_the_known_one() {
    let spectrum = Spectrum::new(RATE_HZ);
    let mut scratch = spectrum.scratch();
    for known in [-3.0, -6.0, -9.0, -12.0] {
        // F0 glides, so that all frequencies have harmonics.
        let (mut phase, mut samples) = (0.0, Vec::new());
        for n in 0..(SECONDS * RATE_HZ) as usize {
            let f0_hz = 130.0 + 40.0 * (TAU * 0.7 * n as f64 / RATE_HZ).sin();
            phase += TAU * f0_hz / RATE_HZ;
            let amplitude = |k: f64| 0.05 * (k * f0_hz / 500.0).powf(known / 20.0 / 2.0_f64.log10());
            let harmonics = (1..=(7_500.0 / f0_hz) as u32).map(f64::from);
            samples.push(harmonics.map(|k| amplitude(k) * (k * phase + k * k).sin()).sum::<f64>() as f32);
        }
        let mut long_term = LongTermSpectrum::default();
        for right in (1_000..47_000).step_by(160) {
            long_term.add(&spectrum, spectrum.power(&samples, right, &mut scratch));
        }
        let tilt = long_term.tilt_db_per_octave(300.0, 5_000.0).unwrap();
        assert!((tilt - known).abs() < 0.5, "{tilt} dB per octave for {known}");
    }
}

#[test]
fn silence_has_neither_pulses_nor_hnr() {
    let harmonicity = Harmonicity::new(RATE_HZ, 75.0);
    assert_eq!(harmonicity.db(&[0.0; 1_000], 500, &mut harmonicity.scratch()), None);
    let contour = Contour { first_s: 0.03, step_s: 0.01, f0_hz: &[None; 50] };
    assert!(pulses(&[0.0; 16_000], RATE_HZ, 0.0, &contour).is_empty());
    let voiced = Contour { f0_hz: &[Some(100.0); 50], ..contour };
    let mut sums = Perturbation::default();
    let found = pulses(&[0.0; 16_000], RATE_HZ, 0.0, &voiced);
    perturbation(&[0.0; 16_000], RATE_HZ, &found).iter().for_each(|terms| sums.merge(terms));
    assert_eq!((sums.jitter(), sums.shimmer()), ([None; 4], [None; 4]));
}
