//! Models whose matrices are stored in int8.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::Path;
use std::sync::Arc;

use stage_core::{DeviceStage, ListFlow, Pcm, SpeechSegments, Window};
use transcribe::{
    Hypothesis, ModelFiles, ModelSource, Precision, QuantiseError, TranscribeConfig, Transcriber, quantise,
};

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/models/test-tiny");

fn model() -> ModelSource {
    ModelSource::Directory(MODEL.into())
}

/// What a model makes of six seconds of a chirp.
fn hear(source: &ModelSource, precision: Precision) -> Hypothesis {
    let config = TranscribeConfig { languages: vec!["en".into()], precision, ..TranscribeConfig::default() };
    let transcriber = Transcriber::new(ModelFiles::resolve(source).unwrap(), config).unwrap();
    transcriber.load().unwrap();
    let chirp = |i: usize| (0.0003 * (i as f32).powf(1.5)).sin() * 0.4;
    let pcm = Pcm::from_channels(vec![(0..96_000).map(chirp).collect()]);
    let segments = SpeechSegments::of_windows(vec![Window::without_spans(0, 0.0, 6.0)]);
    let mut units = Vec::new();
    transcriber
        .prepare((&pcm, &segments), &|_| false, &mut |_, unit| {
            units.push(Arc::new(unit));
            true
        })
        .unwrap();
    let mut flow = ListFlow::new(units, 1);
    transcriber.infer(&mut flow).unwrap();
    flow.into_outputs().unwrap().remove(0)
}

fn weights_len(folder: &Path) -> u64 {
    fs::metadata(folder.join("model.safetensors")).unwrap().len()
}

#[test]
fn a_stored_int8_model_gives_the_numbers_of_the_one_that_it_was_made_of() {
    let folder = tempfile::tempdir().unwrap();
    let stored = folder.path().join("int8");
    quantise(&model(), &stored).unwrap();
    assert!(weights_len(&stored) * 10 < weights_len(MODEL.as_ref()) * 6, "{} bytes", weights_len(&stored));
    let stored = ModelSource::Directory(stored);
    assert_eq!(hear(&stored, Precision::Int8), hear(&model(), Precision::Int8));
    let [a, b] = [&stored, &model()].map(|source| hear(source, Precision::F32).avg_logprob());
    assert!((a - b).abs() < 0.1 && a != b, "{a} is not nearly {b}");
    assert_ne!(
        ModelFiles::resolve(&stored).unwrap().sha256().unwrap(),
        ModelFiles::resolve(&model()).unwrap().sha256().unwrap()
    );
}

#[test]
fn a_folder_that_exists_and_a_model_in_int8_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let error = quantise(&model(), folder.path()).unwrap_err();
    assert!(matches!(&error, QuantiseError::Unwritable { path, .. } if path == folder.path()), "{error}");
    let [once, twice] = ["once", "twice"].map(|name| folder.path().join(name));
    quantise(&model(), &once).unwrap();
    let error = quantise(&ModelSource::Directory(once), &twice).unwrap_err();
    assert_eq!(error.to_string(), "once: its matrices are in int8 already");
    assert!(!twice.exists());
}

#[test]
fn a_precision_that_the_device_has_not_is_refused_by_name() {
    let config = TranscribeConfig { precision: Precision::F16, ..TranscribeConfig::default() };
    let files = ModelFiles::resolve(&model()).unwrap();
    let message = Transcriber::new(files, config).unwrap_err().to_string();
    assert!(message.contains("precision is f16") && message.contains("f16 is for GPUs"), "{message}");
}
