//! Tests the public interface of the stage with the test model.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;

use models::whisper::{RejectedAttempt, WhisperDiagnostics};
use serde_json::Value;
use stage_core::{DeviceStage, ErrorCode, ListFlow, Pcm, Segment, SpeechSegments, Stage, Transcript, Window};
use transcribe::{
    Compute, DeviceChoice, ModelSource, Output, Precision, Task, TranscribeConfig, Transcriber, Unit, open_model,
};

/// The test model.
fn model() -> ModelSource {
    ModelSource::Directory(testkit::fixture("models/test-tiny"))
}

fn transcriber(config: TranscribeConfig) -> Transcriber {
    Transcriber::new(open_model(&model()).unwrap(), config, Compute::default()).unwrap()
}

fn english() -> TranscribeConfig {
    // This threshold keeps any text that the model finds in a test tone.
    TranscribeConfig { languages: vec!["en".into()], no_speech_threshold: 1.0, ..TranscribeConfig::default() }
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
    let window = |&(channel, start_s, end_s): &(u16, f64, f64)| Window::without_spans(channel, start_s, end_s);
    SpeechSegments::of_windows(windows.iter().map(window).collect())
}

const WINDOWS: [(u16, f64, f64); 5] = [(0, 0.5, 6.5), (0, 7.0, 9.25), (0, 12.0, 17.9), (1, 1.0, 1.3), (1, 10.0, 15.0)];

/// Runs the three phases with this many windows in progress at a time.
fn phases(transcriber: &Transcriber, pcm: &Pcm, segments: &SpeechSegments, capacity: usize) -> Transcript {
    let mut inputs = Vec::new();
    transcriber.prepare((pcm, segments), &|_| false, &mut |_, unit| push(&mut inputs, unit)).unwrap();
    let mut outputs = infer(transcriber, inputs, capacity);
    loop {
        let mut inputs = Vec::new();
        if transcriber.follow_up((pcm, segments), &outputs, &mut |_, unit| push(&mut inputs, unit)).unwrap() == 0 {
            return transcriber.finish((pcm, segments), outputs).unwrap().transcript;
        }
        outputs.extend(infer(transcriber, inputs, capacity));
    }
}

fn push(inputs: &mut Vec<Arc<Unit>>, unit: Unit) -> bool {
    inputs.push(Arc::new(unit));
    true
}

fn infer(transcriber: &Transcriber, inputs: Vec<Arc<Unit>>, capacity: usize) -> Vec<Output> {
    let mut flow = ListFlow::new(inputs, capacity);
    transcriber.infer(&mut flow).unwrap();
    flow.into_outputs().unwrap()
}

#[test]
fn window_gives_the_same_text_in_any_batch_and_slot() {
    let transcriber = transcriber(english());
    transcriber.load().unwrap();
    let (pcm, segments) = (tones(), segments(&WINDOWS));
    let alone = phases(&transcriber, &pcm, &segments, 1);
    let together = phases(&transcriber, &pcm, &segments, WINDOWS.len());
    let refilled = phases(&transcriber, &pcm, &segments, 2);
    assert_eq!(together, transcriber.run((&pcm, &segments)).unwrap().transcript);
    assert_eq!(alone.segments.len(), together.segments.len());
    assert_eq!(alone.segments.len(), refilled.segments.len());
    for (a, b) in
        [&alone, &alone].iter().zip([&together, &refilled]).flat_map(|(a, b)| a.segments.iter().zip(&b.segments))
    {
        assert_eq!(a.text, b.text);
        let (ours, theirs) = (diagnostics(a), diagnostics(b));
        assert!((ours.avg_logprob - theirs.avg_logprob).abs() < 1e-4);
        assert!((ours.no_speech_prob - theirs.no_speech_prob).abs() < 1e-4);
        for (a, b) in a.token_groups.iter().zip(&b.token_groups) {
            assert_eq!((&a.ids, &a.text, a.start_s, a.end_s), (&b.ids, &b.text, b.start_s, b.end_s));
            assert!((a.logprob - b.logprob).abs() < 1e-4);
        }
    }
}

/// Diagnostics of Whisper's decoding.
fn diagnostics(segment: &Segment) -> WhisperDiagnostics {
    assert_eq!(segment.diagnostics.family, "whisper");
    serde_json::from_value(Value::Object(segment.diagnostics.values.clone())).unwrap()
}

#[test]
fn windows_become_one_segment_or_one_reason() {
    let (pcm, segments) = (tones(), segments(&WINDOWS));
    let transcript = transcriber(english()).run((&pcm, &segments)).unwrap().transcript;
    let mut seen: Vec<_> = transcript.segments.iter().map(|s| (s.channel, s.start_s, s.end_s)).collect();
    assert!(seen.is_sorted_by(|a, b| a < b));
    seen.extend(transcript.dropped.iter().map(|d| (d.channel, d.start_s, d.end_s)));
    seen.sort_by(|a, b| a.partial_cmp(b).unwrap());
    assert_eq!(seen, WINDOWS);
    for dropped in &transcript.dropped {
        assert!(dropped.reason.contains("no-speech probability"), "{}", dropped.reason);
    }
    assert_token_groups_are_the_text(&transcript);
}

fn assert_token_groups_are_the_text(transcript: &Transcript) {
    for segment in &transcript.segments {
        let joined: String = segment.token_groups.iter().map(|group| group.text.as_str()).collect();
        assert_eq!(joined.trim(), segment.text);
        let times: Vec<f64> = segment.token_groups.iter().flat_map(|group| [group.start_s, group.end_s]).collect();
        assert!(times.is_sorted() && times[0] >= segment.start_s && times[times.len() - 1] <= segment.end_s);
    }
}

#[test]
fn token_budget_is_kept_and_reported() {
    let transcriber = transcriber(TranscribeConfig { max_tokens: Some(1), ..english() });
    let transcript = transcriber.run((&tones(), &segments(&WINDOWS))).unwrap().transcript;
    for segment in &transcript.segments {
        assert_eq!(segment.token_groups.iter().map(|group| group.ids.len()).sum::<usize>(), 1);
        assert_eq!(segment.cut_short.as_deref(), Some("token budget"));
    }
    assert!(!transcript.segments.is_empty());
}

#[test]
fn language_detected_is_one_of_the_model_with_a_probability() {
    let config = TranscribeConfig { languages: vec![], ..english() };
    for segment in transcriber(config).run((&tones(), &segments(&WINDOWS))).unwrap().transcript.segments {
        assert!(["en", "ko"].contains(&segment.language.as_str()));
        assert!((0.5..=1.0).contains(&segment.language_probability.unwrap()));
    }
}

#[test]
fn silence_is_dropped_with_its_numbers() {
    let pcm = Pcm::from_channels(vec![vec![0.0; 16_000]]);
    // Tests the rule alone: every probability is above one threshold and below the other.
    let config = TranscribeConfig { no_speech_threshold: 0.0, logprob_threshold: 1.0, ..TranscribeConfig::default() };
    let transcript = transcriber(config).run((&pcm, &segments(&[(0, 0.0, 1.0)]))).unwrap().transcript;
    assert!(transcript.segments.is_empty());
    assert!(transcript.dropped[0].reason.starts_with("no speech: no-speech probability 0."), "{transcript:?}");
}

#[test]
fn misuse_is_a_named_bug() {
    let transcriber = transcriber(english());
    let (pcm, segments) = (tones(), segments(&[(0, 0.0, 11.0)]));
    let error = transcriber.prepare((&pcm, &segments), &|_| false, &mut |_, _| true).unwrap_err();
    assert_eq!(error.code, ErrorCode::WindowTooLong);
    assert_eq!(transcriber.infer(&mut ListFlow::new(vec![], 1)).unwrap_err().code, ErrorCode::ModelNotLoaded);
    assert_eq!(transcriber.finish((&pcm, &segments), vec![]).unwrap_err().code, ErrorCode::InferenceIncomplete);
}

#[test]
fn identity_follows_the_settings_and_not_the_device() {
    let identity = |config| transcriber(config).identity();
    let base = identity(english());
    assert_ne!(base, identity(TranscribeConfig { languages: vec![], ..english() }));
    assert_ne!(base, identity(TranscribeConfig { max_tokens: Some(9), ..english() }));
    assert_ne!(base, identity(TranscribeConfig { task: Task::Translate, ..english() }));
    assert_ne!(base, identity(TranscribeConfig { temperatures: vec![0.0], ..english() }));
    assert_ne!(base, identity(TranscribeConfig { hotwords: Some("nine".into()), ..english() }));
    let on = |compute| Transcriber::new(open_model(&model()).unwrap(), english(), compute).unwrap().identity();
    assert_eq!(base, on(Compute { device: DeviceChoice::Cuda, ..Compute::default() }));
    assert_ne!(base, on(Compute::cpu(Precision::Int8)));
    assert_eq!(base.model_sha256.unwrap().len(), 64);
}

#[test]
fn settings_that_make_no_sense_are_refused_by_name() {
    let refused =
        |config| Transcriber::new(open_model(&model()).unwrap(), config, Compute::default()).unwrap_err().to_string();
    for (config, setting) in [
        (TranscribeConfig { temperatures: vec![], ..english() }, "temperatures is []"),
        (TranscribeConfig { temperatures: vec![0.0, -0.2], ..english() }, "temperatures is [0.0, -0.2]"),
        (TranscribeConfig { beam_size: 0, ..english() }, "beam_size is 0"),
        (TranscribeConfig { patience: f32::NAN, ..english() }, "patience is NaN"),
        (TranscribeConfig { logprob_threshold: f32::INFINITY, ..english() }, "logprob_threshold is inf"),
        (TranscribeConfig { hotwords: Some("<|endoftext|>".into()), ..english() }, "spells a special token"),
    ] {
        assert!(refused(config).contains(setting), "{setting}");
    }
}

#[test]
fn timestamps_split_a_window_into_segments_inside_it() {
    let config = TranscribeConfig { timestamps: true, logprob_threshold: -99.0, ..english() };
    let transcript = transcriber(config).run((&tones(), &segments(&WINDOWS))).unwrap().transcript;
    assert_token_groups_are_the_text(&transcript);
    for segment in &transcript.segments {
        let inside = |w: &&(u16, f64, f64)| w.0 == segment.channel && w.1 <= segment.start_s && segment.end_s <= w.2;
        assert_eq!(WINDOWS.iter().filter(inside).count(), 1, "{segment:?}");
        assert!(segment.start_s < segment.end_s);
    }
    let in_order = |a: &Segment, b: &Segment| a.channel < b.channel || a.channel == b.channel && a.end_s <= b.start_s;
    assert!(transcript.segments.is_sorted_by(in_order));
    assert!(!transcript.segments.is_empty());
}

/// The test model's end token.
fn end_of_text() -> u32 {
    let config = include_str!("../../../fixtures/models/test-tiny/config.json");
    serde_json::from_str::<serde_json::Value>(config).unwrap()["eos_token_id"].as_u64().unwrap() as u32
}

#[test]
fn text_over_silence_is_dropped_with_its_numbers() {
    let pcm = Pcm::from_channels(vec![vec![0.0; 32_000]]);
    // No other rule drops the text, and the end token is suppressed so that the window gets text.
    let config = TranscribeConfig {
        temperatures: vec![1.0],
        suppress_tokens: vec![end_of_text()],
        max_tokens: Some(5),
        ..english()
    };
    let transcript = transcriber(config).run((&pcm, &segments(&[(0, 0.0, 2.0)]))).unwrap().transcript;
    assert!(transcript.segments.is_empty());
    let reason = &transcript.dropped[0].reason;
    assert!(reason.starts_with("silence: at most -200 dBFS: no-speech probability"), "{reason}");
    assert!(reason.contains("rejected text \""), "{reason}");
}

#[test]
fn attempts_that_all_fail_leave_the_most_likely_with_low_confidence() {
    // No text reaches this log-probability, so every attempt is rejected.
    let config = TranscribeConfig { temperatures: vec![0.0, 0.4, 0.8], logprob_threshold: 1.0, ..english() };
    let transcript = transcriber(config).run((&tones(), &segments(&WINDOWS[..2]))).unwrap().transcript;
    for segment in &transcript.segments {
        let decoding = diagnostics(segment);
        let mut temperatures: Vec<_> = decoding.rejected.iter().map(|attempt| attempt.temperature).collect();
        assert!(decoding.rejected.iter().all(|attempt| attempt.reason.contains("mean log-probability")));
        let is_repetitive = |ratio: f32| ratio > 2.4;
        let better = |other: &RejectedAttempt| {
            !is_repetitive(other.compression_ratio) && other.avg_logprob > decoding.avg_logprob
        };
        assert!(!decoding.rejected.iter().any(better), "{decoding:?}");
        temperatures.push(decoding.temperature);
        temperatures.sort_by(f32::total_cmp);
        assert_eq!(temperatures, [0.0, 0.4, 0.8]);
        assert!(segment.low_confidence.is_some());
    }
    assert!(!transcript.segments.is_empty());
}

#[test]
fn snippets_and_noise_end_in_a_segment_or_a_reason() {
    let pcm = Pcm::from_channels(vec![testkit::Random(1).noise(64_000, 0.5)]);
    let windows = [(0, 0.0, 0.02), (0, 0.1, 0.2), (0, 0.5, 3.5), (0, 3.9, 4.0)];
    let config = TranscribeConfig { languages: vec![], ..TranscribeConfig::default() };
    let transcript = transcriber(config).run((&pcm, &segments(&windows))).unwrap().transcript;
    assert_eq!(transcript.segments.len() + transcript.dropped.len(), windows.len());
    assert!(transcript.dropped.iter().all(|dropped| !dropped.reason.is_empty()));
}

#[test]
fn token_groups_span_their_segment_without_token_times() {
    let config = TranscribeConfig { token_times: false, ..english() };
    for segment in transcriber(config).run((&tones(), &segments(&WINDOWS))).unwrap().transcript.segments {
        assert!(segment.token_timing.is_none());
        assert!(segment.token_groups.iter().all(|p| (p.start_s, p.end_s) == (segment.start_s, segment.end_s)));
    }
}

#[test]
fn windows_that_follow_each_other_give_the_same_alone_and_together() {
    let config = TranscribeConfig {
        condition_on_previous_text: true,
        initial_prompt: Some("nine one".into()),
        hotwords: Some("seven".into()),
        languages: vec![],
        ..english()
    };
    let transcriber = transcriber(config);
    let (pcm, segments) = (tones(), segments(&WINDOWS));
    let together = transcriber.run((&pcm, &segments)).unwrap().transcript;
    assert_eq!(together, phases(&transcriber, &pcm, &segments, 1));
    assert_eq!(together.segments.len() + together.dropped.len(), WINDOWS.len());
}

#[test]
fn language_of_an_unsure_window_is_that_of_the_others() {
    // A threshold above every probability but 1: uncertain windows take the language of the certain ones.
    let config = TranscribeConfig { languages: vec![], language_threshold: 0.0, ..english() };
    let own = transcriber(config.clone()).run((&tones(), &segments(&WINDOWS))).unwrap().transcript;
    assert!(own.segments.iter().all(|segment| diagnostics(segment).overruled_language.is_none()));
    let mut probabilities: Vec<f32> = own.segments.iter().filter_map(|segment| segment.language_probability).collect();
    probabilities.sort_by(f32::total_cmp);
    let threshold = probabilities[probabilities.len() / 2];
    let transcript = transcriber(TranscribeConfig { language_threshold: threshold, ..config })
        .run((&tones(), &segments(&WINDOWS)))
        .unwrap()
        .transcript;
    for segment in &transcript.segments {
        if let Some(detected) = &diagnostics(segment).overruled_language {
            assert!(detected.language != segment.language && detected.probability < threshold);
            assert!(segment.language_probability.unwrap() <= detected.probability);
        }
    }
}
