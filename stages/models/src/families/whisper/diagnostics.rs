//! The diagnostics of Whisper's decoding.

use serde::{Deserialize, Serialize};
use stage_core::DetectedLanguage;

/// How a window was decoded: what was measured, and which attempts were rejected. The same in all segments of a window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WhisperDiagnostics {
    /// Mean log-probability (natural) of the window's tokens, the end token included.
    pub avg_logprob: f32,
    /// Probability of the no-speech token at the start, 0 to 1.
    pub no_speech_prob: f32,
    /// Temperature of the attempt that was kept; at 0 nothing was sampled.
    pub temperature: f32,
    /// Bytes of the window's text over those of its zlib form: high where the text repeats itself.
    pub compression_ratio: f32,
    /// The other attempts, in their order: each failed a fallback criterion.
    pub rejected: Vec<RejectedAttempt>,
    /// The language detected in the window itself, where the recording's other windows decided otherwise.
    pub overruled_language: Option<DetectedLanguage>,
}

/// An attempt at a window that failed a fallback criterion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RejectedAttempt {
    /// Its temperature.
    pub temperature: f32,
    /// Bytes of its text over those of the text's zlib form.
    pub compression_ratio: f32,
    /// Mean log-probability (natural) of its tokens, the end token included.
    pub avg_logprob: f32,
    /// Why it was rejected ("compression ratio 4.10 above 2.40").
    pub reason: String,
}
