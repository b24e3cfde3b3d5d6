//! The choice of tokens on a device, as tensor operations: only ids and log-probabilities come to the host.

use candle_core::{Device, Result, Tensor};

use super::bounds::Bounds;
use super::choice::{Candidate, not_finite, nothing_choosable};
use super::rules::Choosable;

/// What the choice needs on the device.
#[derive(Debug)]
pub(super) struct Masks {
    /// `[2, vocabulary]`: 0 or minus infinity, for any token and for the first.
    choosable: Tensor,
    /// `[1, vocabulary]`: the ids, exact as single-precision numbers.
    ids: Tensor,
}

impl Masks {
    pub(super) fn new(choosable: &Choosable, device: &Device) -> Result<Self> {
        let vocabulary = choosable.any.len();
        let masks = [choosable.any.as_slice(), &choosable.first].concat();
        Ok(Self {
            choosable: Tensor::from_vec(masks, (2, vocabulary), device)?,
            ids: Tensor::arange(0f32, vocabulary as f32, device)?.unsqueeze(0)?,
        })
    }
}

/// [`super::choice::likeliest`] for all rows of `logits` (`[rows, vocabulary]`) at once.
pub(super) fn likeliest(
    logits: &Tensor,
    masks: &Masks,
    choosable: &Choosable,
    bounds: &[Bounds],
    count: usize,
) -> Result<Vec<Vec<Candidate>>> {
    let first = bounds.iter().map(|bounds| u32::from(bounds.first)).collect::<Vec<_>>();
    let mask = masks.choosable.index_select(&Tensor::new(first, logits.device())?, 0)?;
    let mut left = (logits + mask)?;
    if !choosable.timestamps.is_empty() {
        left = prefer_timestamps(&keep_bounds(&left, masks, choosable, bounds)?, choosable)?;
    }
    // No number where a logit is none or infinite.
    let fault = (logits * 0.0)?.sum_keepdim(1)?;
    let mut found = vec![fault, log_sum_exp(logits)?, log_sum_exp(&left)?];
    for _ in 0..count {
        let best = left.argmax_keepdim(1)?;
        found.push(left.gather(&best, 1)?);
        let best = best.to_dtype(masks.ids.dtype())?;
        left = masks.ids.broadcast_eq(&best)?.where_cond(&infinities(&left)?, &left)?;
        found.push(best);
    }
    Tensor::cat(&found, 1)?.to_vec2::<f32>()?.iter().map(|row| candidates(row)).collect()
}

/// From fault, both sums, and a logit and an id for each candidate.
fn candidates(row: &[f32]) -> Result<Vec<Candidate>> {
    let (&[fault, everything, total], found) = row.split_first_chunk().ok_or_else(not_finite)?;
    if !fault.is_finite() {
        return Err(not_finite());
    }
    let possible = found.chunks_exact(2).filter(|pair| pair[0] > f32::NEG_INFINITY);
    let candidate =
        |pair: &[f32]| Candidate { token: pair[1] as u32, logprob: pair[0] - total, score: pair[0] - everything };
    let candidates: Vec<_> = possible.map(candidate).collect();
    if candidates.is_empty() { Err(nothing_choosable()) } else { Ok(candidates) }
}

/// Minus infinity where a row's bounds say so.
fn keep_bounds(logits: &Tensor, masks: &Masks, choosable: &Choosable, bounds: &[Bounds]) -> Result<Tensor> {
    let column = |value: &dyn Fn(&Bounds) -> f32| {
        Tensor::from_vec(bounds.iter().map(value).collect(), (bounds.len(), 1), logits.device())
    };
    let penalty = |allowed: bool| if allowed { 0.0 } else { f32::NEG_INFINITY };
    let (end, vocabulary) = (choosable.end as usize, logits.dim(1)?);
    let (start, stop) = (choosable.timestamps.start as usize, choosable.timestamps.end as usize);
    let part = |from: usize, to: usize| logits.narrow(1, from, to - from);
    let ids = masks.ids.narrow(1, start, stop - start)?;
    let early = ids.broadcast_lt(&column(&|bounds| bounds.timestamps.start as f32)?)?;
    let late = ids.broadcast_ge(&column(&|bounds| bounds.timestamps.end as f32)?)?;
    let timestamps = part(start, stop)?.contiguous()?;
    let outside = infinities(&timestamps)?;
    let timestamps = late.where_cond(&outside, &early.where_cond(&outside, &timestamps)?)?;
    let mut parts = vec![
        part(0, end)?.broadcast_add(&column(&|bounds| penalty(bounds.text))?)?,
        part(end, end + 1)?.broadcast_add(&column(&|bounds| penalty(bounds.end))?)?,
        part(end + 1, start)?,
        timestamps,
    ];
    if stop < vocabulary {
        parts.push(part(stop, vocabulary)?);
    }
    Tensor::cat(&parts, 1)
}

/// Minus infinity for everything else where all timestamps together are likelier than the likeliest other token.
fn prefer_timestamps(logits: &Tensor, choosable: &Choosable) -> Result<Tensor> {
    let start = choosable.timestamps.start as usize;
    let probabilities = logits.broadcast_sub(&logits.max_keepdim(1)?)?.exp()?;
    let (others, timestamps) = (logits.narrow(1, 0, start)?, logits.narrow(1, start, logits.dim(1)? - start)?);
    let together = probabilities.narrow(1, start, logits.dim(1)? - start)?.sum_keepdim(1)?;
    let won = together.gt(&probabilities.narrow(1, 0, start)?.max_keepdim(1)?)?;
    let penalty = won.where_cond(&infinities(&together)?, &together.zeros_like()?)?;
    Tensor::cat(&[others.broadcast_add(&penalty)?, timestamps], 1)
}

fn infinities(like: &Tensor) -> Result<Tensor> {
    Tensor::full(f32::NEG_INFINITY, like.shape(), like.device())
}

/// `[rows, 1]`: the logarithm of the sum of each row's exponentials.
fn log_sum_exp(logits: &Tensor) -> Result<Tensor> {
    let highest = logits.max_keepdim(1)?;
    logits.broadcast_sub(&highest)?.exp()?.sum_keepdim(1)?.log()? + highest
}

#[cfg(test)]
mod tests {
    use super::super::choice;
    use super::*;

    /// Logits that differ from row to row and are all different.
    fn logits(rows: usize, vocabulary: usize) -> Vec<f32> {
        let value = |i: usize| ((i * 7_919 + i / vocabulary * 13) % 100_003) as f32 / 9_000.0;
        (0..rows * vocabulary).map(value).collect()
    }

    fn choosable(timestamps: bool) -> Choosable {
        let mut any = vec![0.0; 700];
        any[500..520].fill(f32::NEG_INFINITY);
        let mut first = any.clone();
        first[..50].fill(f32::NEG_INFINITY);
        let end = if timestamps { 690 } else { 520 };
        Choosable { any, first, end: 499, timestamps: 520..end, initial: 520..end.min(540) }
    }

    fn compare(choosable: &Choosable, texts: &[&[u32]], count: usize) {
        let vocabulary = choosable.any.len();
        let logits = logits(texts.len(), vocabulary);
        let bounds: Vec<_> = texts.iter().map(|tokens| choosable.bounds(tokens)).collect();
        let tensor = Tensor::from_slice(&logits, (texts.len(), vocabulary), &Device::Cpu).unwrap();
        let masks = Masks::new(choosable, &Device::Cpu).unwrap();
        let found = likeliest(&tensor, &masks, choosable, &bounds, count).unwrap();
        for ((found, bounds), logits) in found.iter().zip(&bounds).zip(logits.chunks_exact(vocabulary)) {
            let expected = choice::likeliest(logits, choosable, bounds, count).unwrap();
            assert_eq!(found.len(), expected.len());
            for (ours, theirs) in found.iter().zip(expected) {
                assert_eq!(ours.token, theirs.token);
                assert!((ours.logprob - theirs.logprob).abs() < 1e-5 && (ours.score - theirs.score).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn tensor_operations_choose_what_the_processors_path_chooses() {
        for count in [1, 10] {
            compare(&choosable(false), &[&[], &[3], &[7, 8]], count);
            let texts: [&[u32]; 6] =
                [&[], &[522], &[522, 4], &[522, 4, 530], &[522, 4, 530, 530], &[522, 4, 689, 689, 3]];
            compare(&choosable(true), &texts, count);
        }
    }

    #[test]
    fn logits_that_are_no_numbers_are_an_error() {
        let choosable = choosable(true);
        let masks = Masks::new(&choosable, &Device::Cpu).unwrap();
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut logits = logits(1, 700);
            logits[510] = bad;
            let logits = Tensor::from_vec(logits, (1, 700), &Device::Cpu).unwrap();
            let error = likeliest(&logits, &masks, &choosable, &[choosable.bounds(&[])], 1).unwrap_err();
            assert!(error.to_string().contains("not finite"), "{error}");
        }
    }
}
