//! Compares forced alignment with every possible labeling, and with torchaudio.

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};
use proptest::prelude::*;

use super::oracle::best_labeling;
use super::{align, chain, shortest};
use crate::emissions::{Emissions, Symbol};

use models::wav2vec2::Topology;

const SYMBOLS: usize = 4;

/// Log-probabilities of frames for a vocabulary of [`SYMBOLS`] symbols, with 0 as blank.
fn emissions(frames: &[Vec<f32>]) -> Emissions {
    let log = |row: &Vec<f32>| {
        let total: f32 = row.iter().sum();
        row.iter().map(|x| (x / total).ln()).collect::<Vec<_>>()
    };
    Emissions::new(frames.iter().flat_map(log).collect(), SYMBOLS, 0)
}

fn symbol() -> impl Strategy<Value = Symbol> {
    prop_oneof![3 => (1..SYMBOLS).prop_map(Symbol::Id), 1 => Just(Symbol::Wildcard)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn path_scores_as_the_best_labeling(
        frames in prop::collection::vec(prop::collection::vec(0.01f32..1.0, SYMBOLS), 1..7),
        words in prop::collection::vec(prop::collection::vec(symbol(), 1..3), 1..4),
        frames_topology in any::<bool>(),
        delimiter in prop::option::of(Just(Symbol::Id(1))),
    ) {
        let topology = if frames_topology { Topology::Frames } else { Topology::Ctc };
        let words: Vec<&[Symbol]> = words.iter().map(Vec::as_slice).collect();
        let states = chain(&words, topology, delimiter);
        let emissions = emissions(&frames);
        let found = align(&emissions, &states);
        let expected = best_labeling(&emissions, SYMBOLS, &words, topology, delimiter);
        prop_assert_eq!(found.is_some(), expected.is_some());
        prop_assert_eq!(found.is_some(), frames.len() >= shortest(&states));
        if let (Some(found), Some(expected)) = (found, expected) {
            prop_assert!((found.score - expected).abs() < 1e-6, "{:?} but {}", found, expected);
            let along: f64 = found.states.iter().enumerate()
                .map(|(frame, state)| f64::from(emissions.at(frame, states[*state].symbol))).sum();
            prop_assert!((found.score - along).abs() < 1e-6, "the path does not have its score: {:?}", found);
            prop_assert!(found.states[0] < 2 && found.states[frames.len() - 1] + 2 >= states.len());
            let follows = |from: usize, to: usize| to < from + 2 || (to == from + 2 && states[to].skips);
            let in_order = found.states.windows(2).all(|pair| pair[0] <= pair[1] && follows(pair[0], pair[1]));
            prop_assert!(in_order, "{:?}", found);
        }
    }
}

#[test]
fn symbols_that_repeat_need_a_blank_in_ctc_and_are_one_state_in_frames() {
    let word = [Symbol::Id(1), Symbol::Id(1), Symbol::Id(2)];
    assert_eq!(shortest(&chain(&[&word], Topology::Ctc, None)), 4);
    assert_eq!(shortest(&chain(&[&word], Topology::Frames, None)), 2);
    assert_eq!(shortest(&chain(&[&word, &word], Topology::Frames, None)), 4);
    assert_eq!(shortest(&chain(&[&word, &word], Topology::Ctc, Some(Symbol::Id(3)))), 9);
    assert_eq!(shortest(&chain(&[&[Symbol::Wildcard; 3]], Topology::Ctc, None)), 3);
}

#[test]
fn blank_stands_between_words_alone_in_frames() {
    let states = chain(&[&[Symbol::Id(1), Symbol::Id(2)], &[Symbol::Id(2)]], Topology::Frames, None);
    // Symbol 2 of both words, with silence in the middle of the first word, which the path may not use.
    let probable = [1, 0, 2, 2, 0, 2];
    let frames: Vec<Vec<f32>> =
        probable.iter().map(|best| (0..SYMBOLS).map(|id| if id == *best { 0.9 } else { 0.03 }).collect()).collect();
    let path = align(&emissions(&frames), &states).unwrap();
    let words: Vec<_> = path.states.iter().map(|state| states[*state].word).collect();
    assert_eq!(words, [Some(0), Some(0), Some(0), Some(0), None, Some(1)]);
}

#[test]
fn align_of_a_long_window_is_exact_in_little_memory() {
    let length = 3000;
    let word: Vec<Symbol> = (0..length / 3).map(|at| Symbol::Id(1 + at % 3)).collect();
    let frames: Vec<Vec<f32>> = (0..length)
        .map(|frame| (0..SYMBOLS).map(|id| if id == 1 + frame / 3 % 3 { 0.97 } else { 0.01 }).collect())
        .collect();
    let states = chain(&[&word], Topology::Frames, None);
    let path = align(&emissions(&frames), &states).unwrap();
    assert!(path.states.iter().enumerate().all(|(frame, state)| *state == 1 + frame / 3));
}

#[test]
fn spikes_are_where_torchaudio_has_them() {
    let mut random = testkit::Random(7);
    let mut uniform = || random.unit();
    let mut given = HashMap::new();
    let mut cases = Vec::new();
    for case in 0..40 {
        let frames = 20 + case * 7;
        let probable: Vec<Vec<f32>> =
            (0..frames).map(|_| (0..SYMBOLS).map(|_| uniform().powi(3) + 1e-3).collect()).collect();
        let text: Vec<usize> = (0..1 + frames / 4).map(|_| 1 + (uniform() * 3.0) as usize).collect();
        let emissions = emissions(&probable);
        let all = (0..frames).flat_map(|frame| (0..SYMBOLS).map(move |id| (frame, id)));
        let values: Vec<f32> = all.map(|(frame, id)| emissions.at(frame, Symbol::Id(id))).collect();
        let targets: Vec<i64> = text.iter().map(|id| *id as i64).collect();
        let tensor = Tensor::from_vec(values, (frames, SYMBOLS), &Device::Cpu).unwrap();
        given.insert(format!("emissions.{case}"), tensor);
        given.insert(format!("targets.{case}"), Tensor::new(targets.as_slice(), &Device::Cpu).unwrap());
        cases.push((emissions, text));
    }
    let folder = tempfile::tempdir().unwrap();
    let [file, out] = ["given.safetensors", "out.safetensors"].map(|name| folder.path().join(name));
    candle_core::safetensors::save(&given, &file).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/torchaudio_align.py");
    if testkit::python(script, &[file.as_ref(), out.as_ref()]).is_none() {
        return;
    }
    let answer = candle_core::safetensors::load(&out, &Device::Cpu).unwrap();
    for (case, (emissions, text)) in cases.iter().enumerate() {
        let expected = answer[&format!("states.{case}")].to_dtype(DType::U32).unwrap().to_vec1::<u32>().unwrap();
        let text: Vec<Symbol> = text.iter().map(|id| Symbol::Id(*id)).collect();
        let states = chain(&[&text], Topology::Ctc, None);
        let symbol = |state: &usize| if let Symbol::Id(id) = states[*state].symbol { id as u32 } else { 0 };
        let found: Vec<u32> = align(emissions, &states).unwrap().states.iter().map(symbol).collect();
        assert_eq!(found, expected, "case {case}");
    }
}
