//! Tests of the decoding loop: the tokens of a window do not depend on other windows with any settings, and every text
//! ends.

use std::collections::HashMap;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use kernels::CpuPrecision;
use stage_core::{Flow, ListFlow};

use super::{Decode, DecodingOptions, Engine, POSITION_S};
use crate::families::whisper::network::{DecoderCache, Fused, Packed};
use crate::families::whisper::unit::{Hypothesis, MelWindow};
use crate::families::whisper::{WhisperFiles, test_model};
use crate::{Tensors, TranscribeConfig, Weights};

const WINDOWS: usize = 7;

fn files() -> WhisperFiles {
    WhisperFiles::resolve(&test_model::source()).unwrap()
}

fn network(files: &WhisperFiles, weights: &Weights) -> Packed {
    let heads = files.generation.alignment_heads(&files.config);
    Packed::new(&Tensors::new(&weights.open().unwrap()).pp("model"), &files.config, &heads, CpuPrecision::F32).unwrap()
}

/// Serializes tensors to weights, as a file stores them.
fn stored(tensors: HashMap<String, Tensor>) -> Weights {
    let bytes = safetensors::serialize(&tensors, None).unwrap();
    Weights::embedded("made for a test", bytes.leak())
}

fn trained(files: &WhisperFiles) -> Packed {
    network(files, files.files.weights())
}

/// The test model's shapes with random weights, large enough to produce different texts.
fn random(files: &WhisperFiles) -> Packed {
    network(files, &stored(random_tensors()))
}

fn random_tensors() -> HashMap<String, Tensor> {
    let mut state = 1u64;
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    let shapes = candle_core::safetensors::load_buffer(test_model::WEIGHTS, &Device::Cpu).unwrap();
    let mut names: Vec<_> = shapes.keys().cloned().collect();
    names.sort();
    let fill = |name: String| {
        let shape = shapes[&name].shape();
        let scale = if name.contains("layer_norm") {
            0.0
        } else if name.contains("attn") {
            0.3
        } else {
            0.12
        };
        let offset = if name.ends_with("layer_norm.weight") { 1.5 } else { 0.0 };
        let values: Vec<f32> = (0..shape.elem_count()).map(|_| offset + scale * uniform()).collect();
        (name, Tensor::from_vec(values, shape, &Device::Cpu).unwrap())
    };
    names.into_iter().map(fill).collect()
}

/// Features that differ between windows. Every other window has a prompt, each of a different length.
fn windows() -> Vec<Arc<MelWindow>> {
    let window = |seed: usize| {
        let feature = |i: usize| {
            ((i * (seed + 3)) as f32 * 0.013).sin() * 0.8 + ((i / 80 * (seed + 1)) as f32 * 0.05).cos() * 0.5
        };
        let features = (0..1000 * 80).map(feature).collect();
        let prompt = if seed % 2 == 1 { (0..seed as u32).map(|id| 20 + id).collect() } else { Vec::new() };
        Arc::new(MelWindow { prompt, ..MelWindow::of_features(features, 40 * seed + 20) })
    };
    (0..WINDOWS).map(window).collect()
}

fn decode(model: &Packed, options: &DecodingOptions, windows: Vec<Arc<MelWindow>>, capacity: usize) -> Vec<Hypothesis> {
    let mut flow = ListFlow::new(windows, capacity);
    model.decode(options, None, &mut flow).unwrap();
    flow.into_outputs().unwrap()
}

/// Equality up to rounding.
fn assert_same(a: &Hypothesis, b: &Hypothesis) {
    assert_eq!(a.boundaries_s, b.boundaries_s);
    assert_alike(a, b);
}

/// Equality of the results of two networks. Rounding may move a boundary by one position.
fn assert_alike(a: &Hypothesis, b: &Hypothesis) {
    assert_eq!(a.tokens, b.tokens);
    let (ours, theirs) = (a.boundaries_s.as_ref().unwrap(), b.boundaries_s.as_ref().unwrap());
    assert_eq!(ours.len(), theirs.len());
    assert!(ours.iter().zip(theirs).all(|(a, b)| (a - b).abs() < 1.5 * POSITION_S), "{ours:?} {theirs:?}");
    assert_eq!((a.looping, a.end_logprob.is_some()), (b.looping, b.end_logprob.is_some()));
    assert_eq!((&a.language, a.temperature), (&b.language, b.temperature));
    assert!((a.no_speech_prob - b.no_speech_prob).abs() < 1e-4 && (a.avg_logprob() - b.avg_logprob()).abs() < 1e-3);
    let refused = |h: &Hypothesis| h.rejected.iter().map(|attempt| attempt.temperature).collect::<Vec<_>>();
    assert_eq!(refused(a), refused(b));
}

/// Settings that cover all paths of the decoding loop.
fn settings() -> Vec<(&'static str, TranscribeConfig)> {
    let base = || TranscribeConfig { max_tokens: Some(20), beam_size: 1, ..TranscribeConfig::default() };
    vec![
        ("greedy", TranscribeConfig { temperatures: vec![0.0], ..base() }),
        ("timestamps", TranscribeConfig { timestamps: true, temperatures: vec![0.0], ..base() }),
        ("beams", TranscribeConfig { beam_size: 5, temperatures: vec![0.0], ..base() }),
        (
            "patient beams",
            TranscribeConfig { beam_size: 3, patience: 2.0, timestamps: true, temperatures: vec![0.0], ..base() },
        ),
        ("samples", TranscribeConfig { temperatures: vec![0.7], best_of: 3, ..base() }),
        // Some attempts pass the fallback criteria and some do not.
        (
            "fallback",
            TranscribeConfig {
                beam_size: 2,
                best_of: 3,
                logprob_threshold: -1.5,
                temperatures: vec![0.0, 0.4, 1.0],
                ..base()
            },
        ),
    ]
}

#[test]
fn window_gives_the_same_in_any_batch_and_slot() {
    let files = files();
    for (weights, model) in [("trained", trained(&files)), ("random", random(&files))] {
        for (name, config) in settings() {
            let options = DecodingOptions::new(&files, &config).unwrap();
            let alone: Vec<_> =
                windows().into_iter().flat_map(|window| decode(&model, &options, vec![window], 1)).collect();
            for capacity in [1, 2, 3, WINDOWS] {
                eprintln!("{weights}, {name}, {capacity} at once");
                let together = decode(&model, &options, windows(), capacity);
                alone.iter().zip(&together).for_each(|(a, b)| assert_same(a, b));
            }
            let texts: std::collections::BTreeSet<_> = alone.iter().map(|answer| &answer.tokens).collect();
            assert!(weights == "trained" || texts.len() > 2, "{name}: the texts differ");
        }
    }
}

#[test]
fn gpu_path_gives_what_the_cpu_path_gives() {
    let files = files();
    let heads = files.generation.alignment_heads(&files.config);
    for (weights, stored) in [("trained", files.files.weights()), ("random", &stored(random_tensors()))] {
        let tensors = stored.load(DType::F32, &Device::Cpu).unwrap();
        let (model, fused) =
            (network(&files, stored), Fused::new(&tensors.pp("model"), &files.config, &heads).unwrap());
        // Sampling from thousands of equally likely tokens depends on rounding.
        let is_stable = |config: &TranscribeConfig| weights == "trained" || config.temperatures == [0.0];
        for (name, config) in settings().into_iter().filter(|(_, config)| is_stable(config)) {
            eprintln!("{weights}, {name}");
            let options = DecodingOptions::new(&files, &config).unwrap();
            let mut flow = ListFlow::new(windows(), 3);
            fused.decode(&options, None, &mut flow).unwrap();
            let expected = decode(&model, &options, windows(), 3);
            expected.iter().zip(&flow.into_outputs().unwrap()).for_each(|(a, b)| assert_alike(a, b));
        }
    }
}

#[test]
fn slots_are_made_for_the_windows_that_come_and_no_more() {
    let files = files();
    let model = trained(&files);
    let options = DecodingOptions::new(&files, &TranscribeConfig::default()).unwrap();
    let mut engine = Engine::new(&model, &options, None, 1_000_000).unwrap();
    engine.refill(&mut ListFlow::new(windows(), 1_000_000)).unwrap();
    assert_eq!((engine.cache.slots(), engine.tasks.len()), (WINDOWS, WINDOWS));
}

#[test]
fn budget_ends_every_text_and_counts_the_prompt() {
    let files = files();
    let model = random(&files);
    let suppress_tokens = vec![files.vocabulary.end];
    for (beam_size, temperature) in [(1, 0.0), (4, 0.0), (1, 0.5)] {
        let config = TranscribeConfig {
            suppress_tokens: suppress_tokens.clone(),
            temperatures: vec![temperature],
            max_tokens: Some(1_000),
            repetition_limit: 0,
            beam_size,
            ..TranscribeConfig::default()
        };
        let options = DecodingOptions::new(&files, &config).unwrap();
        for (window, answer) in windows().iter().zip(decode(&model, &options, windows(), 4)) {
            let prompt = options.opening(&window.prompt).len() + options.after_start(0).len();
            assert_eq!(answer.tokens.len(), files.config.max_target_positions - prompt);
            assert_eq!(answer.end_logprob, None);
            assert_eq!(answer.boundaries_s.unwrap().len(), answer.tokens.len() + 1);
        }
    }
}

#[test]
fn repetition_is_stopped_and_decoded_again() {
    let files = files();
    let model = random(&files);
    // Only one token is allowed, so every attempt is a loop.
    let only: Vec<u32> = (0..files.config.vocab_size as u32).filter(|id| *id != 30).collect();
    for beam_size in [1, 3] {
        let config = TranscribeConfig {
            suppress_tokens: Vec::clone(&only),
            temperatures: vec![0.0, 0.5],
            repetition_limit: 4,
            beam_size,
            ..TranscribeConfig::default()
        };
        let options = DecodingOptions::new(&files, &config).unwrap();
        let answer = decode(&model, &options, windows(), 4).remove(0);
        assert!(answer.looping && answer.end_logprob.is_none());
        assert_eq!(answer.tokens, [30; 8]);
        assert!(answer.rejected[0].reason.starts_with("repetition") && answer.low_confidence.is_some());
    }
}

#[test]
fn logits_that_are_no_numbers_are_an_error_in_every_search() {
    let files = files();
    let tensors = candle_core::safetensors::load_buffer(test_model::WEIGHTS, &Device::Cpu).unwrap();
    let broken = |(name, tensor): (String, Tensor)| {
        let tensor = tensor.to_dtype(DType::F32).unwrap();
        let tensor = if name == "model.decoder.layer_norm.weight" { (tensor * f64::NAN).unwrap() } else { tensor };
        (name, tensor)
    };
    let tensors = tensors.into_iter().map(broken).collect();
    let model = network(&files, &stored(tensors));
    for (_, config) in settings() {
        let options = DecodingOptions::new(&files, &config).unwrap();
        let error = model.decode(&options, None, &mut ListFlow::new(windows(), 3)).unwrap_err();
        assert!(error.to_string().contains("not finite"), "{error}");
    }
}

/// Provides the next window only after several decoding steps, like a recording that is still being decoded.
struct Trickle {
    waiting: Vec<Arc<MelWindow>>,
    worked: usize,
    outputs: Vec<(usize, Hypothesis)>,
}

impl Flow<MelWindow, Hypothesis> for Trickle {
    fn capacity(&self) -> usize {
        3
    }

    fn draw(&mut self) -> Option<(usize, Arc<MelWindow>)> {
        if self.worked < 3 && self.waiting.len() < WINDOWS {
            return None;
        }
        self.worked = 0;
        self.waiting.pop().map(|window| (self.waiting.len(), window))
    }

    fn complete(&mut self, key: usize, answer: Hypothesis) {
        self.outputs.push((key, answer));
    }

    fn progressed(&mut self) {
        self.worked += 1;
    }
}

#[test]
fn windows_that_come_late_join_those_under_way() {
    let files = files();
    let model = trained(&files);
    let options = DecodingOptions::new(&files, &TranscribeConfig::default()).unwrap();
    let expected = decode(&model, &options, windows(), 1);
    let mut flow = Trickle { waiting: windows(), worked: 0, outputs: Vec::new() };
    while flow.outputs.len() < WINDOWS {
        flow.worked = 3;
        model.decode(&options, None, &mut flow).unwrap();
    }
    for (key, answer) in &flow.outputs {
        assert_same(answer, &expected[*key]);
    }
}
