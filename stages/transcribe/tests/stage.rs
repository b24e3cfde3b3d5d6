//! The stage through its public face, on the embedded model.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;

use stage_core::{DeviceStage, ListFlow, Pcm, SpeechSegments, Stage, Transcript, VadIdentity, Window};
use transcribe::{ModelFiles, ModelSource, TranscribeConfig, Transcriber};

fn transcriber(config: TranscribeConfig) -> Transcriber {
    Transcriber::new(ModelFiles::resolve(&ModelSource::Embedded).unwrap(), config).unwrap()
}

fn english() -> TranscribeConfig {
    // Whatever the model makes of a test tone is kept.
    TranscribeConfig { language: Some("en".into()), no_speech_threshold: 1.0, ..TranscribeConfig::default() }
}

/// Two channels of chirps, quieter towards the end.
fn tones() -> Pcm {
    let tone = |base: f32| -> Vec<f32> {
        let sample = |i: usize| {
            let t = i as f32 / 16_000.0;
            (std::f32::consts::TAU * (base + 90.0 * (t * 5.0).sin()) * t).sin() * 0.4 / (1.0 + 0.1 * t)
        };
        (0..16_000 * 20).map(sample).collect()
    };
    Pcm::from_channels(vec![tone(220.0), tone(470.0)])
}

fn segments(windows: &[(u16, f64, f64)]) -> SpeechSegments {
    let window =
        |&(channel, start_s, end_s): &(u16, f64, f64)| Window { channel, start_s, end_s, first_span: 0, spans: 0 };
    SpeechSegments {
        vad: VadIdentity { name: "none".into(), model_sha256: None },
        spans: vec![],
        windows: windows.iter().map(window).collect(),
        dropped: vec![],
    }
}

const WINDOWS: [(u16, f64, f64); 5] = [(0, 0.5, 6.5), (0, 7.0, 9.25), (0, 12.0, 17.9), (1, 1.0, 1.3), (1, 10.0, 15.0)];

fn phases(transcriber: &Transcriber, pcm: &Pcm, segments: &SpeechSegments, batch: usize) -> Transcript {
    let mut units = Vec::new();
    transcriber
        .prepare((pcm, segments), &|_| false, &mut |_, unit| {
            units.push(Arc::new(unit));
            true
        })
        .unwrap();
    let mut flow = ListFlow::new(units, batch);
    transcriber.infer(&mut flow).unwrap();
    transcriber.finish((pcm, segments), flow.into_answers().unwrap()).unwrap()
}

#[test]
fn a_window_gives_the_same_text_alone_and_in_a_batch() {
    let transcriber = transcriber(english());
    transcriber.load().unwrap();
    let (pcm, segments) = (tones(), segments(&WINDOWS));
    let alone = phases(&transcriber, &pcm, &segments, 1);
    let together = phases(&transcriber, &pcm, &segments, WINDOWS.len());
    assert_eq!(together, transcriber.run((&pcm, &segments)).unwrap());
    assert_eq!(alone.segments.len(), together.segments.len());
    for (a, b) in alone.segments.iter().zip(&together.segments) {
        assert_eq!(a.text, b.text);
        assert!((a.avg_logprob - b.avg_logprob).abs() < 1e-4 && (a.no_speech_prob - b.no_speech_prob).abs() < 1e-4);
        for (a, b) in a.pieces.iter().zip(&b.pieces) {
            assert_eq!((&a.ids, &a.text, a.start_s, a.end_s), (&b.ids, &b.text, b.start_s, b.end_s));
            assert!((a.logprob - b.logprob).abs() < 1e-4);
        }
    }
}

#[test]
fn every_window_becomes_one_segment_or_one_reason() {
    let (pcm, segments) = (tones(), segments(&WINDOWS));
    let transcript = transcriber(english()).run((&pcm, &segments)).unwrap();
    let mut seen: Vec<_> = transcript.segments.iter().map(|s| (s.channel, s.start_s, s.end_s)).collect();
    assert!(seen.is_sorted_by(|a, b| a < b));
    seen.extend(transcript.dropped.iter().map(|d| (d.channel, d.start_s, d.end_s)));
    seen.sort_by(|a, b| a.partial_cmp(b).unwrap());
    assert_eq!(seen, WINDOWS);
    for dropped in &transcript.dropped {
        assert!(dropped.reason.contains("no-speech probability"), "{}", dropped.reason);
    }
    for segment in &transcript.segments {
        let joined: String = segment.pieces.iter().map(|piece| piece.text.as_str()).collect();
        assert_eq!(joined.trim(), segment.text);
        let times: Vec<f64> = segment.pieces.iter().flat_map(|piece| [piece.start_s, piece.end_s]).collect();
        assert!(times.is_sorted() && times[0] >= segment.start_s && times[times.len() - 1] <= segment.end_s);
    }
}

#[test]
fn the_token_budget_is_kept_and_reported() {
    let transcriber = transcriber(TranscribeConfig { max_tokens: Some(1), ..english() });
    let transcript = transcriber.run((&tones(), &segments(&WINDOWS))).unwrap();
    for segment in &transcript.segments {
        assert_eq!(segment.pieces.iter().map(|piece| piece.ids.len()).sum::<usize>(), 1);
        assert_eq!(segment.cut_short.as_deref(), Some("token budget"));
    }
    assert!(!transcript.segments.is_empty());
}

#[test]
fn a_detected_language_is_one_of_the_models_and_has_a_probability() {
    let config = TranscribeConfig { language: None, ..english() };
    for segment in transcriber(config).run((&tones(), &segments(&WINDOWS))).unwrap().segments {
        assert!(["en", "ko"].contains(&segment.language.as_str()));
        assert!((0.5..=1.0).contains(&segment.language_probability.unwrap()));
    }
}

#[test]
fn silence_is_dropped_with_its_numbers() {
    let pcm = Pcm::from_channels(vec![vec![0.0; 16_000]]);
    // The rule alone is tested here: every probability is above the one threshold and below the other.
    let config = TranscribeConfig { no_speech_threshold: -1.0, logprob_threshold: 1.0, ..TranscribeConfig::default() };
    let transcript = transcriber(config).run((&pcm, &segments(&[(0, 0.0, 1.0)]))).unwrap();
    assert!(transcript.segments.is_empty());
    assert!(transcript.dropped[0].reason.starts_with("no speech: no-speech probability 0."), "{transcript:?}");
}

#[test]
fn misuse_is_a_named_bug() {
    let transcriber = transcriber(english());
    let (pcm, segments) = (tones(), segments(&[(0, 0.0, 7.0)]));
    let error = transcriber.prepare((&pcm, &segments), &|_| false, &mut |_, _| true).unwrap_err();
    assert_eq!(error.code, "window-too-long");
    assert_eq!(transcriber.infer(&mut ListFlow::new(vec![], 1)).unwrap_err().code, "model-not-loaded");
    assert_eq!(transcriber.finish((&pcm, &segments), vec![]).unwrap_err().code, "answers-missing");
}

#[test]
fn the_identity_follows_what_matters_and_not_the_device() {
    let identity = |config| transcriber(config).identity();
    let base = identity(english());
    assert_ne!(base, identity(TranscribeConfig { language: None, ..english() }));
    assert_ne!(base, identity(TranscribeConfig { max_tokens: Some(9), ..english() }));
    assert_eq!(base, identity(TranscribeConfig { device: transcribe::DeviceChoice::Cuda, ..english() }));
    assert_eq!(base.model_sha256.unwrap().len(), 64);
}
