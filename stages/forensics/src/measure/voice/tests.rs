//! Tests the measure on made voices.

use std::f64::consts::TAU;
use std::sync::OnceLock;

use stage_core::{
    AlignedWords, Pcm, PcmSource, Recording, SAMPLE_RATE_HZ, Segment, Span, Speaker, Speakers, SpeechSegments,
    Transcript, Turn, Word,
};

use super::super::f0::F0;
use super::*;
use crate::ForensicInput;

fn recording(sample_rate_hz: u32, lossless: bool) -> Recording {
    Recording {
        container: "wav".into(),
        codec: if lossless { "pcm_s16le" } else { "aac" }.into(),
        lossless,
        sample_rate_hz,
        channels: 1,
        duration_s: 4.0,
        pcm_sha256: String::new(),
        pcm: PcmSource { source_frames: 0, frames: 0, trimmed_start_frames: 0, trimmed_end_frames: 0 },
        tags: Default::default(),
        external_decoder: None,
        account: None,
        warnings: vec![],
    }
}

/// Two seconds of a voice at 120 Hz, then two at 240 Hz and half the amplitude, with harmonics up to `band_hz`.
fn voices(band_hz: f64) -> Vec<f32> {
    let sample = |n: u32| {
        let time_s = f64::from(n) / f64::from(SAMPLE_RATE_HZ);
        let (f0_hz, amplitude) = if time_s < 2.0 { (120.0, 0.2) } else { (240.0, 0.1) };
        let harmonics = (1..=(band_hz / f0_hz) as u32).map(f64::from);
        harmonics.map(|k| amplitude / k * (TAU * f0_hz * k * time_s + k).sin()).sum::<f64>() as f32
    };
    (0..4 * SAMPLE_RATE_HZ).map(sample).collect()
}

fn measured(samples: Vec<f32>, recording: &Recording) -> VoiceValue {
    let pcm = Pcm::from_channels(vec![samples]);
    let duration_s = pcm.duration_s().max(4.0);
    let speaker = |id: &str| Speaker { id: id.into(), channel: 0, speech_s: 2.0 };
    let turn =
        |speaker: &str, start_s, end_s| Turn { channel: 0, speaker: speaker.into(), start_s, end_s, confidence: 0.9 };
    let speakers = Speakers {
        speakers: vec![speaker("S1"), speaker("S2")],
        turns: vec![turn("S1", 0.0, 2.0), turn("S2", 2.0, 4.0)],
        ..Speakers::default()
    };
    let segments = vec![Segment::of_text(0, (0.0, 1.0), "a", "en"), Segment::of_text(1, (1.0, 2.0), "b", "en")];
    let transcript = Transcript { model: "none".into(), segments, dropped: vec![] };
    let words = vec![Word::of_text(0, (0.5, 0.9), "a"), Word::of_text(0, (3.0, 3.5), "b")];
    let words = AlignedWords { method: "given".into(), words };
    let segments = SpeechSegments::of_windows(Vec::new());
    let (speech, f0) = ([vec![Span::new(0.0, duration_s)]], OnceLock::new());
    let input = ForensicInput {
        recording,
        pcm: &pcm,
        segments: &segments,
        speakers: &speakers,
        transcript: &transcript,
        words: &words,
    };
    let channel = Channel { number: 0, input, native_rate_hz: SAMPLE_RATE_HZ, speech: &speech, f0: &f0 };
    let settings = Default::default();
    F0::begin(&settings, &channel).finish(&settings, &channel).unwrap();
    Voice.finish(&NoSettings {}, &channel).unwrap()
}

/// Twenty seconds of a voice at 120 Hz, which is at 160 Hz and four times as loud from 12 to 16 s.
fn raised_voice() -> Vec<f32> {
    let mut phase = 0.0;
    let sample = |n: u32| {
        let is_raised = (12 * SAMPLE_RATE_HZ..16 * SAMPLE_RATE_HZ).contains(&n);
        let (f0_hz, amplitude) = if is_raised { (160.0, 0.2) } else { (120.0, 0.05) };
        phase += TAU * f0_hz / f64::from(SAMPLE_RATE_HZ);
        (1..=20).map(f64::from).map(|k| amplitude / k * (k * phase + k).sin()).sum::<f64>() as f32
    };
    (0..20 * SAMPLE_RATE_HZ).map(sample).collect()
}

fn json(value: &VoiceValue) -> serde_json::Value {
    serde_json::to_value(value).unwrap()
}

#[test]
fn voice_of_speakers_segments_and_words_is_their_own() {
    let value = json(&measured(voices(7_000.0), &recording(16_000, true)));
    let f0_hz = |of: &serde_json::Value| of["acoustics"]["f0_mean_hz"]["value"].as_f64().unwrap();
    assert!((f0_hz(&value["speakers"][0]) - 120.0).abs() < 1.0, "{}", value["speakers"][0]);
    assert!((f0_hz(&value["speakers"][1]) - 240.0).abs() < 2.0);
    assert_eq!((value["segments"].as_array().unwrap().len(), &value["segments"][0]["segment"]), (1, &0.into()));
    assert!((f0_hz(&value["segments"][0]) - 120.0).abs() < 1.0);
    let [first, second] = [0, 1].map(|at| value["words"][at]["level_dbfs"].as_f64().unwrap());
    assert!((first - second - 6.02).abs() < 0.3, "{first} and {second} dBFS");
    assert!((value["words"][1]["f0_hz"].as_f64().unwrap() - 240.0).abs() < 1.0);
    let whole = &value["whole"];
    assert!(whole["jitter_local"]["value"].as_f64().unwrap() < 0.001, "{whole}");
    assert!(whole["shimmer_local"]["value"].as_f64().unwrap() < 0.005, "{whole}");
    assert!(whole["hnr_mean_db"]["value"].as_f64().unwrap() > 25.0);
    assert!((whole["spectral_tilt_db_per_octave"]["value"].as_f64().unwrap() + 6.0).abs() < 1.5, "{whole}");
    assert!((whole["h1_h2_mean_db"]["value"].as_f64().unwrap() - 6.0).abs() < 1.0);
    assert_eq!(whole["jitter_local"]["reason"], serde_json::Value::Null);
}

#[test]
fn voice_in_the_telephone_band_states_what_is_missing() {
    let value = json(&measured(voices(3_400.0), &recording(16_000, false)));
    let whole = &value["whole"];
    for missing in ["f4_mean_hz", "h1_h2_mean_db", "alpha_ratio_mean_db"] {
        assert!(whole[missing]["value"].is_null() && whole[missing]["reason"].is_string(), "{missing}: {whole}");
    }
    let reason = whole["jitter_local"]["reason"].as_str().unwrap();
    assert!(reason.contains("aac") && reason.contains("telephone"), "{reason}");
    assert!(whole["f2_mean_hz"]["value"].is_number());
}

#[test]
fn voice_that_is_raised_is_an_escalation_over_its_baseline() {
    let value = json(&measured(raised_voice(), &recording(16_000, true)));
    let prosody = &value["prosody"];
    let number = |value: &serde_json::Value| value.as_f64().unwrap();
    assert!((number(&prosody["baseline_f0_hz"]["value"]) - 120.0).abs() < 1.0, "{prosody}");
    let [zone] = &prosody["escalations"].as_array().unwrap()[..] else { panic!("{prosody}") };
    assert_eq!((number(&zone["start_s"]), number(&zone["end_s"])), (12.0, 16.0));
    assert!((number(&zone["level_rise_db"]) - 12.04).abs() < 0.5, "{zone}");
    assert!((number(&zone["f0_rise_semitones"]) - 4.98).abs() < 0.2, "{zone}");
    assert_eq!(value["speakers"][0]["prosody"]["seconds"], 2, "the first speaker has the first two seconds");
    let reason = value["speakers"][0]["prosody"]["baseline_f0_hz"]["reason"].as_str().unwrap();
    assert!(reason.contains("at least 10"), "{reason}");
}

#[test]
fn voice_of_silence_is_missing() {
    let value = json(&measured(vec![0.0; 64_000], &recording(16_000, true)));
    for (name, value) in value["whole"].as_object().unwrap() {
        let counts = matches!(name.as_str(), "voiced_s" | "periods");
        assert!(counts || name == "spectral_tilt_db_per_octave" || value["value"].is_null(), "{name}: {value}");
    }
    let empty = json(&measured(Vec::new(), &recording(16_000, true)));
    assert_eq!(empty["whole"]["f0_mean_hz"]["reason"], "no speech");
    assert_eq!(empty["ltas_dbfs_per_hz"], serde_json::json!([]));
}
