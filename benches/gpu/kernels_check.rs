//! Compares our CUDA kernels with their plain references in Rust: the same operations on the CPU, in f32, on the same
//! numbers.

use std::time::Instant;

use candle_core::{DType, Device, Result, Tensor};
use kernels::fused::{self, Groups, HEAD_WIDTH, TokenConstraints, Vocabulary};
use serde_json::{Value, json};

const EPSILON: f32 = 1e-5;
/// Number of timed calls per operation.
const CALLS: usize = 20;
/// Size of the vocabulary from which tokens are chosen; timestamps are at its end.
const VOCABULARY: usize = 51_866;
const END: u32 = 50_257;
const TIMESTAMPS: std::ops::Range<u32> = 50_365..51_866;

/// Sizes of the tensors in the check.
struct Sizes {
    heads: usize,
    windows: usize,
    positions: usize,
    /// Number of queries of the decoder's attention, one per window.
    queries: usize,
}

const CUDA: Sizes = Sizes { heads: 20, windows: 1, positions: 1_500, queries: 32 };
const CPU: Sizes = Sizes { heads: 2, windows: 1, positions: 130, queries: 5 };

/// One operation with its operands, which may be moved to another device and type.
struct Case {
    name: String,
    operands: Vec<Tensor>,
    operation: Operation,
    /// Whether the operation only moves numbers, so that they must be equal.
    is_copy: bool,
    /// Bytes that a kernel reads and writes if it reads everything once, for operands of two bytes.
    bytes: f64,
    /// Number of multiplications and additions.
    operations: f64,
}

/// Runs the operation and returns the tensors that it creates or changes.
type Operation = Box<dyn Fn(&[Tensor]) -> Result<Vec<Tensor>>>;

/// Checks every kernel. Returns one entry per kernel, type and shape: relative error (Euclidean norms), largest error,
/// microseconds, GB/s, TFLOP/s, and `passed`.
pub(crate) fn run(device: &Device) -> Value {
    let sizes = if device.is_cpu() { CPU } else { CUDA };
    let mut entries = Vec::new();
    for case in cases(&sizes) {
        let case = case();
        for dtype in [DType::F32, DType::F16, DType::BF16] {
            entries.push(entry(&case.name, dtype, compare(&case, dtype, device)));
        }
    }
    for (name, bounds, count) in choices() {
        entries.push(entry(name, DType::F32, compare_choice(&bounds, count, device)));
    }
    Value::Array(entries)
}

fn entry(name: &str, dtype: DType, found: Result<Value>) -> Value {
    let mut entry = found.unwrap_or_else(|reason| json!({ "passed": false, "reason": reason.to_string() }));
    entry["name"] = json!(name);
    entry["type"] = json!(dtype.as_str());
    entry
}

/// The largest allowed relative error, from rounding of the result and of intermediate values (attention weights).
const fn limit(dtype: DType) -> f64 {
    match dtype {
        DType::F32 => 2e-5,
        DType::F16 => 1e-3,
        _ => 8e-3,
    }
}

fn compare(case: &Case, dtype: DType, device: &Device) -> Result<Value> {
    let rounded = case.operands.iter().map(|x| x.to_dtype(dtype)).collect::<Result<Vec<_>>>()?;
    let exact = rounded.iter().map(|x| x.to_dtype(DType::F32)?.copy()).collect::<Result<Vec<_>>>()?;
    let expected = (case.operation)(&exact)?;
    let operands = || rounded.iter().map(|x| x.to_device(device)?.copy()).collect::<Result<Vec<_>>>();
    let operands = operands()?;
    let (relative, largest) = errors(&(case.operation)(&operands)?, &expected)?;
    let seconds = seconds(device, || (case.operation)(&operands))?;
    let bytes = case.bytes * dtype.size_in_bytes() as f64 / 2.0;
    let limit = if case.is_copy { 0.0 } else { limit(dtype) };
    Ok(json!({
        "passed": relative <= limit, "relative_error": relative, "limit": limit,
        "largest_error": largest, "microseconds": seconds * 1e6, "gb_s": bytes / seconds / 1e9,
        "tflop_s": case.operations / seconds / 1e12,
    }))
}

/// Relative and largest error over all results; NaN if any result contains NaN.
fn errors(found: &[Tensor], expected: &[Tensor]) -> Result<(f64, f64)> {
    let (mut square, mut norm, mut largest) = (0.0, 0.0, 0f64);
    if found.len() != expected.len() {
        candle_core::bail!("{} results instead of {}", found.len(), expected.len());
    }
    for (found, expected) in found.iter().zip(expected) {
        if found.dims() != expected.dims() {
            candle_core::bail!("a result of {:?} instead of {:?}", found.dims(), expected.dims());
        }
        let found = found.to_device(&Device::Cpu)?.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
        for (found, expected) in found.into_iter().zip(expected.flatten_all()?.to_vec1::<f32>()?) {
            let difference = f64::from(found - expected).abs();
            square += difference * difference;
            norm += f64::from(expected) * f64::from(expected);
            let either_is_nan = largest.is_nan() || difference.is_nan();
            largest = if either_is_nan { f64::NAN } else { f64::max(largest, difference) };
        }
    }
    Ok(((square / norm).sqrt(), largest))
}

fn seconds<T>(device: &Device, work: impl Fn() -> Result<T>) -> Result<f64> {
    if device.is_cpu() {
        return Ok(f64::NAN);
    }
    work()?;
    device.synchronize()?;
    let start = Instant::now();
    for _ in 0..CALLS {
        work()?;
    }
    device.synchronize()?;
    Ok(start.elapsed().as_secs_f64() / CALLS as f64)
}

/// Each case is created just before it runs, because all cases together would fill the memory.
fn cases(sizes: &Sizes) -> Vec<Box<dyn Fn() -> Case>> {
    let Sizes { heads, windows, positions, queries } = *sizes;
    let width = heads * HEAD_WIDTH;
    let full = vec![positions as u32; queries];
    let beams = |(query, keys): (u32, u32)| (query / 5, keys);
    let beams: Vec<_> = (0..).zip(full.clone()).map(beams).collect();
    let greedy: Vec<_> = (0..).zip(full).collect();
    let prompts: Vec<_> = (0..queries as u32).map(|query| (query / 3, query % 3 + 1)).collect();
    let texts: Vec<_> = (0..66).map(|query| (query / 33, query % 33 + 1)).collect();
    vec![
        Box::new(move || residual_norm(2 * windows * positions, width)),
        Box::new(move || residual_norm(queries, width)),
        Box::new(|| residual_norm(3, 2 * HEAD_WIDTH)),
        Box::new(move || bias_gelu(windows * positions, 4 * width)),
        Box::new(move || kv_cache(heads, 100, queries)),
        Box::new(move || product(queries, width)),
        Box::new(move || encoder_attention(windows, positions, heads)),
        Box::new(move || encoder_attention(1, 129, heads)),
        Box::new(move || encoder_attention(3, 63, heads)),
        Box::new(move || decoder_attention("one query each", heads, positions, greedy.clone())),
        Box::new(move || decoder_attention("beams of five", heads, positions, beams.clone())),
        Box::new(move || decoder_attention("prompts of three", heads, 40, prompts.clone())),
        Box::new(move || decoder_attention("texts of 33", heads, 33, texts.clone())),
        Box::new(move || shared_beginnings(heads, 100, queries)),
    ]
}

fn residual_norm(rows: usize, width: usize) -> Case {
    Case {
        is_copy: false,
        name: format!("residual_norm [{rows}, {width}]"),
        operands: vec![random(1, &[rows, width]), random(2, &[rows, width]), random(3, &[3, width])],
        operation: Box::new(|x| {
            let (sum, norm) = fused::residual_norm(&x[0], &x[1], &x[2], EPSILON)?;
            Ok(vec![sum, norm])
        }),
        bytes: (rows * width * 4 * 2) as f64,
        operations: 0.0,
    }
}

fn bias_gelu(rows: usize, width: usize) -> Case {
    Case {
        is_copy: false,
        name: format!("bias_gelu [{rows}, {width}]"),
        operands: vec![random(4, &[rows, width]), random(5, &[width])],
        operation: Box::new(|x| {
            fused::bias_gelu(&x[0], &x[1])?;
            Ok(vec![x[0].clone()])
        }),
        bytes: (rows * width * 2 * 2) as f64,
        operations: 0.0,
    }
}

fn kv_cache(heads: usize, capacity: usize, rows: usize) -> Case {
    let width = heads * HEAD_WIDTH;
    let places: Vec<u32> = (0..rows).map(|row| ((row * 7 % rows) * capacity + row % capacity) as u32).collect();
    Case {
        is_copy: true,
        name: format!("store_kv_cache [{rows}, {heads}, {capacity}]"),
        operands: vec![random(6, &[rows, heads, capacity, 2, HEAD_WIDTH]), random(7, &[rows, 3 * width])],
        operation: Box::new(move |x| {
            let places = Tensor::new(places.as_slice(), x[0].device())?;
            fused::store_kv_cache(&x[0], &x[1], width, &places)?;
            Ok(vec![x[0].clone()])
        }),
        bytes: (rows * width * 4 * 2) as f64,
        operations: 0.0,
    }
}

fn product(rows: usize, width: usize) -> Case {
    Case {
        is_copy: false,
        name: format!("product_f32 [{rows}, {width}, {VOCABULARY}]"),
        operands: vec![random(8, &[rows, width]), random(9, &[VOCABULARY, width])],
        operation: Box::new(|x| Ok(vec![fused::product_f32(&x[0], &x[1])?])),
        bytes: (VOCABULARY * width * 2 + rows * VOCABULARY * 4) as f64,
        operations: (2 * rows * VOCABULARY * width) as f64,
    }
}

fn encoder_attention(windows: usize, positions: usize, heads: usize) -> Case {
    let width = heads * HEAD_WIDTH;
    Case {
        is_copy: false,
        name: format!("encoder_attention [{windows}, {positions}, {width}]"),
        operands: vec![scaled_queries(random(10, &[windows, positions, 3 * width]), width), random(11, &[2, width])],
        operation: Box::new(|x| Ok(vec![fused::encoder_attention(&x[0], &x[1])?])),
        bytes: (windows * positions * width * 4 * 2) as f64,
        operations: (4 * windows * positions * positions * width) as f64,
    }
}

fn decoder_attention(what: &str, heads: usize, capacity: usize, queries: Vec<(u32, u32)>) -> Case {
    let width = heads * HEAD_WIDTH;
    let (count, entries) = (queries.len(), queries.iter().map(|query| query.0 + 1).max().unwrap_or_default() as usize);
    Case {
        is_copy: false,
        name: format!("decoder_attention, {what} [{count}, {capacity}, {width}]"),
        operands: vec![
            scaled_queries(random(12, &[count, 3 * width]), width),
            random(13, &[entries, heads, capacity, 2, HEAD_WIDTH]),
            random(14, &[2, width]),
        ],
        operation: Box::new(move |x| {
            Ok(vec![fused::decoder_attention(&x[0], &x[1], &x[2], &Groups::new(&queries, x[0].device())?)?])
        }),
        bytes: (entries * heads * capacity * 2 * HEAD_WIDTH * 2) as f64,
        operations: (4 * count * capacity * width) as f64,
    }
}

/// Hypotheses with keys in each other's entries, as after steps of a beam search.
fn shared_beginnings(heads: usize, capacity: usize, count: usize) -> Case {
    let width = heads * HEAD_WIDTH;
    let keys = |query: usize| (0..1 + query * 7 % capacity).map(|key| ((query * 3 + key / 9) % count) as u32).collect();
    let sources: Vec<Vec<u32>> = (0..count).map(keys).collect();
    Case {
        is_copy: false,
        name: format!("decoder_attention, shared beginnings [{count}, {capacity}, {width}]"),
        operands: vec![
            scaled_queries(random(16, &[count, 3 * width]), width),
            random(17, &[count, heads, capacity, 2, HEAD_WIDTH]),
            random(18, &[2, width]),
        ],
        bytes: (sources.iter().map(Vec::len).sum::<usize>() * 2 * width * 2) as f64,
        operations: 0.0,
        operation: Box::new(move |x| {
            let sources: Vec<&[u32]> = sources.iter().map(Vec::as_slice).collect();
            let groups = Groups::with_sources(&sources, x[0].device())?;
            Ok(vec![fused::decoder_attention(&x[0], &x[1], &x[2], &groups)?])
        }),
    }
}

/// Divides the first `width` columns by the square root of the head width, as the network's weights do.
fn scaled_queries(projections: Tensor, width: usize) -> Tensor {
    let columns = projections.dims()[projections.rank() - 1];
    let scale = |column| if column < width { 0.125f32 } else { 1.0 };
    let scales = Tensor::from_iter((0..columns).map(scale), &Device::Cpu);
    scales.and_then(|scales| projections.broadcast_mul(&scales)).unwrap_or(projections)
}

/// Rows with different token constraints, and the number of tokens to choose.
fn choices() -> Vec<(&'static str, Vec<TokenConstraints>, usize)> {
    let row = |row, first, text, end, timestamps| TokenConstraints { row, first, text, end, timestamps };
    let untimed = vec![row(0, true, true, true, 0..0), row(2, false, true, true, 0..0)];
    let timed = vec![
        row(0, true, false, false, TIMESTAMPS.start..TIMESTAMPS.start + 50),
        row(1, false, true, true, TIMESTAMPS.end..TIMESTAMPS.end),
        row(2, false, false, true, TIMESTAMPS.start + 90..TIMESTAMPS.end),
        row(3, false, true, true, TIMESTAMPS.start + 90..TIMESTAMPS.end),
    ];
    vec![
        ("choose 1", untimed.clone(), 1),
        ("choose 10", untimed, 10),
        ("choose 1 with timestamps", timed.clone(), 1),
        ("choose 10 with timestamps", timed, 10),
    ]
}

/// Compares the results: candidates must be equal, and sums nearly equal.
fn compare_choice(bounds: &[TokenConstraints], count: usize, device: &Device) -> Result<Value> {
    let rows = 4;
    let logits = ((random(15, &[rows, VOCABULARY]) * 4.0)? * 100.0)?.round()?.affine(0.01, 0.0)?; // with ties
    let banned = |id: usize| if id.is_multiple_of(97) { f32::NEG_INFINITY } else { 0.0 };
    let masks = Tensor::from_iter((0..2 * VOCABULARY).map(banned), &Device::Cpu)?.reshape((2, VOCABULARY))?;
    let is_timed = bounds.iter().any(|bounds| !bounds.timestamps.is_empty());
    let choose = |device: &Device| {
        let timestamps = if is_timed { TIMESTAMPS } else { TIMESTAMPS.start..TIMESTAMPS.start };
        let vocabulary = Vocabulary { masks: masks.to_device(device)?, end: END, timestamps };
        // The logits are the first columns of wider rows, as in the network.
        let logits = logits.to_device(device)?.pad_with_zeros(1, 0, 6)?.narrow(1, 0, VOCABULARY)?;
        let found = fused::choose(&logits, &vocabulary, bounds, count)?;
        let seconds = seconds(device, || fused::choose(&logits, &vocabulary, bounds, count))?;
        Result::Ok((found.to_vec2::<f32>()?, seconds))
    };
    let ((found, seconds), (expected, _)) = (choose(device)?, choose(&Device::Cpu)?);
    let agree = |(a, b): (&Vec<f32>, &Vec<f32>)| {
        let sums = a[..3].iter().zip(&b[..3]).all(|(a, b)| (a - b).abs() <= 1e-4);
        sums && a[3..] == b[3..]
    };
    let differing = found.iter().zip(&expected).filter(|pair| !agree(*pair)).count();
    let poisoned = faults(&logits, &masks, bounds, device)?;
    Ok(json!({
        "passed": differing == 0 && poisoned, "differing_rows": differing, "fault_found": poisoned,
        "microseconds": seconds * 1e6,
    }))
}

/// Whether the kernel detects a single NaN logit.
fn faults(logits: &Tensor, masks: &Tensor, bounds: &[TokenConstraints], device: &Device) -> Result<bool> {
    let mut values = logits.flatten_all()?.to_vec1::<f32>()?;
    values[bounds[0].row as usize * VOCABULARY + 4_321] = f32::NAN;
    let logits = Tensor::from_vec(values, logits.shape(), device)?;
    let timestamps = TIMESTAMPS.start..TIMESTAMPS.start;
    let vocabulary = Vocabulary { masks: masks.to_device(device)?, end: END, timestamps };
    let found = fused::choose(&logits, &vocabulary, bounds, 1)?.to_vec2::<f32>()?;
    Ok(!found[0][0].is_finite() && found[1..].iter().all(|row| row[0] == 0.0))
}

/// Uniform numbers of variance 1 from a seed.
fn random(seed: u64, shape: &[usize]) -> Tensor {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let uniform = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 40) as f32 / (1u32 << 24) as f32 - 0.5) * 12f32.sqrt()
    };
    let numbers: Vec<f32> = (0..shape.iter().product()).map(uniform).collect();
    Tensor::from_vec(numbers, shape, &Device::Cpu).expect("as many numbers as the shape has")
}
