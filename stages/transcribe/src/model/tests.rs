//! The network against itself: caches, batches and compaction change nothing but rounding.

use candle_core::{DType, Device, Tensor};

use super::{Cache, Whisper};
use crate::window::MelWindow;
use crate::{ModelFiles, ModelSource};

const ROUNDING: f32 = 1e-4;

fn embedded() -> Whisper {
    let files = ModelFiles::resolve(&ModelSource::Embedded).unwrap();
    let tensors = files.weights.load(DType::F32, &Device::Cpu).unwrap();
    Whisper::new(&tensors, &files.config, &files.generation.alignment_heads(&files.config)).unwrap()
}

/// Features that differ from window to window.
fn windows(count: usize) -> Vec<MelWindow> {
    let feature = |seed: usize, i: usize| ((i * (seed + 3)) as f32 * 0.013).sin() * 0.8;
    (0..count)
        .map(|seed| MelWindow { features: (0..600 * 80).map(|i| feature(seed, i)).collect(), positions: 300 })
        .collect()
}

fn start(model: &Whisper, windows: &[MelWindow]) -> Cache {
    model.decoder.start(&model.encode(windows).unwrap(), 16).unwrap()
}

fn assert_close(a: &Tensor, b: &Tensor) {
    assert_eq!(a.dims(), b.dims());
    let worst = (a - b).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
    assert!(worst < ROUNDING, "deviation {worst}");
}

#[test]
fn token_by_token_equals_all_tokens_at_once() {
    let (model, windows) = (embedded(), windows(2));
    let tokens = [[5, 60, 7, 80, 9], [300, 31, 200, 33, 340]];
    let mut cache = start(&model, &windows);
    let at_once = model.step(&tokens.map(|row| row.to_vec()), &mut cache).unwrap();
    let mut cache = start(&model, &windows);
    let steps: Vec<_> =
        (0..5).map(|position| model.step(&tokens.map(|row| vec![row[position]]), &mut cache).unwrap()).collect();
    assert_close(&steps[4].logits, &at_once.logits);
    for (position, step) in steps.iter().enumerate() {
        assert_close(&step.attention, &at_once.attention.narrow(2, position, 1).unwrap());
    }
}

#[test]
fn rows_that_leave_the_batch_do_not_disturb_the_others() {
    let (model, windows) = (embedded(), windows(3));
    let mut batch = start(&model, &windows);
    model.step(&[vec![10, 11], vec![20, 21], vec![30, 31]], &mut batch).unwrap();
    batch.keep(&[2, 0]).unwrap();
    let kept = model.step(&[vec![32], vec![12]], &mut batch).unwrap();
    for (slot, (window, tokens)) in [(2, [30, 31, 32]), (0, [10, 11, 12])].into_iter().enumerate() {
        let mut alone = start(&model, &windows[window..=window]);
        let step = model.step(&[tokens.to_vec()], &mut alone).unwrap();
        assert_close(&kept.logits.narrow(0, slot, 1).unwrap(), &step.logits);
    }
}

#[test]
fn attention_weights_of_every_token_sum_to_one() {
    let model = embedded();
    let mut cache = start(&model, &windows(1));
    let step = model.step(&[vec![1, 2, 3]], &mut cache).unwrap();
    assert_eq!(step.attention.dims(), [1, 2, 3, 300]);
    let sums = step.attention.sum(3).unwrap();
    assert_close(&sums, &sums.ones_like().unwrap());
}
