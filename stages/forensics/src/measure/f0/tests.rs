//! Tests pitch on known signals: exact values from synthesis, and Praat's values for real speech.

use std::f64::consts::TAU;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use testkit::{Random, f32_samples, fixture, shared};

use super::*;

const RATE: f64 = SAMPLE_RATE_HZ as f64;

/// Three harmonics of a fundamental frequency `f0_hz`, a function of the time in seconds.
fn voice(seconds: f64, f0_hz: impl Fn(f64) -> f64) -> Vec<f32> {
    let mut phase = 0.0;
    let sample = |n: usize| {
        phase += TAU * f0_hz(n as f64 / RATE) / RATE;
        (0.4 * phase.sin() + 0.2 * (2.0 * phase + 0.3).sin() + 0.1 * (3.0 * phase + 1.0).sin()) as f32
    };
    (0..(seconds * RATE) as usize).map(sample).collect()
}

fn extremes(samples: &[f32]) -> Extremes {
    Extremes::of(&Pcm::from_channels(vec![samples.to_vec()]), 0).unwrap()
}

/// Tracks a whole signal. Returns the center in seconds and F0 of each frame.
fn track_all(samples: Vec<f32>, config: &PitchConfig) -> Vec<(f64, Option<f64>)> {
    let plan = FramePlan::new(config);
    let (extremes, pcm) = (extremes(&samples), Pcm::from_channels(vec![samples]));
    let whole = [Span::new(0.0, pcm.duration_s())];
    let chunks = chunks(config, &plan, pcm.duration_s(), &whole);
    let tracked = chunks.iter().map(|&chunk| {
        let f0 = track(config, &plan, &pcm, 0, chunk, extremes).unwrap();
        (chunk.first..chunk.end).map(|k| k as f64 * config.time_step_s).zip(f0).collect::<Vec<_>>()
    });
    tracked.collect::<Vec<_>>().concat()
}

fn measured(samples: Vec<f32>, spans: &[Span]) -> PitchValue {
    let config = PitchConfig::default();
    let track = track_channel(&config, &Pcm::from_channels(vec![samples]), 0, spans).unwrap();
    summarize(&config, &track, spans.is_empty())
}

#[test]
fn f0_of_steady_tones_is_exact_to_a_thousandth() {
    // Below 80 Hz the window of three floor periods contains too few periods of the voice for this accuracy.
    for f0_hz in [90.2, 101.7, 150.0, 219.9, 333.3, 487.1] {
        let pitch = measured(voice(1.0, |_| f0_hz), &[Span::new(0.0, 1.0)]);
        for value in [pitch.f0_mean_hz, pitch.f0_median_hz, pitch.f0_p05_hz, pitch.f0_p95_hz] {
            let value = value.value.unwrap();
            assert!((value / f0_hz - 1.0).abs() < 1e-3, "{value} Hz for {f0_hz} Hz");
        }
        assert_eq!(pitch.voiced_frames, pitch.speech_frames);
        assert!(pitch.f0_range_semitones.value.unwrap() < 0.05);
    }
}

#[test]
fn f0_of_a_glide_is_exact_to_a_thousandth() {
    let f0_at = |t: f64| 120.0 + 60.0 * t;
    for (t, f0) in track_all(voice(2.0, f0_at), &PitchConfig::default()) {
        let f0 = f0.expect("a glide is voiced");
        assert!((f0 / f0_at(t) - 1.0).abs() < 1e-3, "{f0} Hz at {t} s, {} expected", f0_at(t));
    }
}

#[test]
fn f0_of_unvoiced_frames_is_never_filled_in() {
    let hiss = Random(1).noise(16_000, 0.5);
    let pitch = measured(hiss.clone(), &[Span::new(0.0, 1.0)]);
    assert_eq!((pitch.voiced_frames, pitch.f0_mean_hz.value), (0, None));
    assert_eq!(pitch.f0_median_hz.reason.as_deref(), Some("no voiced frame"));
    assert_eq!(pitch.at_floor_ratio.value, None);

    let mixed = [voice(1.0, |_| 110.0), hiss, voice(1.0, |_| 110.0)].concat();
    let pitch = measured(mixed, &[Span::new(0.0, 3.0)]);
    assert!((pitch.f0_mean_hz.value.unwrap() - 110.0).abs() < 0.5, "the hiss between the tones moves nothing");
    assert!(pitch.voiced_frames < 205 && pitch.speech_frames > 290);
}

#[test]
fn f0_at_the_search_floor_is_flagged() {
    let at_floor = measured(voice(1.0, |_| 75.5), &[Span::new(0.0, 1.0)]);
    assert!(at_floor.at_floor_ratio.value.unwrap() > 0.95);
    assert!(at_floor.f0_mean_hz.reason.unwrap().contains("floor"));
    let at_ceiling = measured(voice(1.5, |_| 495.0), &[Span::new(0.0, 1.5)]);
    assert!(at_ceiling.at_ceiling_ratio.value.unwrap() > 0.95);
    assert!(at_ceiling.f0_mean_hz.reason.unwrap().contains("ceiling"));
    let above = measured(voice(1.5, |_| 120.0), &[Span::new(0.0, 1.5)]);
    assert_eq!((above.at_floor_ratio.value, above.octave_error_ratio.value), (Some(0.0), Some(0.0)));
    assert_eq!(above.f0_mean_hz.reason, None);
    let short = measured(voice(0.5, |_| 120.0), &[Span::new(0.0, 0.5)]);
    assert!(short.f0_mean_hz.reason.unwrap().contains("voiced speech"));
}

#[test]
fn f0_of_silence_and_of_recordings_shorter_than_a_window_is_missing() {
    for len in [0, 10, 300, 16_000] {
        let pitch = measured(vec![0.0; len], &[Span::new(0.0, 1.0)]);
        assert_eq!((pitch.voiced_frames, pitch.f0_mean_hz.value), (0, None), "{len} samples");
    }
    let pitch = measured(voice(1.0, |_| 120.0), &[]);
    assert_eq!(pitch.f0_mean_hz.reason.as_deref(), Some("no speech"));
}

#[test]
fn chunks_of_long_speech_cover_every_frame_once() {
    let config = PitchConfig::default();
    let plan = FramePlan::new(&config);
    let chunks = chunks(&config, &plan, 3600.0, &[Span::new(0.0, 100.0), Span::new(200.0, 200.5)]);
    assert!(chunks.iter().all(|chunk| (chunk.end - chunk.first) as f64 * config.time_step_s <= CHUNK_MAX_S + 0.01));
    assert!(chunks[..chunks.len() - 1].windows(2).all(|pair| pair[0].end == pair[1].first));
    assert_eq!(chunks[chunks.len() - 1], Chunk { first: 20_000, end: 20_050 });
    assert_eq!(chunks[chunks.len() - 2].end, 10_000);
}

// --- Praat --------------------------------------------------------------------------------------------------------

#[derive(serde::Deserialize)]
struct PraatTrack {
    first_s: f64,
    step_s: f64,
    f0_hz: Vec<f64>,
}

/// Evenly spaced recordings of the folders, at most the given number or one more of each.
fn recordings(root: &Path, folders: &[(&str, usize)]) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for (folder, most) in folders {
        let entries = std::fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path());
        let mut wavs: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|e| e == "wav")).collect();
        wavs.sort();
        let stride = (wavs.len() / most).max(1);
        paths.extend(wavs.into_iter().step_by(stride));
    }
    paths
}

/// Runs Praat on recordings. `None` if Praat is not installed.
fn praat(recordings: &[PathBuf], out: &Path, config: &PitchConfig) -> Option<Vec<(Vec<f32>, PraatTrack)>> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/praat_pitch.py");
    let limits = [config.floor_hz, config.ceiling_hz].map(|hz| hz.to_string());
    let paths = [out].into_iter().chain(recordings.iter().map(PathBuf::as_path)).map(Path::as_os_str);
    let mut arguments: Vec<&OsStr> = paths.collect();
    arguments.splice(1..1, limits.iter().map(OsStr::new));
    testkit::python(script, &arguments)?;
    let read = |number: usize| {
        let samples = f32_samples(&std::fs::read(out.join(format!("{number}.f32"))).unwrap());
        let json = std::fs::read_to_string(out.join(format!("{number}.json"))).unwrap();
        (samples, serde_json::from_str(&json).unwrap())
    };
    Some((0..recordings.len()).map(read).collect())
}

/// F0 at the frame times of Praat.
fn track_at(times: &PraatTrack, samples: &[f32], config: &PitchConfig) -> Vec<Option<f64>> {
    let plan = FramePlan::new(config);
    let mut scratch = plan.scratch();
    let (reach, extremes) = (plan.reach(), extremes(samples));
    let padded = [vec![0.0; reach], samples.to_vec(), vec![0.0; reach]].concat();
    let frames: Vec<_> = (0..times.f0_hz.len())
        .map(|k| {
            let right = ((times.first_s + k as f64 * times.step_s) * RATE).round() as usize;
            plan.analyze(&padded, right + reach, extremes, &mut scratch)
        })
        .collect();
    best_path(&frames, config)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    quantile(&values, 0.5)
}

#[test]
fn f0_of_real_speech_agrees_with_praat() {
    compare(&recordings(&fixture("speech"), &[("en", 5), ("ko", 1), ("fsdd", 40)]));
}

#[test]
#[ignore = "needs ../shared"]
fn f0_of_telephone_speech_agrees_with_praat() {
    compare(&recordings(&shared(""), &[("en", 5), ("ko", 5), ("phone", 5), ("fsdd", 40)]));
}

fn compare(recordings: &[PathBuf]) {
    let (config, out) = (PitchConfig::default(), tempfile::tempdir().unwrap());
    let Some(measured) = praat(recordings, out.path(), &config) else { return };
    let (mut frames, mut agreed, mut distances, mut gross, mut near) = (0, 0, Vec::new(), 0, 0);
    for (recording, (samples, praat)) in recordings.iter().zip(measured) {
        let ours = track_at(&praat, &samples, &config);
        let both: Vec<(f64, f64)> =
            ours.iter().zip(&praat.f0_hz).filter_map(|(a, b)| a.filter(|_| *b > 0.0).map(|a| (a, *b))).collect();
        frames += ours.len();
        agreed += ours.iter().zip(&praat.f0_hz).filter(|(a, b)| a.is_some() == (**b > 0.0)).count();
        gross += both.iter().filter(|(a, b)| (a / b - 1.0).abs() > 0.05).count();
        near += both.iter().filter(|(a, b)| (a / b - 1.0).abs() <= 0.01).count();
        distances.extend(both.iter().map(|(a, b)| (a - b).abs()));
        if both.len() >= 50 {
            let (a, b): (Vec<f64>, Vec<f64>) = both.into_iter().unzip();
            let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
            assert!(
                (mean(&a) - mean(&b)).abs() < 1.0,
                "mean of {}: {} and {}",
                recording.display(),
                mean(&a),
                mean(&b)
            );
            assert!((median(a) - median(b)).abs() < 1.0, "median of {}", recording.display());
        }
    }
    let (agreement, gross) = (agreed as f64 / frames as f64, gross as f64 / distances.len() as f64);
    let near = near as f64 / distances.len() as f64;
    let typical = median(distances);
    eprintln!("{} recordings, within 1 % in {near:.4} of the frames voiced by both", recordings.len());
    assert!(near >= 0.95, "F0 is within 1 % in {near} of the frames");
    eprintln!("{frames} frames: voicing {agreement:.4}, median distance {typical:.4} Hz, over 5 % off {gross:.4}");
    assert!(agreement >= 0.97, "voicing decisions agree in {agreement}");
    assert!(typical < 0.5, "the median distance is {typical} Hz");
    assert!(gross < 0.01, "{gross} of the frames voiced by both are more than 5 % off");
}
