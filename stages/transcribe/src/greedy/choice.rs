//! Probabilities from one row of logits.

/// A token and its natural log-probability among those that could have been chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Choice {
    pub(super) token: u32,
    pub(super) logprob: f32,
}

/// The likeliest of the choosable tokens; none where no logit of theirs is finite.
pub(super) fn likeliest(logits: &[f32], choosable: &[bool]) -> Option<Choice> {
    let candidates = || logits.iter().zip(choosable).enumerate().filter(|(_, (_, choosable))| **choosable);
    let mut best: Option<(usize, f32)> = None;
    for (token, (&logit, _)) in candidates() {
        if best.is_none_or(|(_, highest)| logit > highest) && logit.is_finite() {
            best = Some((token, logit));
        }
    }
    let (token, highest) = best?;
    let sum: f64 = candidates().map(|(_, (logit, _))| f64::from((logit - highest).exp())).sum();
    let logprob = -sum.ln() as f32;
    logprob.is_finite().then_some(Choice { token: token as u32, logprob })
}

/// The probability of one token among all.
pub(super) fn probability(logits: &[f32], token: u32) -> f32 {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|logit| f64::from((logit - highest).exp())).sum();
    (f64::from((logits[token as usize] - highest).exp()) / sum) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_cannot_be_chosen_takes_no_probability() {
        let logits = [9.0, 1.0, 3.0, f32::NEG_INFINITY];
        let choice = likeliest(&logits, &[false, true, true, true]).unwrap();
        assert_eq!(choice.token, 2);
        let expected = (3f32.exp() / (1f32.exp() + 3f32.exp())).ln();
        assert!((choice.logprob - expected).abs() < 1e-6);
        assert!(probability(&logits, 0) > 0.99);
    }

    #[test]
    fn logits_that_are_no_numbers_choose_nothing() {
        assert_eq!(likeliest(&[1.0, f32::NAN], &[true, true]), None);
        assert_eq!(likeliest(&[f32::NAN, f32::NAN], &[true, true]), None);
        assert_eq!(likeliest(&[1.0, 2.0], &[false, false]), None);
    }
}
