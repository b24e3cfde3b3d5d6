//! Selects tokens on a device, so that only ids and log-probabilities are copied to the host.

use candle_core::{Device, Result, Tensor};
use kernels::fused::{self, TokenConstraints, Vocabulary};
use kernels::probe::span;

use super::options::LogitFilter;
use super::sampler::{Candidate, not_finite, nothing_allowed};
use super::timestamp_rules::TimestampRules;

/// Copies the logit filter to the device.
pub(super) fn vocabulary(filter: &LogitFilter, device: &Device) -> Result<Vocabulary> {
    let masks = [filter.any.as_slice(), &filter.first].concat();
    Ok(Vocabulary {
        masks: Tensor::from_vec(masks, (2, filter.any.len()), device)?,
        end: filter.end,
        timestamps: filter.timestamps.clone(),
    })
}

/// [`super::sampler::likeliest`] for several rows of `logits` (`[rows, vocabulary]`), each with its index and rules.
pub(super) fn likeliest(
    logits: &Tensor,
    vocabulary: &Vocabulary,
    rows: &[(usize, &TimestampRules)],
    count: usize,
) -> Result<Vec<Vec<Candidate>>> {
    let of_row = |(row, rules): &(usize, &TimestampRules)| TokenConstraints {
        row: *row as u32,
        first: rules.first,
        text: rules.text,
        end: rules.end,
        timestamps: rules.timestamps.clone(),
    };
    let rules: Vec<_> = rows.iter().map(of_row).collect();
    let found = span("step.choice", logits.device(), || fused::choose(logits, vocabulary, &rules, count))?;
    found.to_vec2::<f32>()?.iter().map(|row| candidates(row)).collect()
}

/// Parses one row of results: a fault flag, both sums, and a logit and an id per candidate.
fn candidates(row: &[f32]) -> Result<Vec<Candidate>> {
    let (&[fault, everything, total], found) = row.split_first_chunk().ok_or_else(not_finite)?;
    if !fault.is_finite() {
        return Err(not_finite());
    }
    let possible = found.chunks_exact(2).filter(|pair| pair[0] > f32::NEG_INFINITY);
    let candidate =
        |pair: &[f32]| Candidate { token: pair[1] as u32, logprob: pair[0] - total, score: pair[0] - everything };
    let candidates: Vec<_> = possible.map(candidate).collect();
    if candidates.is_empty() { Err(nothing_allowed()) } else { Ok(candidates) }
}

#[cfg(test)]
mod tests {
    use super::super::sampler;
    use super::*;

    /// Logits that differ between rows and contain no equal values.
    fn logits(rows: usize, vocabulary: usize) -> Vec<f32> {
        let value = |i: usize| ((i * 7_919 + i / vocabulary * 13) % 100_003) as f32 / 9_000.0;
        (0..rows * vocabulary).map(value).collect()
    }

    fn filter(timestamps: bool) -> LogitFilter {
        let mut any = vec![0.0; 700];
        any[500..520].fill(f32::NEG_INFINITY);
        let mut first = any.clone();
        first[..50].fill(f32::NEG_INFINITY);
        let end = if timestamps { 690 } else { 520 };
        LogitFilter { any, first, end: 499, timestamps: 520..end, initial: 520..end.min(540) }
    }

    fn compare(filter: &LogitFilter, texts: &[&[u32]], count: usize) {
        let size = filter.any.len();
        let logits = logits(texts.len(), size);
        let rules: Vec<_> = texts.iter().map(|tokens| filter.timestamp_rules(tokens)).collect();
        let tensor = Tensor::from_slice(&logits, (texts.len(), size), &Device::Cpu).unwrap();
        let vocabulary = super::vocabulary(filter, &Device::Cpu).unwrap();
        let rows: Vec<_> = rules.iter().enumerate().collect();
        let found = likeliest(&tensor, &vocabulary, &rows, count).unwrap();
        for ((found, rules), logits) in found.iter().zip(&rules).zip(logits.chunks_exact(size)) {
            let expected = sampler::likeliest(logits, filter, rules, count).unwrap();
            assert_eq!(found.len(), expected.len());
            for (ours, theirs) in found.iter().zip(expected) {
                assert_eq!(ours.token, theirs.token);
                assert!((ours.logprob - theirs.logprob).abs() < 1e-5 && (ours.score - theirs.score).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn choice_on_a_device_is_that_of_the_cpu() {
        for count in [1, 10] {
            compare(&filter(false), &[&[], &[3], &[7, 8]], count);
            let texts: [&[u32]; 6] =
                [&[], &[522], &[522, 4], &[522, 4, 530], &[522, 4, 530, 530], &[522, 4, 689, 689, 3]];
            compare(&filter(true), &texts, count);
        }
    }

    #[test]
    fn choice_among_logits_that_are_not_finite_is_an_error() {
        let filter = filter(true);
        let vocabulary = vocabulary(&filter, &Device::Cpu).unwrap();
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut logits = logits(1, 700);
            logits[510] = bad;
            let logits = Tensor::from_vec(logits, (1, 700), &Device::Cpu).unwrap();
            let error = likeliest(&logits, &vocabulary, &[(0, &filter.timestamp_rules(&[]))], 1).unwrap_err();
            assert!(error.to_string().contains("not finite"), "{error}");
        }
    }
}
