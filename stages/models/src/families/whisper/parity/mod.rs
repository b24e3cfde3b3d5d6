//! Compares with transformers, in single precision on the CPU: features, encoder states, logits, greedy tokens, token
//! times. The scripts in `tests/oracle` compute the reference during the test.

mod openai;
mod oracle;
mod search;
mod speech;

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use stage_core::ListFlow;

use self::oracle::{Reference, random_model, reference};
use self::speech::windows;
use super::network::{Backend, Packed, Row, Text};
use super::unit::{Hypothesis, MelWindow};
use super::{WhisperFiles, WhisperRecognizer, test_model};
use crate::{Compute, ModelSource, Pass, SpeechModel, Tensors, TranscribeConfig, TypedRecognizer, WindowAudio};

const MAX_TOKENS: usize = 24;
/// If the two best logits differ by less than this, a different choice is attributed to rounding.
const NEAR_TIE: f32 = 2e-3;

#[test]
fn whisper_of_the_test_model_agrees_with_transformers() {
    compare(&test_model::source(), Some("en"), &windows(&["7_nicolas", "30_george", "95128_lucas"]));
}

#[test]
fn whisper_of_random_weights_agrees_with_transformers() {
    let Some(directory) = random_model("tiny", 17) else { return };
    compare(&ModelSource::Directory(directory.path().into()), None, &windows(&["4_nicolas", "jfk"]));
}

#[test]
fn whisper_of_english_with_128_bands_agrees_with_transformers() {
    let Some(directory) = random_model("odd", 17) else { return };
    compare(&ModelSource::Directory(directory.path().into()), None, &windows(&["88_george", "jfk"]));
}

fn compare(source: &ModelSource, language: Option<&str>, samples: &[Vec<f32>]) {
    let ModelSource::Directory(directory) = source else { unreachable!() };
    let Some(reference) = reference(directory, samples, language, MAX_TOKENS) else { return };
    let recognizer = recognizer(source, language, TranscribeConfig { beam_size: 1, ..TranscribeConfig::default() });
    let inputs: Vec<_> = samples.iter().map(|samples| Arc::new(mel_window(&recognizer, samples))).collect();
    let outputs = outputs(&recognizer, &inputs);
    let network = packed(&recognizer.model);
    for (index, (unit, answer)) in inputs.iter().zip(&outputs).enumerate() {
        compare_front_end(&recognizer, unit, &reference, index);
        compare_network(&network, unit, &reference, index);
        compare_answer(answer, &reference, index, language.is_none());
    }
}

/// A loaded model with a single attempt, like the reference. Only its end token and the token budget stop a text.
fn recognizer(source: &ModelSource, language: Option<&str>, config: TranscribeConfig) -> WhisperRecognizer {
    let config = TranscribeConfig {
        languages: language.map(ToOwned::to_owned).into_iter().collect(),
        normalize_level: false,
        max_tokens: Some(MAX_TOKENS),
        temperatures: vec![0.0],
        repetition_limit: 0,
        ..config
    };
    let recognizer = WhisperFiles::resolve(source).unwrap().typed_recognizer(config, Compute::default()).unwrap();
    TypedRecognizer::load(&recognizer).unwrap();
    recognizer
}

fn packed(model: &WhisperFiles) -> Packed {
    let (config, weights) = (&model.config, model.files.weights().open().unwrap());
    let heads = model.generation.alignment_heads(config);
    Packed::new(&Tensors::new(&weights).pp("model"), config, &heads, kernels::CpuPrecision::F32).unwrap()
}

fn outputs(recognizer: &WhisperRecognizer, inputs: &[Arc<MelWindow>]) -> Vec<Hypothesis> {
    let mut flow = ListFlow::new(inputs.to_vec(), 4);
    TypedRecognizer::infer(recognizer, &mut flow).unwrap();
    flow.into_outputs().unwrap()
}

/// A window without speech activity, which the references do not use.
fn mel_window(recognizer: &WhisperRecognizer, samples: &[f32]) -> MelWindow {
    TypedRecognizer::prepare(recognizer, &WindowAudio::of_samples(samples.to_vec()), Pass::of_window(0))
}

fn compare_front_end(recognizer: &WhisperRecognizer, unit: &MelWindow, reference: &Reference, index: usize) {
    let expected = reference.tensor("mel", index).t().unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
    assert_eq!(expected.len(), unit.features.len(), "{}", recognizer.model.name());
    let worst = expected.iter().zip(&unit.features).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst <= 1e-4, "window {index}: features deviate by {worst}");
}

/// Compares encoder states, and the logits after every token, both fed at once and one by one through the cache.
fn compare_network(model: &Packed, unit: &MelWindow, reference: &Reference, index: usize) {
    let worst = deviation(&model.states_of(unit).unwrap(), &reference.tensor("states", index));
    assert!(worst <= 1e-3, "window {index}: encoder states deviate by {worst}");

    let tokens = [reference.ids("prompt", index), reference.ids("tokens", index)].concat();
    let expected = reference.tensor("logits", index);
    let mut cache = model.cache(1, 1, tokens.len()).unwrap();
    model.admit(&[(0, unit)], &mut cache, None).unwrap();
    let text = Text { slot: 0, tokens: &tokens };
    let mut worst = deviation(&model.logits(text, &cache).unwrap(), &expected);
    for (position, token) in tokens.iter().enumerate() {
        let logits = model.step(&[Row { slot: 0, lane: 0 }], &[*token], &mut cache).unwrap();
        worst = worst.max(deviation(&logits, &expected.narrow(0, position, 1).unwrap()));
    }
    assert!(worst <= 1e-3, "window {index}: logits deviate by {worst}");
}

fn compare_answer(answer: &Hypothesis, reference: &Reference, index: usize, detected: bool) {
    assert!((answer.no_speech_prob - reference.scalar("no_speech", index)).abs() < 1e-4);
    let languages = reference.floats("language", index);
    if detected && languages.len() > 1 {
        let expected = languages.iter().copied().fold(0.0, f32::max);
        assert!((answer.language_probability.unwrap() - expected).abs() < 1e-4);
    }
    let (expected, margins) = (reference.ids("tokens", index), reference.floats("margins", index));
    let same = answer.tokens.iter().zip(&expected).take_while(|(a, b)| a == b).count();
    if same < expected.len().max(answer.tokens.len()) {
        assert!(margins[same] < NEAR_TIE, "window {index}: {:?} is not {expected:?}", answer.tokens);
        eprintln!("window {index}: a near-tie after {same} tokens, margin {}", margins[same]);
        return;
    }
    let expected_s = reference.tensor("boundaries", index).to_dtype(DType::F64).unwrap().to_vec1::<f64>().unwrap();
    let found_s = answer.boundaries_s.as_ref().unwrap();
    assert_eq!(found_s.len(), expected_s.len());
    for (ours, theirs) in found_s.iter().zip(&expected_s) {
        assert!((ours - theirs).abs() <= 0.021, "window {index}: {found_s:?} is not {expected_s:?}");
    }
}

fn deviation(ours: &Tensor, theirs: &Tensor) -> f32 {
    assert_eq!(ours.dims(), theirs.dims());
    let theirs = theirs.to_device(&Device::Cpu).unwrap();
    (ours - theirs).unwrap().abs().unwrap().max_all().unwrap().to_scalar().unwrap()
}
