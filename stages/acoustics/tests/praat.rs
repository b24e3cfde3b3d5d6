//! Compares the measures with Praat's, frame by frame and per recording, on Praat's own F0 contour and samples.
//!
//! `cargo test --release -p acoustics --test praat -- --nocapture` prints the table.
#![expect(clippy::unwrap_used, reason = "a failed test must stop")]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use acoustics::{
    Cepstrum, Contour, Formant, FormantScratch, Formants, Harmonicity, Intensity, Perturbation, Resampler, Spectrum,
    pulses,
};
use serde::Deserialize;
use testkit::{f32_samples, fixture, shared};

const RATE_HZ: f64 = 16_000.0;
const FLOOR_HZ: f64 = 75.0;
const CEILING_HZ: f64 = 500.0;
/// Band of the cepstrum, which recordings at 8 kHz have too.
const BAND_HZ: f64 = 4_000.0;
/// Samples of silence around a recording.
const MARGIN: usize = 2_000;
/// Level of a mean square of 1 over the reference of Praat, 20 micropascal.
const PRAAT_REFERENCE_DB: f64 = 93.979_4;
/// Praat's intensity of digital silence is lower.
const SILENCE_DB: f64 = 0.0;

#[derive(Deserialize)]
struct Track {
    first_s: f64,
    step_s: f64,
    values: Vec<Option<f64>>,
}

impl Track {
    /// The times of the frames.
    fn times_s(&self) -> impl Iterator<Item = f64> {
        (0..self.values.len()).map(|frame| self.first_s + frame as f64 * self.step_s)
    }
}

#[derive(Deserialize)]
struct Praat {
    f0_hz: Track,
    pulses_s: Vec<f64>,
    jitter: BTreeMap<String, Option<f64>>,
    shimmer: BTreeMap<String, Option<f64>>,
    hnr_db: Track,
    intensity_db: Track,
    formants_hz: Vec<Track>,
    cpp_db: Track,
}

/// A recording, and Praat's measures of it.
struct Recording {
    samples: Vec<f32>,
    praat: Praat,
}

impl Recording {
    fn contour(&self) -> Contour<'_> {
        let Track { first_s, step_s, values } = &self.praat.f0_hz;
        Contour { first_s: *first_s, step_s: *step_s, f0_hz: values }
    }

    fn peak(&self) -> f32 {
        self.samples.iter().fold(0.0, |peak, x| peak.max(x.abs()))
    }

    /// The samples with silence around them, so that every frame has all of its samples.
    fn padded(samples: &[f32]) -> Vec<f32> {
        [vec![0.0; MARGIN], samples.to_vec(), vec![0.0; MARGIN]].concat()
    }

    /// Whether Praat finds a pitch at a time.
    fn is_voiced(&self, time_s: f64) -> bool {
        let Track { first_s, step_s, values } = &self.praat.f0_hz;
        let frame = ((time_s - first_s) / step_s).round().max(0.0) as usize;
        values.get(frame).is_some_and(Option::is_some)
    }

    /// Pairs of this library's value and Praat's, of the frames that Praat has a pitch for.
    fn voiced(&self, track: &Track, mut ours: impl FnMut(f64) -> Option<f64>) -> Vec<(f64, f64)> {
        let frames = track.times_s().zip(&track.values).filter(|(time_s, _)| self.is_voiced(*time_s));
        frames.filter_map(|(time_s, praat)| Some((ours(time_s)?, (*praat)?))).collect()
    }
}

fn recordings(paths: &[PathBuf]) -> Option<Vec<Recording>> {
    let out = tempfile::tempdir().unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/praat_voice.py");
    let limits = [FLOOR_HZ, CEILING_HZ].map(|hz| hz.to_string());
    let mut arguments: Vec<&OsStr> = vec![out.path().as_os_str()];
    arguments.extend(limits.iter().map(OsStr::new));
    arguments.extend(paths.iter().map(|path| path.as_os_str()));
    testkit::python(script, &arguments)?;
    let read = |number: usize| Recording {
        samples: f32_samples(&std::fs::read(out.path().join(format!("{number}.f32"))).unwrap()),
        praat: serde_json::from_slice(&std::fs::read(out.path().join(format!("{number}.json"))).unwrap()).unwrap(),
    };
    Some((0..paths.len()).map(read).collect())
}

/// The WAV files of a folder, every `stride`th.
fn wavs(folder: &Path, stride: usize) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut wavs: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|e| e == "wav")).collect();
    wavs.sort();
    wavs.into_iter().step_by(stride).collect()
}

#[test]
fn measures_of_fixtures_agree_with_praat() {
    let of = |folder: &str, stride| wavs(&fixture("speech").join(folder), stride);
    compare(&[of("en", 1), of("ko", 1), of("fsdd", 3)].concat());
}

#[test]
#[ignore = "needs ../shared"]
fn measures_of_telephone_and_talk_agree_with_praat() {
    let of = |folder: &str, stride| wavs(&shared(folder), stride);
    compare(&[of("phone", 1), of("ko/talk", 2), of("diar", 1)].concat());
}

fn compare(paths: &[PathBuf]) {
    let Some(recordings) = recordings(paths) else { return };
    assert!(recordings.len() >= 40, "{} recordings", recordings.len());
    let n = recordings.len();
    let perturbation: Vec<Perturbation> = recordings.iter().map(perturbation).collect();
    println!("{n} recordings, {:.0} s", recordings.iter().map(|r| r.samples.len() as f64 / RATE_HZ).sum::<f64>());
    println!("| measure | recordings within 10 % or 0.1 points | median difference |\n|---|---|---|");
    for (at, kind) in ["local", "rap", "ppq5", "ddp"].iter().enumerate() {
        let pairs = perturbation.iter().zip(&recordings).map(|(p, r)| (p.jitter()[at], r.praat.jitter[*kind]));
        // Short clips have few periods, and one other pulse changes their mean.
        assert!(near_share(&format!("jitter {kind}"), pairs.collect()) >= 0.85);
    }
    for (at, kind) in ["local", "apq3", "apq5", "apq11"].iter().enumerate() {
        let pairs = perturbation.iter().zip(&recordings).map(|(p, r)| (p.shimmer()[at], r.praat.shimmer[*kind]));
        assert!(near_share(&format!("shimmer {kind}"), pairs.collect()) >= 0.95);
    }
    println!("| measure | worst recording | median of frames | 99 % of frames |\n|---|---|---|---|");
    let hnr = frames("HNR, dB", &recordings, hnr_pairs, |(a, b)| a - b);
    assert!(hnr.median < 0.3 && hnr.worst < 1.5, "{hnr:?}");
    let intensity = frames("intensity, dB", &recordings, intensity_pairs, |(a, b)| a - b);
    assert!(intensity.median < 0.05 && intensity.worst < 0.5 && intensity.p99 < 0.5, "{intensity:?}");
    let cpp = frames("CPP, dB", &recordings, cpp_pairs, |(a, b)| a - b);
    assert!(cpp.median < 0.3 && cpp.worst < 0.5, "{cpp:?}");
    for n in 0..4 {
        let name = format!("F{}, relative", n + 1);
        let formant = frames(&name, &recordings, |recording| formant_pairs(recording, n), |(a, b)| a / b - 1.0);
        assert!(formant.median < 0.05 && formant.worst < 0.1, "{formant:?}");
    }
}

/// Share of the recordings whose values are within 10 % or 0.1 points, or that neither has a value of.
fn near_share(name: &str, pairs: Vec<(Option<f64>, Option<f64>)>) -> f64 {
    let near = |(ours, praat): &(Option<f64>, Option<f64>)| match (ours, praat) {
        (Some(a), Some(b)) => (a / b - 1.0).abs() <= 0.1 || (a - b).abs() <= 0.001,
        (a, b) => a.is_none() && b.is_none(),
    };
    let good = pairs.iter().filter(|pair| near(pair)).count();
    let difference = pairs.iter().filter_map(|(a, b)| Some(((*a)? / (*b)? - 1.0).abs())).collect();
    println!("| {name} | {good} of {} | {:.2} % |", pairs.len(), 100.0 * quantile(difference, 0.5));
    good as f64 / pairs.len() as f64
}

#[derive(Debug)]
struct Differences {
    /// Largest difference of the means of a recording.
    worst: f64,
    median: f64,
    p99: f64,
}

fn frames(
    name: &str,
    recordings: &[Recording],
    pairs: impl Fn(&Recording) -> Vec<(f64, f64)>,
    difference: impl Fn((f64, f64)) -> f64,
) -> Differences {
    let (mut all, mut worst) = (Vec::new(), 0.0_f64);
    for pairs in recordings.iter().map(pairs).filter(|pairs| pairs.len() >= 10) {
        let (ours, praat): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        worst = worst.max(difference((mean(&ours), mean(&praat))).abs());
        all.extend(pairs.into_iter().map(|pair| difference(pair).abs()));
    }
    let found = Differences { worst, median: quantile(all.clone(), 0.5), p99: quantile(all, 0.99) };
    println!("| {name} | {:.4} | {:.4} | {:.4} |", found.worst, found.median, found.p99);
    found
}

fn quantile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get((share * (values.len().max(1) - 1) as f64) as usize).copied().unwrap_or(f64::NAN)
}

fn perturbation(recording: &Recording) -> Perturbation {
    let pulses = pulses(&recording.samples, RATE_HZ, recording.peak(), &recording.contour());
    let known = recording.praat.pulses_s.len();
    assert!(pulses.len().abs_diff(known) <= 2 + known / 20, "{} pulses, Praat has {known}", pulses.len());
    let mut sums = Perturbation::default();
    let terms = acoustics::perturbation(&recording.samples, RATE_HZ, &pulses);
    terms.iter().for_each(|terms| sums.merge(terms));
    sums
}

fn hnr_pairs(recording: &Recording) -> Vec<(f64, f64)> {
    let harmonicity = Harmonicity::new(RATE_HZ, FLOOR_HZ);
    let (samples, mut scratch) = (Recording::padded(&recording.samples), harmonicity.scratch());
    recording.voiced(&recording.praat.hnr_db, |time_s| {
        harmonicity.db(&samples, MARGIN + (time_s * RATE_HZ).round() as usize, &mut scratch)
    })
}

/// Pairs of all frames with a level.
fn intensity_pairs(recording: &Recording) -> Vec<(f64, f64)> {
    let intensity = Intensity::new(RATE_HZ, FLOOR_HZ);
    let (samples, track) = (Recording::padded(&recording.samples), &recording.praat.intensity_db);
    let ours = |time_s: f64| {
        let mean_square = intensity.mean_square(&samples, MARGIN + (time_s * RATE_HZ).round() as usize);
        10.0 * mean_square.log10() + PRAAT_REFERENCE_DB
    };
    let frames = track.times_s().zip(track.values.iter().flatten()).filter(|(_, praat)| **praat > SILENCE_DB);
    frames.map(|(time_s, praat)| (ours(time_s), *praat)).collect()
}

/// The script resamples frames to 8 kHz, so that Praat's cepstrum has the same band.
fn cpp_pairs(recording: &Recording) -> Vec<(f64, f64)> {
    let spectrum = Spectrum::new(RATE_HZ);
    let cepstrum = Cepstrum::new(spectrum.bin_hz(), BAND_HZ, FLOOR_HZ, CEILING_HZ);
    let (samples, mut bins, mut scratch) =
        (Recording::padded(&recording.samples), spectrum.scratch(), cepstrum.scratch());
    recording.voiced(&recording.praat.cpp_db, |time_s| {
        let power = spectrum.power(&samples, MARGIN + (time_s * RATE_HZ).round() as usize, &mut bins);
        cepstrum.prominence_db(power, &mut scratch)
    })
}

/// Pairs of formant `n`, from 0.
fn formant_pairs(recording: &Recording, n: usize) -> Vec<(f64, f64)> {
    let formants = Formants::new(11_000.0);
    let mut samples = Resampler::new(16_000, 11_000).convert(&recording.samples);
    formants.preemphasize(&mut samples);
    let (samples, mut scratch) = (Recording::padded(&samples), FormantScratch::default());
    recording.voiced(&recording.praat.formants_hz[n], |time_s| {
        let found: Vec<Formant> =
            formants.of_frame(&samples, MARGIN + (time_s * 11_000.0).round() as usize, &mut scratch);
        found.get(n).map(|formant| formant.frequency_hz)
    })
}
