//! Selects tokens and computes their probabilities from one row of logits and its rules.

use std::ops::Range;

use candle_core::Result;
use kernels::{log_sum_exp, maximum};

use super::options::LogitFilter;
use super::timestamp_rules::TimestampRules;

/// A token that may continue a hypothesis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate {
    pub(super) token: u32,
    /// Natural log-probability among the allowed tokens.
    pub(super) logprob: f32,
    /// Natural log-probability among all tokens, which beam search uses.
    pub(super) score: f32,
}

/// The `count` most likely tokens, best first. Ties go to the lower id. Fewer if fewer tokens are allowed.
///
/// # Errors
/// The logits are not finite, or no token is allowed.
pub(super) fn likeliest(
    logits: &[f32],
    filter: &LogitFilter,
    rules: &TimestampRules,
    count: usize,
) -> Result<Vec<Candidate>> {
    let everything = log_sum_exp(logits);
    let allowed = allowed(logits, filter, rules);
    let total = log_sum_exp(&allowed);
    check(logits, total)?;
    let mut best: Vec<(usize, f32)> = Vec::with_capacity(count + 1);
    for (chunk, logits) in allowed.chunks(CHUNK).enumerate() {
        let floor = if best.len() == count { best[count - 1].1 } else { f32::NEG_INFINITY };
        if maximum(logits) > floor {
            insert(&mut best, chunk * CHUNK, logits, count);
        }
    }
    let candidate = |(token, logit): (usize, f32)| Candidate {
        token: token as u32,
        logprob: (f64::from(logit) - total) as f32,
        score: (f64::from(logit) - everything) as f32,
    };
    Ok(best.into_iter().map(candidate).collect())
}

/// Updates the `count` best logits in `best` with `logits`, whose ids begin at `first`.
fn insert(best: &mut Vec<(usize, f32)>, first: usize, logits: &[f32], count: usize) {
    for (offset, &logit) in logits.iter().enumerate() {
        if logit > f32::NEG_INFINITY && (best.len() < count || logit > best[count - 1].1) {
            let place = best.partition_point(|(_, other)| *other >= logit);
            best.insert(place, (first + offset, logit));
            best.truncate(count);
        }
    }
}

/// Samples a token from the logits divided by `temperature` (above 0). `uniform` is a random number from 0 to 1.
///
/// # Errors
/// See [`likeliest`].
pub(super) fn sample(
    logits: &[f32],
    filter: &LogitFilter,
    rules: &TimestampRules,
    temperature: f32,
    uniform: f64,
) -> Result<Candidate> {
    let everything = log_sum_exp(logits);
    let allowed = allowed(logits, filter, rules);
    let total = log_sum_exp(&allowed);
    check(logits, total)?;
    let highest = maximum(&allowed);
    let weight = |logit: &f32| f64::from((logit - highest) / temperature).exp();
    let mut left = uniform * allowed.iter().map(weight).sum::<f64>();
    let mut token = 0;
    for (id, logit) in allowed.iter().enumerate().filter(|(_, logit)| **logit > f32::NEG_INFINITY) {
        token = id;
        left -= weight(logit);
        if left < 0.0 {
            break;
        }
    }
    let logit = f64::from(allowed[token]);
    Ok(Candidate { token: token as u32, logprob: (logit - total) as f32, score: (logit - everything) as f32 })
}

/// The probability of one token among all tokens.
pub(super) fn probability(logits: &[f32], token: u32) -> f32 {
    (f64::from(logits[token as usize]) - log_sum_exp(logits)).exp() as f32
}

/// The probability of each of the given tokens among the given tokens.
pub(super) fn probabilities(logits: &[f32], tokens: &[u32]) -> Vec<f32> {
    let chosen: Vec<f32> = tokens.iter().map(|token| logits[*token as usize]).collect();
    let total = log_sum_exp(&chosen);
    chosen.iter().map(|logit| (f64::from(*logit) - total).exp() as f32).collect()
}

/// Checks that the logits are finite and some token is allowed.
pub(super) fn check(logits: &[f32], total: f64) -> Result<()> {
    if logits.iter().any(|logit| !logit.is_finite()) {
        return Err(not_finite());
    }
    if total.is_finite() { Ok(()) } else { Err(nothing_allowed()) }
}

pub(super) fn not_finite() -> candle_core::Error {
    candle_core::Error::msg("the model's logits are not finite")
}

pub(super) fn nothing_allowed() -> candle_core::Error {
    candle_core::Error::msg("no token is allowed by the decoding rules")
}

/// The logits, with minus infinity for tokens that are not allowed.
fn allowed(logits: &[f32], filter: &LogitFilter, rules: &TimestampRules) -> Vec<f32> {
    let mask = if rules.first { &filter.first } else { &filter.any };
    let mut allowed: Vec<f32> = logits.iter().zip(mask).map(|(logit, mask)| logit + mask).collect();
    let mut ban = |tokens: Range<u32>| allowed[tokens.start as usize..tokens.end as usize].fill(f32::NEG_INFINITY);
    let Range { start, end } = filter.timestamps;
    if start == end {
        return allowed;
    }
    if !rules.text {
        ban(0..filter.end);
    }
    if !rules.end {
        ban(filter.end..filter.end + 1);
    }
    ban(start..rules.timestamps.start);
    ban(rules.timestamps.end..end);
    // If all timestamps together are more likely than the most likely other token, only timestamps are allowed.
    let (others, timestamps) = allowed.split_at_mut(start as usize);
    if log_sum_exp(timestamps) > f64::from(maximum(others)) {
        others.fill(f32::NEG_INFINITY);
    }
    allowed
}

/// Number of logits that are processed together.
const CHUNK: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    /// Three text tokens, the end token, a special token and three timestamps.
    fn filter(timestamps: Range<u32>) -> LogitFilter {
        let mut any = vec![0.0; 8];
        any[4] = f32::NEG_INFINITY;
        let mut first = any.clone();
        first[1] = f32::NEG_INFINITY;
        LogitFilter { any, first, end: 3, initial: timestamps.clone(), timestamps }
    }

    const fn free(timestamps: Range<u32>) -> TimestampRules {
        TimestampRules { first: false, text: true, end: true, timestamps }
    }

    #[test]
    fn likeliest_gives_no_probability_to_excluded_tokens() {
        let logits = [1.0, 3.0, 2.0, 0.5, 9.0, -90.0, -90.0, -90.0];
        let best = likeliest(&logits, &filter(5..5), &free(5..5), 2).unwrap();
        assert_eq!([best[0].token, best[1].token], [1, 2]);
        let total = [1f32, 3.0, 2.0, 0.5].map(f32::exp).iter().sum::<f32>().ln();
        assert!((best[0].logprob - (3.0 - total)).abs() < 1e-6);
        assert!((best[0].score - (3.0 - (total.exp() + 9f32.exp()).ln())).abs() < 1e-6);
        let first = TimestampRules { first: true, ..free(5..5) };
        assert_eq!(likeliest(&logits, &filter(5..5), &first, 1).unwrap()[0].token, 2);
        assert!(probability(&logits, 4) > 0.99);
        assert!((probabilities(&logits, &[0, 2])[1] - 0.731_058_6).abs() < 1e-6);
    }

    #[test]
    fn timestamps_come_where_together_they_are_likelier_than_any_text() {
        let logits = [1.0, 0.0, 0.0, 0.0, 0.0, 0.2, 0.3, 0.1];
        let best = likeliest(&logits, &filter(5..8), &free(5..8), 8).unwrap();
        assert_eq!(best.iter().map(|c| c.token).collect::<Vec<_>>(), [6, 5, 7]);
        let best = likeliest(&logits, &filter(5..8), &free(7..8), 1).unwrap();
        assert_eq!(best[0].token, 0);
        let no_text = TimestampRules { text: false, ..free(7..8) };
        assert_eq!(likeliest(&logits, &filter(5..8), &no_text, 2).unwrap()[0].token, 7);
    }

    #[test]
    fn sample_is_decided_by_the_uniform_number() {
        let logits = [0.0, 0.0, 0.0, f32::MIN, 9.0, f32::MIN, f32::MIN, f32::MIN];
        let drawn = |uniform| sample(&logits, &filter(5..5), &free(5..5), 0.5, uniform).unwrap().token;
        assert_eq!([0.0, 0.3, 0.5, 0.9, 1.0].map(drawn), [0, 0, 1, 2, 7]);
    }

    #[test]
    fn logits_that_are_no_numbers_are_an_error() {
        let choose = |logits: &[f32; 8]| likeliest(logits, &filter(5..5), &free(5..5), 1);
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let logits = [1.0, bad, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0];
            assert!(choose(&logits).unwrap_err().to_string().contains("not finite"));
        }
        let nothing = LogitFilter { any: vec![f32::NEG_INFINITY; 8], ..filter(5..5) };
        let error = likeliest(&[0.0; 8], &nothing, &free(5..5), 1).unwrap_err();
        assert!(error.to_string().contains("no token"));
    }
}
