//! Compares the operations with candle's own.

use std::cell::Cell;

use candle_core::{DType, Device, Result, Tensor};

use super::*;
use crate::{CpuPrecision, Isa, Quantized8, Sequence};

const PRECISIONS: [CpuPrecision; 3] = [CpuPrecision::F32, CpuPrecision::Bf16, CpuPrecision::Int8];

/// The maximum deviation of a precision from f32, relative to the largest magnitude.
const fn tolerance(precision: CpuPrecision) -> f32 {
    match precision {
        CpuPrecision::F32 => 1e-5,
        CpuPrecision::Bf16 => 1e-2,
        CpuPrecision::Int8 => 2e-2,
    }
}

/// Every precision with every combination of instruction sets.
fn ways() -> impl Iterator<Item = (CpuPrecision, Isa)> {
    PRECISIONS.into_iter().flat_map(|precision| Isa::combinations().map(move |isa| (precision, isa)))
}

thread_local! {
    /// The state of the noise generator. Every test has a thread, and so the same numbers in each run.
    static STATE: Cell<u64> = const { Cell::new(1) };
}

/// Approximately normal numbers: the sum of twelve uniform numbers has variance 1.
fn random(shape: &[usize]) -> Tensor {
    let uniform = || {
        STATE.set(STATE.get().wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407));
        (STATE.get() >> 40) as f32 / (1u64 << 24) as f32
    };
    let normal = |_| (0..12).map(|_| uniform()).sum::<f32>() - 6.0;
    let values: Vec<f32> = (0..shape.iter().product()).map(normal).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

fn values(x: &Tensor) -> Vec<f32> {
    x.flatten_all().unwrap().to_vec1().unwrap()
}

fn assert_close(what: &str, ours: &Tensor, expected: &Tensor, tolerance: f32) {
    assert_eq!(ours.dims(), expected.dims());
    let (ours, expected) = (values(ours), values(expected));
    let largest = expected.iter().fold(0f32, |largest, x| largest.max(x.abs()));
    let worst = ours.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max) / largest;
    assert!(worst <= tolerance, "{what}: deviates by {worst}");
}

fn norm(width: usize) -> (Norm, impl Fn(&Tensor) -> Result<Tensor>) {
    let (weight, bias) = (random(&[width]), random(&[width]));
    let ours = Norm { weight: values(&weight), bias: values(&bias), epsilon: 1e-5 };
    let plain = move |x: &Tensor| {
        let centered = x.broadcast_sub(&x.mean_keepdim(1)?)?;
        let variance = centered.sqr()?.mean_keepdim(1)?;
        centered.broadcast_div(&(variance + 1e-5)?.sqrt()?)?.broadcast_mul(&weight)?.broadcast_add(&bias)
    };
    (ours, plain)
}

#[test]
fn linear_agrees_with_candle_on_every_path() {
    for (rows, inputs, outputs) in [(1, 8, 70), (7, 66, 64), (200, 130, 100)] {
        let (x, weight, bias) = (random(&[rows, inputs]), random(&[outputs, inputs]), random(&[outputs]));
        let (norm, plain_norm) = norm(inputs);
        let plain = plain_norm(&x).unwrap().matmul(&weight.t().unwrap()).unwrap().broadcast_add(&bias).unwrap();
        for (precision, isa) in ways() {
            let layer = Linear::with_isa(isa, &values(&weight), Some(&values(&bias)), inputs, precision);
            let out = Tensor::ones((rows, outputs), DType::F32, &Device::Cpu).unwrap();
            for (epilogue, expected) in [
                (Epilogue::Store, plain.clone()),
                (Epilogue::Gelu, plain.gelu_erf().unwrap()),
                (Epilogue::Add, (plain.gelu_erf().unwrap() + &plain).unwrap()),
            ] {
                linear(&layer, Some(&norm), epilogue, &x, &out).unwrap();
                let what = format!("{rows} x {inputs} x {outputs}, {precision:?}, {isa:?}, {epilogue:?}");
                assert_close(&what, &out, &expected, tolerance(precision));
            }
        }
    }
}

/// The bits of a linear layer with GELU and of attention to its outputs. Subnormal numbers are set to zero, as the BF16
/// instructions do.
fn bits_of_a_layer(isa: Isa, precision: CpuPrecision, x: &Tensor, weight: &Tensor, norm: &Norm) -> Vec<u32> {
    let (heads, width, rows) = (2, 24, x.dims()[0]);
    let layer = Linear::with_isa(isa, &values(weight), None, 96, precision);
    let projected = Tensor::zeros((rows, 3 * heads * width), DType::F32, &Device::Cpu).unwrap();
    linear(&layer, Some(norm), Epilogue::Gelu, x, &projected).unwrap();
    let mut cache = KvCache::with_isa(isa, heads, width, rows, precision);
    append(&mut cache, &projected, 0..rows, (heads * width, 2 * heads * width)).unwrap();
    let out = Tensor::zeros((rows, heads * width), DType::F32, &Device::Cpu).unwrap();
    attend(&[Sequence { kv_cache: &cache, rows: 0..rows }], AttentionMask::Causal, &projected, &out).unwrap();
    let normal = |x: f32| if x.abs() < f32::MIN_POSITIVE { 0 } else { x.to_bits() };
    values(&projected).into_iter().chain(values(&out)).map(normal).collect()
}

#[test]
fn layers_are_bitwise_equal_on_every_instruction_set() {
    let (x, weight, (norm, _)) = (random(&[130, 96]), random(&[144, 96]), norm(96));
    for precision in PRECISIONS {
        // In f32, the portable path also rounds products, so it is excluded here.
        let is_compared = |isa: &Isa| precision != CpuPrecision::F32 || !isa.is_portable();
        let mut bits = Isa::combinations()
            .filter(is_compared)
            .map(|isa| (isa, bits_of_a_layer(isa, precision, &x, &weight, &norm)));
        let Some((_, first)) = bits.next() else { continue };
        bits.for_each(|(isa, bits)| assert!(bits == first, "{precision:?} on {isa:?}"));
    }
}

#[test]
fn weights_stored_in_int8_are_those_made_at_load() {
    let (x, weight) = (random(&[3, 40]), random(&[65, 40]));
    let stored = Quantized8::new(Isa::detect(), &values(&weight), 40);
    let stored = Linear::pack(&stored, None, 40, CpuPrecision::Int8);
    let made = Linear::new(&values(&weight), None, 40, CpuPrecision::Int8);
    let [a, b] = [&stored, &made].map(|layer| {
        let out = Tensor::zeros((3, 65), DType::F32, &Device::Cpu).unwrap();
        linear(layer, None, Epilogue::Store, &x, &out).unwrap();
        values(&out)
    });
    assert_eq!(a, b);
    let (mut row, last) = (vec![0.0; 40], &values(&weight)[64 * 40..]);
    stored.weights_of(64, &mut row);
    let scale = last.iter().fold(0f32, |largest, x| largest.max(x.abs())) / 127.0;
    assert!(row.iter().zip(last).all(|(a, b)| (a - b).abs() <= 0.501 * scale));
}

#[test]
fn rows_that_overlap_are_a_convolution() {
    let (frames, inputs, outputs) = (10, 4, 6);
    let (x, weight) = (random(&[1, inputs, frames]), random(&[outputs, inputs, 3]));
    for stride in [1, 2] {
        let expected = x.conv1d(&weight, 0, stride, 1, 1).unwrap().squeeze(0).unwrap().t().unwrap();
        let expected = expected.contiguous().unwrap();
        let taps = weight.permute((0, 2, 1)).unwrap().contiguous().unwrap();
        let layer = Linear::new(&values(&taps), None, 3 * inputs, CpuPrecision::F32);
        let time_major = x.squeeze(0).unwrap().t().unwrap().contiguous().unwrap();
        let out = expected.zeros_like().unwrap();
        strided(&layer, None, Epilogue::Store, (&time_major, stride * inputs), &out).unwrap();
        assert_close(&format!("stride {stride}"), &out, &expected, 1e-5);
    }
}

#[test]
fn mlp_agrees_with_candle() {
    for rows in [2, 150] {
        let (x, up, down) = (random(&[rows, 64]), random(&[256, 64]), random(&[64, 256]));
        let (norm, plain_norm) = norm(64);
        let hidden = plain_norm(&x).unwrap().matmul(&up.t().unwrap()).unwrap().gelu_erf().unwrap();
        let expected = (&x + hidden.matmul(&down.t().unwrap()).unwrap()).unwrap();
        for precision in PRECISIONS {
            let layer = |weight: &Tensor, inputs| Linear::new(&values(weight), None, inputs, precision);
            let ours = Mlp { norm: norm.clone(), up: layer(&up, 64), down: layer(&down, 256) };
            let out = x.copy().unwrap();
            mlp(&ours, &out).unwrap();
            assert_close(&format!("{rows} rows, {precision:?}"), &out, &expected, tolerance(precision));
        }
    }
}

/// Candle's attention, and its weights `[heads, queries, keys]`.
fn plain_attention(q: &Tensor, k: &Tensor, v: &Tensor, heads: usize, mask: Option<&Tensor>) -> (Tensor, Tensor) {
    let split = |x: &Tensor| {
        let (rows, width) = x.dims2().unwrap();
        x.reshape((rows, heads, width / heads)).unwrap().transpose(0, 1).unwrap().contiguous().unwrap()
    };
    let scores = split(q).matmul(&split(k).transpose(1, 2).unwrap().contiguous().unwrap()).unwrap();
    let scores = mask.map_or_else(|| scores.clone(), |mask| scores.broadcast_add(mask).unwrap());
    let highest = scores.max_keepdim(2).unwrap();
    let exponentials = scores.broadcast_sub(&highest).unwrap().exp().unwrap();
    let weights = exponentials.broadcast_div(&exponentials.sum_keepdim(2).unwrap()).unwrap();
    let mixed = weights.matmul(&split(v)).unwrap().transpose(0, 1).unwrap().flatten_from(1).unwrap();
    (mixed, weights)
}

fn causal(n: usize) -> Tensor {
    let at = |row: usize, key: usize| if key <= row { 0f32 } else { f32::NEG_INFINITY };
    let mask: Vec<f32> = (0..n).flat_map(|row| (0..n).map(move |key| at(row, key))).collect();
    Tensor::from_vec(mask, (n, n), &Device::Cpu).unwrap()
}

#[test]
fn attention_is_candles_with_and_without_a_mask() {
    for (n, width) in [(5, 16), (130, 64), (70, 80)] {
        let heads = 2;
        let part = || random(&[n, heads * width]);
        let (q, k, v) = ((part() * 0.3).unwrap(), part(), part());
        let projected = Tensor::cat(&[&q, &k, &v], 1).unwrap();
        for (precision, isa) in ways() {
            // The absolute error of a score is the relative error of its weight.
            let of_scores = if precision == CpuPrecision::F32 { 1.0 } else { 3.0 };
            let mut cache = KvCache::with_isa(isa, heads, width, n + 9, precision);
            append(&mut cache, &projected, 0..n, (heads * width, 2 * heads * width)).unwrap();
            let what = format!("{n} x {width}, {precision:?}, {isa:?}");
            for (visible, mask) in [(AttentionMask::All, None), (AttentionMask::Causal, Some(causal(n)))] {
                let (expected, _) = plain_attention(&q, &k, &v, heads, mask.as_ref());
                let out = q.zeros_like().unwrap();
                attend(&[Sequence { kv_cache: &cache, rows: 0..n }], visible, &projected, &out).unwrap();
                assert_close(&format!("{what}, {visible:?}"), &out, &expected, of_scores * tolerance(precision));
            }
            let queries = Queries { values: &values(&q), stride: heads * width, count: n };
            let mut ours = vec![0.0; n * n];
            crate::weights(&cache, 1, queries, &mut ours);
            let expected = plain_attention(&q, &k, &v, heads, None).1.get(1).unwrap();
            let ours = Tensor::from_vec(ours, (n, n), &Device::Cpu).unwrap();
            assert_close(&what, &ours, &expected, of_scores * tolerance(precision));
        }
    }
}

#[test]
fn attention_of_several_sequences_is_each_to_its_own() {
    let (heads, width) = (2, 16);
    let all = random(&[9, 3 * heads * width]);
    let at = (heads * width, 2 * heads * width);
    let cache = |rows| {
        let mut cache = KvCache::new(heads, width, 9, CpuPrecision::F32);
        append(&mut cache, &all, rows, at).unwrap();
        cache
    };
    let (a, b) = (cache(0..5), cache(5..9));
    let out = Tensor::zeros((9, heads * width), DType::F32, &Device::Cpu).unwrap();
    let sequences = [Sequence { kv_cache: &a, rows: 0..5 }, Sequence { kv_cache: &b, rows: 5..9 }];
    attend(&sequences, AttentionMask::Causal, &all, &out).unwrap();
    for (start, len) in [(0, 5), (5, 4)] {
        let part = |i: usize| {
            let columns = all.narrow(1, i * heads * width, heads * width).unwrap();
            columns.narrow(0, start, len).unwrap().contiguous().unwrap()
        };
        let (expected, _) = plain_attention(&part(0), &part(1), &part(2), heads, Some(&causal(len)));
        assert_close("a sequence", &out.narrow(0, start, len).unwrap(), &expected, 1e-5);
    }
}

#[test]
fn attention_token_by_token_equals_all_at_once_and_copies_differ() {
    let (heads, width, n) = (2, 16, 70);
    let all = random(&[n, 3 * heads * width]);
    let at = (heads * width, 2 * heads * width);
    let new = || KvCache::new(heads, width, n, CpuPrecision::Bf16);
    let attend_last = |cache: &KvCache| {
        let last = all.narrow(0, cache.len() - 1, 1).unwrap();
        let out = Tensor::zeros((1, heads * width), DType::F32, &Device::Cpu).unwrap();
        attend(&[Sequence { kv_cache: cache, rows: 0..1 }], AttentionMask::Causal, &last, &out).unwrap();
        values(&out)
    };
    let (mut grown, mut at_once, mut copy) = (new(), new(), new());
    (0..n).for_each(|row| append(&mut grown, &all, row..row + 1, at).unwrap());
    append(&mut at_once, &all, 0..n, at).unwrap();
    assert_eq!(attend_last(&grown), attend_last(&at_once));
    at_once.truncate(66);
    copy.copy_from(&at_once);
    append(&mut at_once, &all, 0..4, at).unwrap();
    append(&mut copy, &all, 66..n, at).unwrap();
    assert_eq!(attend_last(&grown), attend_last(&copy));
    assert_ne!(attend_last(&grown), attend_last(&at_once));
}

#[test]
fn linear_that_does_not_fit_is_an_error() {
    let layer = Linear::new(&[0.0; 12], None, 4, CpuPrecision::F32);
    let out = Tensor::zeros((2, 3), DType::F32, &Device::Cpu).unwrap();
    assert!(linear(&layer, None, Epilogue::Store, &random(&[1, 4]), &out).is_err());
    assert!(linear(&layer, None, Epilogue::Store, &random(&[4, 2]).t().unwrap(), &out).is_err());
    assert!(linear(&layer, None, Epilogue::Store, &random(&[2, 4]).to_dtype(DType::F64).unwrap(), &out).is_err());
}

#[test]
#[should_panic(expected = "2 rows of 4, 5 apart, in 8 numbers")]
fn linear_refuses_rows_that_end_early() {
    let layer = Linear::new(&[0.0; 12], None, 4, CpuPrecision::Int8);
    layer.forward(Rows { values: &[0.0; 8], stride: 5, count: 2 }, None, Epilogue::Store, &mut [0.0; 6]);
}

#[test]
#[should_panic(expected = "13 weights are not whole rows of 4 inputs")]
fn linear_refuses_a_part_of_a_row() {
    let _ = Linear::new(&[0.0; 13], None, 4, CpuPrecision::F32);
}

#[test]
#[should_panic(expected = "a level for each input")]
fn linear_refuses_levels_and_scales_that_do_not_fit() {
    let weight = Quantized8 { levels: vec![128; 12], scales: vec![1.0; 4] };
    let _ = Linear::pack(&weight, None, 4, CpuPrecision::Int8);
}

#[test]
#[should_panic(expected = "an MLP's second layer undoes its first")]
fn mlp_refuses_layers_that_do_not_fit() {
    let layer = |inputs, outputs| Linear::new(&vec![0.0; inputs * outputs], None, inputs, CpuPrecision::Bf16);
    let (norm, _) = norm(4);
    Mlp { norm, up: layer(4, 8), down: layer(6, 4) }.add(&mut [0.0; 8]);
}

#[test]
fn attention_that_does_not_fit_is_an_error() {
    let cache = |heads, width| {
        let mut cache = KvCache::new(heads, width, 4, CpuPrecision::F32);
        append(&mut cache, &random(&[3, 96]), 0..3, (32, 64)).unwrap();
        cache
    };
    let (a, b) = (cache(2, 16), cache(4, 8));
    let (queries, out) = (random(&[6, 96]), Tensor::zeros((6, 32), DType::F32, &Device::Cpu).unwrap());
    let of = |kv_cache, rows| Sequence { kv_cache, rows };
    let run = |sequences: &[Sequence<'_>], out: &Tensor| attend(sequences, AttentionMask::All, &queries, out);
    assert!(run(&[of(&a, 0..3), of(&a, 3..6)], &out).is_ok());
    let heads = run(&[of(&a, 0..3), of(&b, 3..6)], &out).unwrap_err().to_string();
    assert!(heads.contains("2 heads of 16 in one sequence, 4 of 8 in another"), "{heads}");
    assert!(run(&[of(&a, 0..3), of(&a, 2..6)], &out).is_err());
    let wide = Tensor::zeros((6, 33), DType::F32, &Device::Cpu).unwrap();
    assert!(run(&[of(&a, 0..6)], &wide).is_err());
    let mut full = cache(2, 16);
    assert!(append(&mut full, &random(&[3, 96]), 3..4, (32, 64)).is_err());
    assert!(append(&mut full, &random(&[3, 96]), 0..1, (32, 65)).is_err());
}

#[test]
fn gelu_is_that_of_double_precision_and_a_strided_tensor_is_refused() {
    let x = Tensor::arange(-60_000f32, 60_000.0, &Device::Cpu).unwrap().affine(1e-4, 0.0).unwrap();
    let exact = x.to_dtype(DType::F64).unwrap().gelu_erf().unwrap().to_vec1::<f64>().unwrap();
    let worst =
        values(&gelu(&x).unwrap()).iter().zip(&exact).map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max);
    assert!(worst < 2e-6, "worst deviation {worst}");
    assert!(gelu(&random(&[2, 3]).t().unwrap()).is_err());
}
