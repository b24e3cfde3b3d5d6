//! The expected error of a word's times.

use std::ops::Range;

use super::frames::Frames;
use super::posterior::Spread;

/// What is known of one edge of a word.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct EdgeEvidence {
    /// Mean distance from its places in other paths, in seconds.
    pub(crate) spread_s: f32,
    /// Whether it is next to silence.
    pub(crate) at_pause: bool,
    /// Sound that belongs to no word between the edge and the next word or silence, in seconds.
    pub(crate) unspoken_s: f32,
    /// Level of the sound above the noise, in dB.
    pub(crate) contrast_db: f32,
}

impl EdgeEvidence {
    /// The evidence of start and end of a word that has the frames `own`. `word_of` is the word of each frame.
    pub(crate) fn of_word(frames: &Frames, word_of: &[Option<usize>], own: Range<usize>, spread: Spread) -> [Self; 2] {
        let is_unspoken = |frame: &usize| word_of[*frame].is_none() && frames.is_sounding(*frame);
        let is_silent = |frame: Option<usize>| frame.is_none_or(|frame| !frames.is_sounding(frame));
        let before = (0..own.start).rev().take_while(is_unspoken).count();
        let behind = (own.end..word_of.len()).take_while(is_unspoken).count();
        let contrast_db = frames.contrast_db(own.clone());
        let edge = |spread: f32, at_pause: bool, unspoken: usize| Self {
            spread_s: spread * frames.step_s(),
            at_pause,
            unspoken_s: unspoken as f32 * frames.step_s(),
            contrast_db,
        };
        let next = Some(own.end).filter(|next| *next < word_of.len());
        [edge(spread.start, is_silent(own.start.checked_sub(1)), before), edge(spread.end, is_silent(next), behind)]
    }
}

/// The expected mean absolute error of start and end, in seconds. `logprob` is the mean log-probability of the word's
/// phones.
///
/// A sum of non-negative terms, fitted by non-negative least squares to 2,307 edges of known time: half 1 of the sets of
/// `benches/words` (joined and spliced speech, read speech, digits, espeak-ng; with noise, a second voice, telephone
/// band, and wrong words). That bench prints the calibration on half 2.
pub(crate) fn expected_error_s(logprob: f32, edges: &[EdgeEvidence; 2]) -> f32 {
    edges.iter().map(|edge| of_edge(logprob, edge)).sum::<f32>() / 2.0
}

fn of_edge(logprob: f32, edge: &EdgeEvidence) -> f32 {
    let EdgeEvidence { spread_s, at_pause, unspoken_s, contrast_db } = *edge;
    let mismatch = |from: f32| (-logprob - from).max(0.0);
    let touching_s = if at_pause { 0.0 } else { 0.85 * spread_s };
    let hidden_db = (18.0 - contrast_db).max(0.0);
    0.012
        + 0.38 * spread_s
        + touching_s
        + 0.011 * mismatch(1.5)
        + 0.023 * mismatch(3.2)
        + 0.21 * unspoken_s
        + 0.0127 * hidden_db
}

/// The mean of values; 0 if there are none.
pub(crate) fn mean(values: &[f32]) -> f32 {
    values.iter().sum::<f32>() / values.len().max(1) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expected_error_grows_with_every_kind_of_evidence_against_an_edge() {
        let clear = EdgeEvidence { spread_s: 0.01, at_pause: true, unspoken_s: 0.0, contrast_db: 40.0 };
        let error_s = |logprob, edge| expected_error_s(logprob, &[clear, edge]);
        let best = error_s(-0.5, clear);
        assert!((0.005..0.02).contains(&best), "{best}");
        for worse in [
            EdgeEvidence { spread_s: 0.1, ..clear },
            EdgeEvidence { at_pause: false, ..clear },
            EdgeEvidence { unspoken_s: 0.2, ..clear },
            EdgeEvidence { contrast_db: 5.0, ..clear },
        ] {
            assert!(error_s(-0.5, worse) > best, "{worse:?}");
        }
        assert!(error_s(-4.0, clear) > best);
    }
}
