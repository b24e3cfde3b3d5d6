//! Diagnostics of Whisper's decoding.

use serde::{Deserialize, Serialize};
use stage_core::DetectedLanguage;

/// How a window was decoded: its measurements and the rejected attempts. All segments of a window have the same values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WhisperDiagnostics {
    /// Mean log-probability (natural) of the window's tokens, the end token included.
    pub avg_logprob: f32,
    /// Probability of the no-speech token at the start, 0 to 1.
    pub no_speech_prob: f32,
    /// Temperature of the attempt that was kept. At 0, nothing was sampled.
    pub temperature: f32,
    /// Compression ratio: bytes of the window's text over bytes of its zlib form. It is high if the text repeats
    /// itself.
    pub compression_ratio: f32,
    /// The rejected attempts, in order.
    pub rejected: Vec<RejectedAttempt>,
    /// The language that was detected in the window itself, if it was decoded in the majority language of the recording
    /// instead.
    pub overruled_language: Option<DetectedLanguage>,
}

/// An attempt at a window that failed a fallback criterion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RejectedAttempt {
    /// Its temperature.
    pub temperature: f32,
    /// Compression ratio: bytes of its text over bytes of the text's zlib form.
    pub compression_ratio: f32,
    /// Mean log-probability (natural) of its tokens, the end token included.
    pub avg_logprob: f32,
    /// Why it was rejected ("compression ratio 4.10 above 2.40").
    pub reason: String,
}
