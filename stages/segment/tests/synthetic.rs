//! Tests the energy detector and the stage on signals with known speech.
#![expect(clippy::unwrap_used, reason = "a test or bench may panic")]

use std::f32::consts::TAU;

use segment::{SegmentConfig, Segmenter, VadChoice};
use stage_core::{ErrorClass, ErrorCode, Pcm, SpeechSegments, Stage};

const RATE: f32 = 16_000.0;

fn segmented(channels: Vec<Vec<f32>>) -> SpeechSegments {
    let config = SegmentConfig::new(VadChoice::Energy, 30.0);
    Segmenter::new(config).unwrap().run(&Pcm::from_channels(channels)).unwrap()
}

fn length(seconds: f32) -> usize {
    (seconds * RATE) as usize
}

fn silence(seconds: f32) -> Vec<f32> {
    vec![0.0; length(seconds)]
}

/// White noise with the given amplitude.
fn noise(seconds: f32, amplitude: f32) -> Vec<f32> {
    testkit::Random(1).noise(length(seconds), amplitude)
}

fn tone(seconds: f32, hz: f32, amplitude: f32) -> Vec<f32> {
    (0..length(seconds)).map(|n| amplitude * (TAU * hz * n as f32 / RATE).sin()).collect()
}

/// A voice of 120 Hz with four syllables per second, modulated by 30 dB.
fn voice(seconds: f32) -> Vec<f32> {
    (0..length(seconds))
        .map(|n| {
            let t = n as f32 / RATE;
            let syllable = 10f32.powf(-1.5 * (0.5 + 0.5 * (TAU * 4.0 * t).cos()));
            let source: f32 = (1..25).map(|k| (TAU * 120.0 * k as f32 * t).sin() / k as f32).sum();
            0.2 * syllable * source
        })
        .collect()
}

fn mixed(mut a: Vec<f32>, b: &[f32]) -> Vec<f32> {
    a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
    a
}

fn assert_spans(found: &SpeechSegments, truth: &[(f64, f64)], tolerance_s: f64) {
    let spans: Vec<(f64, f64)> = found.spans.iter().map(|span| (span.start_s, span.end_s)).collect();
    assert_eq!(spans.len(), truth.len(), "{spans:?} for {truth:?}");
    for (span, truth) in spans.iter().zip(truth) {
        assert!(
            (span.0 - truth.0).abs() < tolerance_s && (span.1 - truth.1).abs() < tolerance_s,
            "{spans:?} for {truth:?}"
        );
    }
}

#[test]
fn energy_ignores_sound_that_holds_its_level() {
    for (name, steady) in [
        ("nothing", Vec::new()),
        ("digital silence", silence(5.0)),
        ("noise", noise(20.0, 0.1)),
        ("short noise", noise(0.7, 0.1)),
        ("hum", mixed(tone(20.0, 60.0, 0.3), &tone(20.0, 180.0, 0.1))),
        ("a tone", tone(20.0, 400.0, 0.3)),
    ] {
        let found = segmented(vec![steady]);
        assert!(found.spans.is_empty() && found.windows.is_empty(), "{name}: {:?}", found.spans);
    }
}

#[test]
fn recording_without_a_pause_is_speech_from_end_to_end() {
    for seconds in [0.6, 3.0, 25.0] {
        let found = segmented(vec![voice(seconds)]);
        assert_spans(&found, &[(0.0, seconds.into())], 0.1);
    }
}

#[test]
fn words_are_found_between_digital_silences() {
    let call = [silence(1.0), voice(0.75), silence(1.0), voice(0.5), silence(1.0)].concat();
    assert_spans(&segmented(vec![call]), &[(1.0, 1.75), (2.75, 3.25)], 0.2);
}

#[test]
fn words_are_found_in_noise_and_over_hum() {
    let call = [silence(2.0), voice(1.0), silence(2.0), voice(1.0), silence(2.0)].concat();
    let truth = [(2.0, 3.0), (5.0, 6.0)];
    assert_spans(&segmented(vec![mixed(noise(8.0, 0.02), &call)]), &truth, 0.25);
    assert_spans(&segmented(vec![mixed(tone(8.0, 60.0, 0.3), &call)]), &truth, 0.25);
}

#[test]
fn floor_follows_noise_that_begins_in_the_middle() {
    let background = [noise(20.0, 0.001), noise(20.0, 0.02)].concat();
    let call = [silence(9.0), voice(1.0), silence(19.0), voice(1.0), silence(10.0)].concat();
    let found = segmented(vec![mixed(background, &call)]);
    for truth in [(9.0, 10.0), (29.0, 30.0)] {
        let speech = |span: &&stage_core::SpeechSpan| span.start_s < truth.1 && span.end_s > truth.0;
        assert_eq!(found.spans.iter().filter(speech).count(), 1, "{:?}", found.spans);
    }
    let length: f64 = found.spans.iter().map(|span| span.end_s - span.start_s).sum();
    assert!(length < 4.0, "noise is not speech: {:?}", found.spans);
}

#[test]
fn click_is_dropped_and_listed() {
    let call = [noise(3.0, 0.001), tone(0.03, 1000.0, 0.1), noise(3.0, 0.001)].concat();
    let found = segmented(vec![call]);
    assert!(found.spans.is_empty(), "{:?}", found.spans);
    assert_eq!(found.dropped.len(), 1);
    assert_eq!(found.dropped[0].reason, "shorter than 0.10 s");
    assert!((found.dropped[0].start_s - 3.0).abs() < 0.05);
}

#[test]
fn speech_that_is_uncertain_is_listed() {
    let uncertain = mixed(noise(6.0, 0.01), &[silence(2.0), tone(0.6, 700.0, 0.02), silence(3.4)].concat());
    let config = SegmentConfig { speech_on_probability: 1.0, ..SegmentConfig::new(VadChoice::Energy, 30.0) };
    let found = Segmenter::new(config).unwrap().run(&Pcm::from_channels(vec![uncertain])).unwrap();
    assert!(found.spans.is_empty(), "{:?}", found.spans);
    let listed = found.dropped.iter().find(|dropped| dropped.start_s < 2.3 && dropped.end_s > 2.3).unwrap();
    assert!(listed.reason.starts_with("below the on threshold 1.00: peak 0."), "{}", listed.reason);
}

#[test]
fn vad_off_leaves_nothing_out() {
    let call = [silence(20.0), voice(1.0), silence(20.0)].concat();
    let config = SegmentConfig::new(VadChoice::Off, 30.0);
    let found = Segmenter::new(config).unwrap().run(&Pcm::from_channels(vec![call])).unwrap();
    assert_eq!(found.vad.name, "off");
    assert_eq!((found.spans[0].start_s, found.spans.last().unwrap().end_s), (0.0, 41.0));
    assert!(found.spans.windows(2).all(|pair| pair[0].end_s == pair[1].start_s) && found.dropped.is_empty());
    assert!(found.windows.iter().all(|window| window.end_s - window.start_s <= 30.0));
}

#[test]
fn channel_that_is_a_duplicate_is_dropped_whole() {
    let (a, b) = ([silence(1.0), voice(1.0)].concat(), [voice(1.0), silence(1.0)].concat());
    let found = segmented(vec![a.clone(), a, b]);
    assert_eq!(found.spans.iter().map(|span| span.channel).collect::<Vec<_>>(), [0, 2]);
    assert_eq!(found.dropped.len(), 1);
    let dropped = &found.dropped[0];
    assert_eq!((dropped.channel, dropped.start_s, dropped.end_s), (1, 0.0, 2.0));
    assert_eq!(dropped.reason, "identical to channel 0");
}

#[test]
fn monologue_is_cut_where_it_is_quiet() {
    let monologue = voice(70.0);
    let found = segmented(vec![monologue]);
    assert_eq!(found.windows.len(), 3, "{:?}", found.windows);
    for cut in found.spans[..2].iter().map(|span| span.end_s) {
        let phase = (cut * 4.0).fract();
        assert!(!(0.1..0.9).contains(&phase), "{cut} s is not between two syllables");
    }
}

#[test]
fn vad_model_that_is_missing_or_another_is_named() {
    let other = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let cases = [("/nowhere/vad.safetensors", ErrorCode::ModelUnreadable), (other, ErrorCode::ModelMalformed)];
    for (path, code) in cases {
        let config = SegmentConfig::new(VadChoice::SileroAt(path.into()), 30.0);
        let error = Segmenter::new(config).unwrap_err();
        assert_eq!((error.class, &error.code), (ErrorClass::BadInput, &code), "{error}");
        assert!(error.to_string().contains(path), "{error}");
    }
}

#[test]
fn vad_model_with_numbers_that_are_nan_is_refused() {
    let whole = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/models/vad/silero_vad_16k.safetensors");
    let mut bytes = std::fs::read(whole).unwrap();
    let end = bytes.len();
    bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vad.safetensors");
    std::fs::write(&path, bytes).unwrap();
    let error = Segmenter::new(SegmentConfig::new(VadChoice::SileroAt(path), 30.0)).unwrap_err();
    assert_eq!((error.class, &error.code), (ErrorClass::BadInput, &ErrorCode::ModelMalformed));
    let text = error.to_string();
    assert!(text.contains("vad.safetensors") && text.contains("is NaN"), "{text}");
}

#[test]
fn setting_out_of_range_is_named() {
    for (window_max_s, min_speech_s) in [(31.0, 0.1), (f64::NAN, 0.1), (6.0, 2.0)] {
        let config = SegmentConfig { min_speech_s, ..SegmentConfig::new(VadChoice::Energy, window_max_s) };
        assert_eq!(Segmenter::new(config).unwrap_err().code, ErrorCode::BadSetting);
    }
}

#[test]
fn settings_change_the_identity() {
    let identity =
        |window_max_s| Segmenter::new(SegmentConfig::new(VadChoice::Energy, window_max_s)).unwrap().identity();
    assert_eq!(identity(30.0), identity(30.0));
    assert_ne!(identity(30.0), identity(6.0));
    assert_eq!((identity(6.0).model_sha256, identity(6.0).numeric), (None, None));
}
