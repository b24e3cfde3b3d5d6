//! The expected error of a word's times.

use super::posterior::Spread;

/// What is known of the alignment of one word.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Evidence {
    /// Mean log-probability of its phones over their frames.
    pub(crate) logprob: f32,
    /// How far its boundaries are from their places in other paths, in frames.
    pub(crate) spread: Spread,
    /// Number of its frames.
    pub(crate) frames: usize,
    /// Number of its phones.
    pub(crate) symbols: usize,
    /// Mean distance of start and end from the recognizer's times, in seconds.
    pub(crate) recognizer_s: f32,
}

/// The expected mean absolute error of start and end, in seconds.
pub(crate) fn expected_error_s(evidence: &Evidence) -> f32 {
    0.01 * (evidence.spread.start + evidence.spread.end)
}
