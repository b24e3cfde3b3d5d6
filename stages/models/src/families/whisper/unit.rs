//! The input and output of the device for one window.

use serde::{Deserialize, Serialize};

use super::diagnostics::RejectedAttempt;

/// The prepared input of one window.
#[derive(Debug, Clone)]
pub struct MelWindow {
    /// Log-mel features, time-major: `[frames, bands]`, padded to the model's window.
    pub(crate) features: Vec<f32>,
    /// Encoder positions (20 ms) that are in the window itself and not in the padding; at least 1.
    pub(crate) positions: usize,
    /// Which of these positions sound; empty where that was not measured.
    pub(crate) sounding: Vec<bool>,
    /// Level of the loudest 20 ms, in dB of full scale.
    pub(crate) loudest_dbfs: f32,
    /// How far its loud parts stand above its quiet ones, in dB: the 95th percentile of the levels of 20 ms less the
    /// 10th.
    pub(crate) contrast_db: f32,
    /// Text that the window is taken to follow, as tokens.
    pub(crate) prompt: Vec<u32>,
    /// The code of the language to decode in, where the other windows decided it.
    pub(crate) language: Option<String>,
}

impl MelWindow {
    /// A window of features alone, without a prompt.
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

/// The model's answer to one window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hypothesis {
    /// Text tokens and, where they were asked for, timestamp tokens, without prompt and end.
    pub tokens: Vec<u32>,
    /// Natural log-probability of every token among those that could have been chosen.
    pub logprobs: Vec<f32>,
    /// The same of the end token; null where the token budget or a repetition ended the text.
    pub end_logprob: Option<f32>,
    /// Whether the text was stopped because it repeated itself.
    pub looping: bool,
    /// Seconds from the window's start, never falling: text token `i` (timestamps are not counted) is between
    /// entries `i` and `i + 1`. None where they were not asked for.
    pub boundaries_s: Option<Vec<f64>>,
    /// Language code.
    pub language: String,
    /// Probability of that language among those that may be spoken, 0 to 1; null where it was given or is the only one.
    pub language_probability: Option<f32>,
    /// Probability of the no-speech token at the start, 0 to 1.
    pub no_speech_prob: f32,
    /// Temperature of the attempt that was kept.
    pub temperature: f32,
    /// Bytes of the text over those of its zlib form.
    pub compression_ratio: f32,
    /// The other attempts, in their order.
    pub rejected: Vec<RejectedAttempt>,
    /// Why the text is not reliable, where it is not: the fallback criterion that the kept attempt fails like all
    /// others, or its likelihood.
    pub low_confidence: Option<String>,
    /// Level of the window's loudest 20 ms, in dB of full scale.
    pub loudest_dbfs: f32,
}

impl Hypothesis {
    /// Mean natural log-probability of the tokens, the end token included.
    #[must_use]
    pub fn avg_logprob(&self) -> f32 {
        mean_logprob(&self.logprobs, self.end_logprob)
    }
}

/// The mean of the log-probabilities, the end token's included.
pub(crate) fn mean_logprob(logprobs: &[f32], end_logprob: Option<f32>) -> f32 {
    let count = logprobs.len() + usize::from(end_logprob.is_some());
    logprobs.iter().chain(&end_logprob).sum::<f32>() / count.max(1) as f32
}
