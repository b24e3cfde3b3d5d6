//! What goes to the device and what comes back, one window at a time.

use serde::{Deserialize, Serialize};

/// The prepared input of one window.
#[derive(Debug, Clone)]
pub struct MelWindow {
    /// Log-mel features, time-major: `[frames, bands]`, padded to the model's window.
    pub(crate) features: Vec<f32>,
    /// Encoder positions (20 ms) that lie in the window itself and not in the padding; at least 1.
    pub(crate) positions: usize,
}

/// The model's answer to one window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hypothesis {
    /// Text tokens, without prompt and end.
    pub tokens: Vec<u32>,
    /// Natural log-probability of every text token.
    pub logprobs: Vec<f32>,
    /// Natural log-probability of the end token; null where the token budget ended the text.
    pub end_logprob: Option<f32>,
    /// Seconds from the window's start, never falling: token `i` lies between entries `i` and `i + 1`.
    pub boundaries_s: Vec<f64>,
    /// Language code.
    pub language: String,
    /// Probability of that language among all, 0 to 1; null where it was given or is the only one.
    pub language_probability: Option<f32>,
    /// Probability of the no-speech token at the start, 0 to 1.
    pub no_speech_prob: f32,
}

impl Hypothesis {
    /// Mean natural log-probability of the tokens, the end token included.
    #[must_use]
    pub fn avg_logprob(&self) -> f32 {
        let chosen = self.logprobs.iter().chain(&self.end_logprob);
        let count = self.logprobs.len() + usize::from(self.end_logprob.is_some());
        chosen.sum::<f32>() / count.max(1) as f32
    }
}
