//! Selection of the likeliest tokens from logits.

use candle_core::{DType, Result, Tensor, bail};

use super::numbers;
use super::operation::{Argument, Launch, Make};

const THREADS: usize = 1_024;
/// Number of values in a result before its candidates.
const HEADER: usize = 3;

/// Constraints that apply to all rows.
#[derive(Debug)]
pub struct Vocabulary {
    /// `[2, vocabulary]`, f32, 0 or minus infinity: the mask for any token, and for the first token of a text.
    pub masks: Tensor,
    /// The token that ends a text; text tokens come before it.
    pub end: u32,
    /// The timestamp tokens; empty if timestamps are not decoded.
    pub timestamps: std::ops::Range<u32>,
}

/// Which tokens are allowed next in one row.
#[derive(Debug, Clone)]
pub struct TokenConstraints {
    /// The row in the logits.
    pub row: u32,
    /// Whether this is the first token of a text.
    pub first: bool,
    /// Whether text is allowed next (with timestamps only).
    pub text: bool,
    /// Whether the end token is allowed next (with timestamps only).
    pub end: bool,
    /// The timestamp tokens that are allowed next.
    pub timestamps: std::ops::Range<u32>,
}

/// Selects the `count` likeliest tokens for each of `bounds` in `logits` (`[rows, vocabulary]`, f32; the columns may be
/// the first of wider rows). The output is `[bounds, 3 + 2 * count]`: a number that is 0 if all logits are finite; the
/// log-sum-exp over all tokens, and over the allowed tokens; then a logit and an id for each candidate, best first.
/// Ties go to the lower id; missing candidates have a logit of minus infinity. Only timestamps are allowed if all of
/// them together are likelier than the likeliest other token.
///
/// # Errors
/// Shapes or types do not fit.
pub fn choose(logits: &Tensor, vocabulary: &Vocabulary, bounds: &[TokenConstraints], count: usize) -> Result<Tensor> {
    let (rows, size) = logits.dims2()?;
    let Vocabulary { masks, end, timestamps } = vocabulary;
    let [stride, 1] = *logits.stride() else { bail!("logits whose columns are {:?} apart", logits.stride()) };
    if bounds.is_empty() || bounds.iter().any(|bounds| bounds.row as usize >= rows) {
        bail!("choices in {} of {rows} rows", bounds.len());
    }
    if logits.dtype() != DType::F32 || masks.dtype() != DType::F32 {
        bail!("a choice from logits in {:?} with masks in {:?}", logits.dtype(), masks.dtype());
    }
    if masks.dims() != [2, size] || count == 0 || timestamps.end as usize > size {
        bail!("a choice of {count} among {size} tokens with masks {:?}", masks.dims());
    }
    let row = |b: &TokenConstraints| {
        [b.row, b.first.into(), b.text.into(), b.end.into(), b.timestamps.start, b.timestamps.end]
    };
    let constraints = Tensor::from_iter(bounds.iter().flat_map(row), logits.device())?;
    let arguments = vec![
        Argument::Rows(logits),
        Argument::Tensor(masks),
        Argument::Tensor(&constraints),
        Argument::Target,
        Argument::Int(size),
        Argument::Int(stride),
        Argument::Int(count),
        Argument::Int(*end as usize),
        Argument::Int(timestamps.start as usize),
        Argument::Int(timestamps.end as usize),
    ];
    let (kernel, grid) = ("choose".to_owned(), (bounds.len(), 1, 1));
    let launch = Launch { source: "choose", kernel, grid, threads: THREADS, arguments };
    let reference = || {
        let (logits, masks) = (numbers(logits)?, numbers(masks)?);
        let row = |bounds: &TokenConstraints| {
            let logits = &logits[bounds.row as usize * size..][..size];
            let mask = &masks[usize::from(bounds.first) * size..][..size];
            row_reference(logits, mask, vocabulary, bounds, count)
        };
        Ok(bounds.iter().flat_map(row).collect())
    };
    Make { launch, shape: (bounds.len(), HEADER + 2 * count).into(), reference }.like(logits)
}

fn row_reference(
    logits: &[f32],
    mask: &[f32],
    vocabulary: &Vocabulary,
    bounds: &TokenConstraints,
    count: usize,
) -> Vec<f32> {
    let Vocabulary { end, timestamps, .. } = vocabulary;
    let is_banned = |token: u32| {
        (token < *end && !bounds.text)
            || (token == *end && !bounds.end)
            || (timestamps.contains(&token) && !bounds.timestamps.contains(&token))
    };
    let allowed = logits.iter().zip(mask).zip(0..).map(|((logit, mask), token)| {
        if !timestamps.is_empty() && is_banned(token) { f32::NEG_INFINITY } else { logit + mask }
    });
    let mut allowed: Vec<f32> = allowed.collect();
    if !timestamps.is_empty() {
        let (others, times) = allowed.split_at_mut(timestamps.start as usize);
        if log_sum_exp(times) > others.iter().copied().fold(f32::NEG_INFINITY, f32::max) {
            others.fill(f32::NEG_INFINITY);
        }
    }
    let fault = if logits.iter().all(|logit| logit.is_finite()) { 0.0 } else { f32::NAN };
    let mut result = vec![fault, log_sum_exp(logits), log_sum_exp(&allowed)];
    for _ in 0..count {
        let better = |best: usize, other: usize| if allowed[other] > allowed[best] { other } else { best };
        let best = (0..allowed.len()).reduce(better).unwrap_or_default();
        result.extend([std::mem::replace(&mut allowed[best], f32::NEG_INFINITY), best as f32]);
    }
    result
}

/// Log-sum-exp in f32, as the GPU kernel returns it.
fn log_sum_exp(logits: &[f32]) -> f32 {
    crate::log_sum_exp(logits) as f32
}
