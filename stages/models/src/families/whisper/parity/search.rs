//! Greedy and beam search, with and without timestamps, must find the same token sequences as transformers. Differences
//! are accepted only if transformers' own decision was a near-tie, for at most one sequence in a hundred.
//! `EARWITNESS_PARITY_WINDOWS` sets the number of windows of real and synthetic audio per model.

use std::sync::Arc;

use super::oracle::{Reference, random_model, searches};
use super::speech::many_windows;
use super::{MAX_TOKENS, NEAR_TIE, mel_window, outputs, recognizer};
use crate::families::whisper::test_model;
use crate::{ModelSource, TranscribeConfig};

/// Default number of windows per model.
const WINDOWS: usize = 4;
const SEEDS: [u32; 2] = [17, 18];

#[test]
fn searches_of_the_test_model_agree_with_transformers() {
    compare(&test_model::source(), Some("en"), &many_windows(windows(), 6.0));
}

#[test]
fn searches_of_random_models_agree_with_transformers() {
    for seed in SEEDS {
        let Some(directory) = random_model("search", seed) else { return };
        compare(&ModelSource::Directory(directory.path().into()), None, &many_windows(windows(), 3.0));
    }
}

fn windows() -> usize {
    std::env::var("EARWITNESS_PARITY_WINDOWS").map_or(WINDOWS, |count| count.parse().expect("a number of windows"))
}

/// The counts of a comparison.
#[derive(Debug, Default)]
struct Count {
    sequences: usize,
    near_ties: usize,
    /// Sequences that ended by themselves.
    ended: usize,
    /// The distinct sequences.
    distinct: std::collections::BTreeSet<Vec<u32>>,
}

fn compare(source: &ModelSource, language: Option<&str>, samples: &[Vec<f32>]) {
    let ModelSource::Directory(directory) = source else { unreachable!() };
    let Some(reference) = searches(directory, samples, language, MAX_TOKENS) else { return };
    let mut count = Count::default();
    for (mode, beam_size, timestamps) in
        [("greedy", 1, false), ("greedy_timestamps", 1, true), ("beam", 5, false), ("beam_timestamps", 5, true)]
    {
        let config = TranscribeConfig { beam_size, timestamps, token_times: false, ..TranscribeConfig::default() };
        let recognizer = recognizer(source, language, config);
        let inputs: Vec<_> = samples.iter().map(|samples| Arc::new(mel_window(&recognizer, samples))).collect();
        for (index, answer) in outputs(&recognizer, &inputs).iter().enumerate() {
            count.add(&answer.tokens, &reference, mode, index);
            count.ended += usize::from(answer.end_logprob.is_some());
        }
    }
    let Count { sequences, near_ties, ended, distinct } = count;
    let distinct = distinct.len();
    eprintln!("{sequences} sequences, {distinct} distinct, {ended} ended; {near_ties} differ at near-ties");
    assert!(near_ties * 100 <= sequences, "{near_ties} of {sequences} sequences differ");
}

impl Count {
    fn add(&mut self, tokens: &[u32], reference: &Reference, mode: &str, index: usize) {
        let expected = reference.ids(&format!("{mode}.tokens"), index);
        self.sequences += 1;
        self.distinct.insert(expected.clone());
        if tokens == expected {
            return;
        }
        let margins = reference.floats(&format!("{mode}.margins"), index);
        let same = tokens.iter().zip(&expected).take_while(|(a, b)| a == b).count();
        // A greedy decision has one margin. A beam may have been lost at any step.
        let margin = if mode.starts_with("greedy") { margins[same] } else { margins.into_iter().fold(9.0, f32::min) };
        assert!(margin < NEAR_TIE, "{mode}, window {index}: {tokens:?} is not {expected:?}, margin {margin}");
        eprintln!("{mode}, window {index}: a near-tie after {same} tokens, margin {margin}");
        self.near_ties += 1;
    }
}
