//! Compares with openai-whisper: timestamp rules on given logits, compression ratio, fallback and skipping for given
//! numbers, and word times.

use std::collections::HashMap;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};

use super::oracle::{Reference, openai_whisper};
use super::speech::many_windows;
use super::{mel_window, outputs, recognizer};
use crate::TranscribeConfig;
use crate::families::whisper::decoding::judge;
use crate::families::whisper::test_model;

/// End token, first timestamp and last initial timestamp of a small vocabulary with a hundred timestamps.
const BOUNDS: [u32; 3] = [100, 110, 130];
const VOCABULARY: usize = 210;

fn ask(given: HashMap<String, Tensor>) -> Option<Reference> {
    let bounds = Tensor::new(BOUNDS.map(i64::from).as_slice(), &Device::Cpu).unwrap();
    openai_whisper(test_model::FOLDER.as_ref(), &given.into_iter().chain([("bounds".to_owned(), bounds)]).collect())
}

fn tensor<T: candle_core::WithDType>(values: &[T]) -> Tensor {
    Tensor::new(values, &Device::Cpu).unwrap()
}

#[test]
fn timestamps_follow_the_rules_of_openai_whisper() {
    let histories: [&[u32]; 9] = [
        &[],
        &[115],
        &[115, 5],
        &[115, 5, 6, 120],
        &[115, 5, 120, 120],
        &[115, 5, 120, 125],
        &[115, 5, 120, 120, 7],
        &[115, 209],
        &[115, 3, 209, 209, 4],
    ];
    let logits = |index: usize| -> Vec<f32> {
        (0..VOCABULARY)
            .map(|id| ((id * 7_919 + index * 104_729) % 10_007) as f32 / (500.0 + 300.0 * (index % 7) as f32))
            .collect()
    };
    let cases: Vec<_> = (0..90).map(|index| (logits(index), histories[index % histories.len()])).collect();
    let mut given = HashMap::new();
    for (index, (logits, tokens)) in cases.iter().enumerate() {
        // Tokens between the end token and the timestamps are never generated here. The reference has other rules for
        // them.
        let logits: Vec<f32> =
            logits.iter().enumerate().map(|(id, logit)| if (101..110).contains(&id) { -1e4 } else { *logit }).collect();
        given.insert(format!("logits.{index}"), tensor(&logits));
        let shifted: Vec<i64> = tokens.iter().map(|token| i64::from(token + 1)).collect();
        given.insert(format!("tokens.{index}"), tensor(&shifted));
    }
    let Some(reference) = ask(given) else { return };
    for (index, (logits, tokens)) in cases.iter().enumerate() {
        let expected = reference.floats("rules", index);
        let (token, logprob) = judge::likeliest(logits, BOUNDS, tokens);
        assert_eq!(token, expected[0] as u32, "case {index}, after {tokens:?}");
        assert!((logprob - expected[1]).abs() < 1e-4, "case {index}: {logprob} is not {}", expected[1]);
    }
}

#[test]
fn compression_ratios_are_those_of_openai_whisper() {
    let texts = ["", "nine", "네 네 네 네 네 네 네", "thank you for calling, how may I help you today?"];
    let texts: Vec<String> = texts.iter().flat_map(|text| [1, 3, 17, 60].map(|times| text.repeat(times))).collect();
    let given = texts.iter().enumerate().map(|(index, text)| (format!("text.{index}"), tensor(text.as_bytes())));
    let Some(reference) = ask(given.filter(|(_, tensor)| tensor.elem_count() > 0).collect()) else { return };
    for (index, text) in texts.iter().enumerate().filter(|(_, text)| !text.is_empty()) {
        let expected = reference.tensor("ratio", index).to_scalar::<f64>().unwrap();
        assert_eq!(judge::compression_ratio(text), expected as f32, "{text}");
    }
}

#[test]
fn fallback_takes_the_attempt_of_openai_whisper() {
    let temperatures = TranscribeConfig::default().temperatures;
    let values = |seed: usize, from: &[f32]| from[((seed * 2_654_435_761) >> 7) % from.len()];
    let attempts: Vec<Vec<[f32; 4]>> = (0..60)
        .map(|case| {
            let no_speech = values(case * 3 + 1, &[0.1, 0.59, 0.61, 0.9]);
            let attempt = |(index, temperature): (usize, &f32)| {
                let seed = case * 31 + index * 7;
                let (ratio, logprob) =
                    (values(seed, &[1.0, 2.39, 2.41, 5.0]), values(seed + 3, &[-0.3, -0.99, -1.01, -2.0]));
                [*temperature, ratio, logprob, no_speech]
            };
            temperatures.iter().enumerate().map(attempt).collect()
        })
        .collect();
    let given = attempts.iter().enumerate();
    let given =
        given.map(|(index, rows)| (format!("attempts.{index}"), tensor(rows.as_flattened()).reshape(((), 4)).unwrap()));
    let Some(reference) = ask(given.collect()) else { return };
    for (index, rows) in attempts.iter().enumerate() {
        let expected = reference.tensor("taken", index).to_dtype(DType::F32).unwrap().to_scalar::<f32>().unwrap();
        assert_eq!(judge::taken(rows).unwrap_or(-1.0), expected, "{rows:?}");
    }
}

#[test]
fn word_times_are_those_of_openai_whisper() {
    let source = test_model::source();
    let recognizer = recognizer(&source, Some("en"), TranscribeConfig::default());
    let samples = many_windows(24, 6.0);
    let inputs: Vec<_> = samples.iter().map(|samples| Arc::new(mel_window(&recognizer, samples))).collect();
    let outputs = outputs(&recognizer, &inputs);
    let vocabulary = &recognizer.model.vocabulary;
    let prompt =
        [Some(vocabulary.start), vocabulary.languages[0].1, vocabulary.transcribe, Some(vocabulary.no_timestamps)];
    let prompt: Vec<i64> = prompt.into_iter().flatten().map(i64::from).collect();
    let mut given = HashMap::new();
    for (index, (unit, answer)) in
        inputs.iter().zip(&outputs).enumerate().filter(|(_, (_, answer))| !answer.tokens.is_empty())
    {
        let bands = recognizer.model.config.num_mel_bins;
        let mel = Tensor::from_slice(&unit.features, (unit.features.len() / bands, bands), &Device::Cpu).unwrap();
        given.insert(format!("mel.{index}"), mel.t().unwrap().contiguous().unwrap());
        let tokens: Vec<i64> = answer.tokens.iter().map(|token| i64::from(*token)).collect();
        given.insert(format!("spoken.{index}"), tensor(&tokens));
        given.insert(format!("prompt.{index}"), tensor(&prompt));
        given.insert(format!("frames.{index}"), tensor(&[2 * unit.positions as i64]).squeeze(0).unwrap());
    }
    let end = tensor(&[i64::from(vocabulary.end), 0, 0]);
    let windows = given.len() / 4;
    given.insert("bounds".into(), end);
    let Some(reference) = openai_whisper(test_model::FOLDER.as_ref(), &given) else { return };
    let (mut equal, mut all) = (0, 0);
    for (index, answer) in outputs.iter().enumerate().filter(|(_, answer)| !answer.tokens.is_empty()) {
        let expected = reference.tensor("times", index).to_vec1::<f64>().unwrap();
        let found = answer.boundaries_s.as_ref().unwrap();
        assert_eq!(found.len(), expected.len());
        all += found.len();
        equal += found.iter().zip(&expected).filter(|(a, b)| (*a - *b).abs() < 1e-6).count();
    }
    eprintln!("{windows} windows: {equal} of {all} boundaries are equal");
    assert!(windows >= 6 && equal * 100 >= all * 99, "{equal} of {all}");
}
