//! Compares the networks with each other, and checks that slots, lanes and batches change results only by rounding.

use candle_core::{DType, Device, Tensor};

use super::{Backend, DecoderCache, Fused, Packed, Row, Text, plain};
use crate::families::whisper::unit::MelWindow;
use crate::families::whisper::{WhisperFiles, test_model};
use crate::{ModelSource, Tensors};

const ROUNDING: f32 = 1e-4;
/// Frames of the test model's encoder.
const FRAMES: usize = 500;

/// The test model in every backend, packed in f32.
struct Networks {
    packed: Packed,
    plain: plain::Network,
    fused: Fused,
}

impl Networks {
    fn of(source: &ModelSource) -> Self {
        let model = WhisperFiles::resolve(source).unwrap();
        let (config, heads) = (&model.config, model.generation.alignment_heads(&model.config));
        let tensors = model.files.weights().load(DType::F32, &Device::Cpu).unwrap().pp("model");
        let stored = model.files.weights().open().unwrap();
        let stored = Tensors::new(&stored).pp("model");
        Self {
            packed: Packed::new(&stored, config, &heads, kernels::CpuPrecision::F32).unwrap(),
            plain: plain::Network::new(&tensors, config, &heads).unwrap(),
            fused: Fused::new(&tensors, config, &heads).unwrap(),
        }
    }
}

/// Runs a check on the test model in every backend.
macro_rules! on_all {
    ($check:path) => {
        let networks = Networks::of(&test_model::source());
        $check(&networks.packed);
        $check(&networks.plain);
        $check(&networks.fused);
    };
}

/// Features that differ between windows.
fn window(seed: usize) -> MelWindow {
    let feature = |i: usize| ((i * (seed + 3)) as f32 * 0.013).sin() * 0.8;
    MelWindow::of_features((0..2 * FRAMES * 80).map(feature).collect(), FRAMES)
}

/// A cache with windows 0, 1, ... in its slots.
fn cache<B: Backend>(model: &B, slots: usize, lanes: usize) -> B::Cache {
    let windows: Vec<_> = (0..slots).map(window).collect();
    let mut cache = model.cache(slots, lanes, 16).unwrap();
    model.admit(&windows.iter().enumerate().collect::<Vec<_>>(), &mut cache, None).unwrap();
    cache
}

/// Logits after each token of a text, without changing the cache.
fn logits<B: Backend>(model: &B, slot: usize, tokens: &[u32], cache: &B::Cache) -> Tensor {
    model.logits(Text { slot, tokens }, cache).unwrap()
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
fn networks_agree() {
    assert_networks_agree(&Networks::of(&test_model::source()));
}

#[test]
fn networks_agree_on_weights_that_are_stored_in_int8() {
    let folder = tempfile::tempdir().unwrap();
    let stored = folder.path().join("int8");
    crate::whisper::quantize(&test_model::source(), &stored).unwrap();
    assert_networks_agree(&Networks::of(&ModelSource::Directory(stored)));
}

/// Logits of a step, logits of a text, and attention weights of texts.
type Results = (Tensor, Tensor, Vec<Tensor>);

fn results<B: Backend>(model: &B) -> Results {
    let mut cache = cache(model, 2, 2);
    let rows = [row(0, 0), row(1, 0)];
    model.step(&rows, &[5, 60, 300, 31], &mut cache).unwrap();
    cache.reorder(1, &[0, 0]).unwrap();
    assert_eq!([row(0, 0), row(0, 1), row(1, 0), row(1, 1)].map(|row| cache.len(row)), [2, 0, 2, 2]);
    let last = model.step(&[row(1, 1), row(0, 0), row(1, 0)], &[7, 80, 9], &mut cache).unwrap();
    let texts = [Text { slot: 1, tokens: &[1, 2, 3] }, Text { slot: 0, tokens: &[4; 11] }];
    let weights = model.attention(&texts, &cache).unwrap();
    (last, logits(model, 1, &[1, 2, 3], &cache), weights)
}

fn assert_networks_agree(Networks { packed, plain, fused }: &Networks) {
    let states = plain.states_of(&window(1)).unwrap();
    assert_close(&packed.states_of(&window(1)).unwrap(), &states);
    assert_close(&fused.states_of(&window(1)).unwrap(), &states);
    let plain = results(plain);
    for other in [results(packed), results(fused)] {
        assert_close(&other.0, &plain.0);
        assert_close(&other.1, &plain.1);
        other.2.iter().zip(&plain.2).for_each(|(ours, plains)| assert_close(ours, plains));
    }
    assert_eq!(plain.2[0].dims(), [2, 3, FRAMES]);
    assert_close(&plain.2[0].sum(2).unwrap(), &Tensor::ones((2, 3), DType::F32, &Device::Cpu).unwrap());
}

#[test]
fn steps_give_what_a_whole_text_gives() {
    on_all!(check_steps);
}

fn check_steps<B: Backend>(model: &B) {
    let (mut steps, tokens) = (cache(model, 1, 1), [5, 60, 7, 80, 9]);
    let at_once = logits(model, 0, &tokens, &steps);
    for (position, token) in tokens.iter().enumerate() {
        let step = model.step(&[row(0, 0)], &[*token], &mut steps).unwrap();
        assert_close(&step.squeeze(0).unwrap(), &at_once.get(position).unwrap());
    }
}

#[test]
fn rows_do_not_depend_on_other_rows_and_slots() {
    on_all!(check_rows);
}

fn check_rows<B: Backend>(model: &B) {
    let mut batch = cache(model, 2, 1);
    model.step(&[row(1, 0)], &[30, 31, 32], &mut batch).unwrap();
    model.step(&[row(0, 0), row(1, 0)], &[10, 33], &mut batch).unwrap();
    model.admit(&[(0, &window(5))], &mut batch, None).unwrap();
    let step = model.step(&[row(1, 0), row(0, 0)], &[34, 50], &mut batch).unwrap();
    let kept = logits(model, 1, &[30, 31, 32, 33, 34], &batch);
    let refilled = logits(model, 0, &[50], &batch);
    assert_close(&step.get(0).unwrap(), &kept.get(4).unwrap());
    assert_close(&step.get(1).unwrap(), &refilled.get(0).unwrap());
}

#[test]
fn cache_grows_and_keeps_its_contents() {
    on_all!(check_caches);
}

fn check_caches<B: Backend>(model: &B) {
    let mut cache = cache(model, 2, 2);
    model.step(&[row(0, 1), row(1, 0)], &[10, 11, 20, 21], &mut cache).unwrap();
    cache.grow(5, 5).unwrap();
    assert_eq!(cache.slots(), 5);
    model.admit(&[(4, &window(6))], &mut cache, None).unwrap();
    let step = model.step(&[row(0, 1), row(1, 0), row(4, 1)], &[12, 22, 30], &mut cache).unwrap();
    let texts: [(usize, &[u32]); 3] = [(0, &[10, 11, 12]), (1, &[20, 21, 22]), (4, &[30])];
    for (index, (slot, tokens)) in texts.into_iter().enumerate() {
        let alone = logits(model, slot, tokens, &cache);
        assert_close(&step.get(index).unwrap(), &alone.get(tokens.len() - 1).unwrap());
    }
}

#[test]
fn lanes_continue_from_the_lane_they_are_reordered_to() {
    on_all!(check_lanes);
}

fn check_lanes<B: Backend>(model: &B) {
    let mut cache = cache(model, 1, 3);
    let all = [row(0, 0), row(0, 1), row(0, 2)];
    model.step(&all, &[10, 11, 20, 21, 30, 31], &mut cache).unwrap();
    cache.reorder(0, &[2, 0, 2]).unwrap();
    let step = model.step(&all, &[1, 2, 3], &mut cache).unwrap();
    for (lane, tokens) in [[30, 31, 1], [10, 11, 2], [30, 31, 3]].iter().enumerate() {
        let alone = logits(model, 0, tokens, &cache);
        assert_close(&step.get(lane).unwrap(), &alone.get(2).unwrap());
    }
    cache.clear(0);
    assert_eq!(cache.len(row(0, 2)), 0);
}
