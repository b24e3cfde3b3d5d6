//! Tests the second family through the stage: the test model is a complete Wav2Vec2ForCTC for letters and jamo.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use models::wav2vec2::Wav2Vec2Files;
use stage_core::{Pcm, SpeechSegments, Stage, TokenTiming, Transcript, Window};
use testkit::{Wav, doubled, fixture};
use transcribe::{Compute, ModelSource, Precision, Task, TranscribeConfig, Transcriber, open_model};

fn source() -> ModelSource {
    ModelSource::Directory(fixture("models/test-ctc"))
}

fn transcribe(config: TranscribeConfig, pcm: &Pcm, windows: &[Window]) -> Transcript {
    let transcriber = Transcriber::new(open_model(&source()).unwrap(), config, Compute::default()).unwrap();
    transcriber.run((pcm, &SpeechSegments::of_windows(windows.to_vec()))).unwrap().transcript
}

/// An English reading (8.3 s, telephone band), at 16 kHz.
fn reading() -> Vec<f32> {
    doubled(&Wav::read_mono(&fixture("calls/reading.wav"), 8_000))
}

/// Returns the most likely characters of a window, with runs merged, directly from the network's logits.
fn greedy(samples: &[f32]) -> Vec<u32> {
    let files = Wav2Vec2Files::resolve(&source()).unwrap();
    let log_probs = files.load().unwrap().emissions(&[samples]).remove(0);
    let likeliest = |row: &[f32]| (0..row.len()).reduce(|a, b| if row[b] > row[a] { b } else { a }).unwrap();
    let mut ids: Vec<usize> = log_probs.values.chunks(log_probs.symbols).map(likeliest).collect();
    ids.dedup();
    ids.into_iter().filter(|id| files.vocabulary().text(*id).is_some()).map(|id| id as u32).collect()
}

#[test]
fn wav2vec2_text_is_the_greedy_path_of_its_logits() {
    let samples = reading();
    let window = Window::without_spans(0, 0.0, samples.len() as f64 / 16_000.0);
    let expected = greedy(&samples);
    let transcript = transcribe(TranscribeConfig::default(), &Pcm::from_channels(vec![samples]), &[window]);
    let [segment] = transcript.segments.as_slice() else { panic!("{transcript:?}") };
    let ids: Vec<u32> = segment.token_groups.iter().flat_map(|group| group.ids.clone()).collect();
    assert!(!ids.is_empty());
    assert_eq!(ids, expected);
    assert_eq!(transcript.model, "test-ctc");
}

#[test]
fn wav2vec2_token_groups_are_the_text_in_time() {
    let windows = [Window::without_spans(0, 0.3, 4.0), Window::without_spans(0, 4.0, 8.0)];
    let transcript = transcribe(TranscribeConfig::default(), &Pcm::from_channels(vec![reading()]), &windows);
    assert_eq!(transcript.segments.len() + transcript.dropped.len(), windows.len());
    for segment in &transcript.segments {
        let joined: String = segment.token_groups.iter().map(|group| group.text.as_str()).collect();
        assert_eq!(joined.trim(), segment.text);
        let times: Vec<f64> = segment.token_groups.iter().flat_map(|group| [group.start_s, group.end_s]).collect();
        assert!(times.is_sorted() && times[0] >= segment.start_s && times[times.len() - 1] <= segment.end_s);
        assert_eq!(segment.token_timing, Some(TokenTiming::Emissions));
        assert_eq!(segment.diagnostics.family, "wav2vec2");
        assert!((0.0..=1.0).contains(&segment.confidence) && segment.language_probability.is_none());
    }
    assert_eq!(transcript.segments.len(), windows.len(), "{transcript:?}");
}

#[test]
fn wav2vec2_words_carry_its_letters_where_they_sound() {
    let samples = reading();
    let window = Window::without_spans(0, 0.0, samples.len() as f64 / 16_000.0);
    let transcript = transcribe(TranscribeConfig::default(), &Pcm::from_channels(vec![samples]), &[window]);
    let segment = &transcript.segments[0];
    // Speech begins about 0.6 s into the file. The aligner's blank is silence, so words end where silence begins.
    let first = &segment.token_groups[0];
    assert!((0.3..1.0).contains(&first.start_s), "{first:?}");
    assert!(segment.token_groups.len() > 40 && segment.text.contains(' '), "{}", segment.text);
}

#[test]
fn wav2vec2_drops_digital_silence_with_a_reason() {
    let pcm = Pcm::from_channels(vec![vec![0.0; 32_000]]);
    let transcript = transcribe(TranscribeConfig::default(), &pcm, &[Window::without_spans(0, 0.0, 2.0)]);
    let reason = &transcript.dropped[0].reason;
    assert!(transcript.segments.is_empty() && (reason == "no text" || reason.starts_with("silence")), "{reason}");
}

#[test]
fn wav2vec2_refuses_settings_that_it_does_not_read() {
    let refused =
        |config| Transcriber::new(open_model(&source()).unwrap(), config, Compute::default()).unwrap_err().to_string();
    let default = TranscribeConfig::default;
    for (config, named) in [
        (
            TranscribeConfig { beam_size: 2, ..default() },
            "beam_size is 2: the model test-ctc (wav2vec2) does not read this setting",
        ),
        (TranscribeConfig { task: Task::Translate, ..default() }, "task is \"translate\""),
        (TranscribeConfig { timestamps: true, ..default() }, "timestamps is true"),
        (TranscribeConfig { hotwords: Some("nine".into()), ..default() }, "hotwords is \"nine\""),
        (TranscribeConfig { languages: vec!["en".into()], ..default() }, "languages is [\"en\"]"),
    ] {
        assert!(refused(config.clone()).contains(named), "{named}: {}", refused(config));
    }
    let in_int8 = Transcriber::new(open_model(&source()).unwrap(), default(), Compute::cpu(Precision::Int8));
    let message = in_int8.unwrap_err().to_string();
    assert!(message.contains("precision is int8: this model computes in f32"), "{message}");
}

#[test]
fn wav2vec2_identity_holds_only_the_settings_that_it_reads() {
    let identity =
        |config| Transcriber::new(open_model(&source()).unwrap(), config, Compute::default()).unwrap().identity();
    let base = identity(TranscribeConfig::default());
    let names: Vec<&String> = base.settings.as_object().unwrap().keys().collect();
    assert_eq!(names, ["contrast_threshold_db", "low_confidence_threshold", "silence_dbfs", "token_times"]);
    assert_eq!(base.numeric.as_deref(), Some("f32"));
    assert_ne!(base, identity(TranscribeConfig { silence_dbfs: -50.0, ..TranscribeConfig::default() }));
}
