//! The input and output of the device for one window.

use serde::{Deserialize, Serialize};
use stage_core::WindowEmissions;

use super::diagnostics::RejectedAttempt;

/// The prepared input of one window.
#[derive(Debug, Clone)]
pub struct MelWindow {
    /// Log-mel features, time-major: `[frames, bands]`, padded to the model's window.
    pub(crate) features: Vec<f32>,
    /// Number of encoder positions (20 ms each) within the window, without padding; at least 1.
    pub(crate) positions: usize,
    /// Which of these positions contain speech. Empty if it was not measured.
    pub(crate) sounding: Vec<bool>,
    /// Level of the loudest 20 ms, in dB of full scale.
    pub(crate) loudest_dbfs: f32,
    /// Difference between the 95th and the 10th percentile of the levels of 20 ms frames, in dB.
    pub(crate) contrast_db: f32,
    /// Tokens of the text before the window.
    pub(crate) prompt: Vec<u32>,
    /// The code of the language to decode in, if other windows determined it.
    pub(crate) language: Option<String>,
}

impl MelWindow {
    /// A window with features only, without a prompt.
    #[cfg(test)]
    pub(crate) const fn of_features(features: Vec<f32>, positions: usize) -> Self {
        Self {
            features,
            positions,
            sounding: Vec::new(),
            loudest_dbfs: 0.0,
            contrast_db: f32::INFINITY,
            prompt: Vec::new(),
            language: None,
        }
    }
}

/// The model's output for one window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hypothesis {
    /// Text tokens and, if requested, timestamp tokens, without prompt and end token.
    pub tokens: Vec<u32>,
    /// Natural log-probability of every token among the allowed tokens.
    pub logprobs: Vec<f32>,
    /// Natural log-probability of the end token; null if the token budget or a repetition ended the text.
    pub end_logprob: Option<f32>,
    /// Whether the text was stopped because it repeated itself.
    pub looping: bool,
    /// Times in seconds from the window's start, never decreasing. Text token `i` (not counting timestamps) is between
    /// entries `i` and `i + 1`. `None` if they were not requested.
    pub boundaries_s: Option<Vec<f64>>,
    /// Language code.
    pub language: String,
    /// Probability of that language among the languages that may be spoken, 0 to 1; null if it was given or is the only
    /// one.
    pub language_probability: Option<f32>,
    /// Probability of the no-speech token at the start, 0 to 1.
    pub no_speech_prob: f32,
    /// Temperature of the attempt that was kept.
    pub temperature: f32,
    /// Compression ratio: bytes of the text over bytes of its zlib form.
    pub compression_ratio: f32,
    /// The rejected attempts, in order.
    pub rejected: Vec<RejectedAttempt>,
    /// The low-confidence reason, if any: the fallback criterion that the kept attempt failed (as all others did), or
    /// its likelihood.
    pub low_confidence: Option<String>,
    /// Level of the window's loudest 20 ms, in dB of full scale.
    pub loudest_dbfs: f32,
    /// The sounds of the window; null if the model does not recognize them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emissions: Option<WindowEmissions>,
}

impl Hypothesis {
    /// Mean natural log-probability of the tokens, the end token included.
    #[must_use]
    pub fn avg_logprob(&self) -> f32 {
        mean_logprob(&self.logprobs, self.end_logprob)
    }
}

/// The mean log-probability, including that of the end token.
pub(crate) fn mean_logprob(logprobs: &[f32], end_logprob: Option<f32>) -> f32 {
    let count = logprobs.len() + usize::from(end_logprob.is_some());
    logprobs.iter().chain(&end_logprob).sum::<f32>() / count.max(1) as f32
}
