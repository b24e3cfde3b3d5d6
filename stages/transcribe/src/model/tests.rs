//! The network against itself: caches, slots and lanes change nothing but rounding.

use candle_core::{DType, Device, Tensor};

use super::{Cache, Row, Whisper};
use crate::window::MelWindow;
use crate::{ModelFiles, ModelSource};

const ROUNDING: f32 = 1e-4;

fn embedded() -> Whisper {
    let files = ModelFiles::resolve(&ModelSource::Embedded).unwrap();
    let tensors = files.weights.load(DType::F32, &Device::Cpu).unwrap();
    Whisper::new(&tensors, &files.config, &files.generation.alignment_heads(&files.config)).unwrap()
}

/// Features that differ from window to window.
fn window(seed: usize) -> MelWindow {
    let feature = |i: usize| ((i * (seed + 3)) as f32 * 0.013).sin() * 0.8;
    MelWindow::of_features((0..600 * 80).map(feature).collect(), 300)
}

/// A cache of two lanes with one slot for each window.
fn start(model: &Whisper, windows: &[MelWindow]) -> Cache {
    let mut cache = model.cache(windows.len(), 2, 16).unwrap();
    for (slot, audio) in model.encode(&windows.iter().collect::<Vec<_>>()).unwrap().into_iter().enumerate() {
        cache.admit(slot, audio).unwrap();
    }
    cache
}

fn row(slot: usize, lane: usize) -> Row {
    Row { slot, lane }
}

fn assert_close(a: &Tensor, b: &Tensor) {
    assert_eq!(a.dims(), b.dims());
    let worst = (a - b).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
    assert!(worst < ROUNDING, "deviation {worst}");
}

#[test]
fn token_by_token_equals_all_tokens_at_once() {
    let model = embedded();
    let tokens = [5, 60, 7, 80, 9];
    let mut cache = start(&model, &[window(0)]);
    let (logits, _) = model.attend(0, &tokens, &cache).unwrap();
    for (position, token) in tokens.iter().enumerate() {
        let step = model.step(&[row(0, 0)], &[*token], &mut cache).unwrap();
        assert_close(&step, &logits.narrow(0, position, 1).unwrap());
    }
    assert_eq!((cache.len(row(0, 0)), cache.len(row(0, 1))), (5, 0));
}

#[test]
fn rows_of_different_lengths_do_not_disturb_each_other() {
    let model = embedded();
    let mut both = start(&model, &[window(0), window(1)]);
    model.step(&[row(1, 0)], &[20, 21], &mut both).unwrap();
    let logits = model.step(&[row(0, 1), row(1, 0)], &[10, 22], &mut both).unwrap();
    for (slot, tokens) in [(0, &[10][..]), (1, &[20, 21, 22])] {
        let mut alone = start(&model, &[window(slot)]);
        let expected = model.step(&[row(0, 0)], tokens, &mut alone).unwrap();
        assert_close(&logits.narrow(0, slot, 1).unwrap(), &expected);
    }
}

#[test]
fn a_reordered_lane_goes_on_from_the_other_and_a_cleared_one_from_the_start() {
    let model = embedded();
    let mut cache = start(&model, &[window(0)]);
    model.step(&[row(0, 0), row(0, 1)], &[10, 11, 20, 21], &mut cache).unwrap();
    cache.reorder(0, &[1, 1]).unwrap();
    let logits = model.step(&[row(0, 0)], &[22], &mut cache).unwrap();
    let (expected, _) = model.attend(0, &[20, 21, 22], &cache).unwrap();
    assert_close(&logits, &expected.narrow(0, 2, 1).unwrap());
    cache.clear(0);
    let logits = model.step(&[row(0, 1)], &[22], &mut cache).unwrap();
    assert_close(&logits, &model.attend(0, &[22], &cache).unwrap().0);
}

#[test]
fn attention_weights_of_every_token_sum_to_one() {
    let model = embedded();
    let cache = start(&model, &[window(0)]);
    let (_, attention) = model.attend(0, &[1, 2, 3], &cache).unwrap();
    assert_eq!(attention.dims(), [2, 3, 300]);
    let sums = attention.sum(2).unwrap();
    assert_close(&sums, &sums.ones_like().unwrap());
}
