//! The settings of the stage.

use kernels::Precision;
use nn::DeviceChoice;
use serde::{Deserialize, Serialize};

/// What the stage is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TranscribeConfig {
    /// The language's code (`en`, `ko`); none: detected for every window.
    pub language: Option<String>,
    /// Where the model computes. No part of the stage's identity.
    pub device: DeviceChoice,
    /// The numeric type that the model computes in.
    pub precision: Precision,
    /// Whether tokens are timed.
    pub token_times: bool,
    /// Most text tokens of one window; none: half of the decoder's positions, as Whisper has it.
    pub max_tokens: Option<usize>,
    /// A window whose no-speech probability (0 to 1) is higher is dropped, unless its text is likely.
    pub no_speech_threshold: f32,
    /// A text whose mean log-probability is at least this is kept whatever the no-speech probability.
    pub logprob_threshold: f32,
}

impl Default for TranscribeConfig {
    /// Language detection on the processor, with Whisper's thresholds.
    fn default() -> Self {
        Self {
            language: None,
            device: DeviceChoice::Cpu,
            precision: Precision::F32,
            token_times: true,
            max_tokens: None,
            no_speech_threshold: 0.6,
            logprob_threshold: -1.0,
        }
    }
}
