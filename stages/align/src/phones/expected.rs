//! The expected error of a word's times.

use std::ops::Range;

use super::frames::Frames;
use super::posterior::Spread;

/// Frames at an edge whose phones are compared with the audio: 0.1 s.
const NEAR: usize = 5;

/// What is known of one edge of a word.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct EdgeEvidence {
    /// Mean distance from its places in other paths, in seconds.
    pub(crate) spread_s: f32,
    /// Whether it is next to silence.
    pub(crate) at_pause: bool,
    /// Sound that belongs to no word between the edge and the next word or silence, in seconds.
    pub(crate) unspoken_s: f32,
    /// Mean log-probability of the phones next to it.
    pub(crate) logprob: f32,
    /// Distance from the recognizer's time, in seconds.
    pub(crate) recognizer_s: f32,
    /// Level of the sound above the noise, in dB.
    pub(crate) contrast_db: f32,
}

impl EdgeEvidence {
    /// The evidence of start and end of a word that has the frames `own`. `word_of` and `logprobs` are the word and the
    /// log-probability of each frame.
    pub(crate) fn of_word(
        frames: &Frames,
        word_of: &[Option<usize>],
        logprobs: &[f32],
        word: usize,
        own: Range<usize>,
        spread: Spread,
    ) -> [Self; 2] {
        let is_unspoken = |frame: &usize| word_of[*frame].is_none() && frames.is_sounding(*frame);
        let silent = |frame: Option<usize>| frame.is_none_or(|frame| frame >= word_of.len() || !frames.is_sounding(frame));
        let before = (0..own.start).rev().take_while(is_unspoken).count();
        let behind = (own.end..word_of.len()).take_while(is_unspoken).count();
        let near = NEAR.min(own.len());
        let [start_s, end_s] = frames.distances_s(word, own.clone());
        let contrast_db = frames.contrast_db(own.clone());
        let edge = |spread: f32, at_pause: bool, unspoken: usize, logprob: f32, recognizer_s: f32| Self {
            spread_s: spread * frames.step_s(),
            at_pause,
            unspoken_s: unspoken as f32 * frames.step_s(),
            logprob,
            recognizer_s,
            contrast_db,
        };
        [
            edge(
                spread.start,
                silent(own.start.checked_sub(1)),
                before,
                mean(&logprobs[own.start..own.start + near]),
                start_s,
            ),
            edge(spread.end, silent(Some(own.end)), behind, mean(&logprobs[own.end - near..own.end]), end_s),
        ]
    }
}

/// The expected mean absolute error of start and end, in seconds.
pub(crate) fn expected_error_s(_logprob: f32, edges: &[EdgeEvidence; 2]) -> f32 {
    edges.iter().map(|edge| edge.spread_s).sum::<f32>() / 2.0
}

/// The mean of values; 0 if there are none.
pub(crate) fn mean(values: &[f32]) -> f32 {
    values.iter().sum::<f32>() / values.len().max(1) as f32
}
