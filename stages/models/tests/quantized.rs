//! Models whose matrices are stored in int8.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::Path;
use std::sync::Arc;

use models::whisper::{Hypothesis, QuantizeError, WhisperFiles, quantize};
use models::{Compute, ModelSource, Pass, Precision, TranscribeConfig, TypedRecognizer, WindowAudio};
use stage_core::ListFlow;

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/models/test-tiny");

fn model() -> ModelSource {
    ModelSource::Directory(MODEL.into())
}

/// The hypothesis of a model for six seconds of a chirp.
fn transcribe(source: &ModelSource, precision: Precision) -> Hypothesis {
    let config = TranscribeConfig { languages: vec!["en".into()], ..TranscribeConfig::default() };
    let recognizer = WhisperFiles::resolve(source).unwrap().typed_recognizer(config, Compute::cpu(precision)).unwrap();
    recognizer.load().unwrap();
    let chirp = |i: usize| (0.0003 * (i as f32).powf(1.5)).sin() * 0.4;
    let audio = WindowAudio::of_samples((0..96_000).map(chirp).collect());
    let unit = recognizer.prepare(&audio, Pass::of_window(0));
    let mut flow = ListFlow::new(vec![Arc::new(unit)], 1);
    recognizer.infer(&mut flow).unwrap();
    flow.into_outputs().unwrap().remove(0)
}

fn weights_len(folder: &Path) -> u64 {
    fs::metadata(folder.join("model.safetensors")).unwrap().len()
}

#[test]
fn model_that_is_quantized_gives_the_numbers_of_its_source() {
    let folder = tempfile::tempdir().unwrap();
    let stored = folder.path().join("int8");
    quantize(&model(), &stored).unwrap();
    assert!(weights_len(&stored) * 10 < weights_len(MODEL.as_ref()) * 6, "{} bytes", weights_len(&stored));
    let stored = ModelSource::Directory(stored);
    assert_eq!(transcribe(&stored, Precision::Int8), transcribe(&model(), Precision::Int8));
    let [a, b] = [&stored, &model()].map(|source| transcribe(source, Precision::F32).avg_logprob());
    assert!((a - b).abs() < 0.1 && a != b, "{a} is not nearly {b}");
    assert_ne!(models::open(&stored).unwrap().sha256().unwrap(), models::open(&model()).unwrap().sha256().unwrap());
}

#[test]
fn quantize_refuses_existing_folders_and_int8_models() {
    let folder = tempfile::tempdir().unwrap();
    let error = quantize(&model(), folder.path()).unwrap_err();
    assert!(matches!(&error, QuantizeError::Unwritable { path, .. } if path == folder.path()), "{error}");
    let [once, twice] = ["once", "twice"].map(|name| folder.path().join(name));
    quantize(&model(), &once).unwrap();
    let error = quantize(&ModelSource::Directory(once), &twice).unwrap_err();
    assert_eq!(error.to_string(), "once: its matrices are already in int8");
    assert!(!twice.exists());
}

#[test]
fn precision_that_the_device_does_not_have_is_refused_by_name() {
    let compute = Compute::cpu(Precision::F16);
    let recognizer = models::open(&model()).unwrap().recognizer(TranscribeConfig::default(), compute);
    let message = recognizer.unwrap_err().to_string();
    assert!(message.contains("precision is f16") && message.contains("f16 is for GPUs"), "{message}");
}

#[test]
fn quantize_refuses_other_families_by_name() {
    let aligner = ModelSource::Directory(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/models/test-ctc").into());
    let folder = tempfile::tempdir().unwrap();
    let error = quantize(&aligner, &folder.path().join("int8")).unwrap_err().to_string();
    assert!(error.contains("only Whisper models can be quantized") && error.contains("wav2vec2"), "{error}");
}
