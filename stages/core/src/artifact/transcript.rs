//! Transcribe's artifact: text with token times and scores.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Dropped;

/// What was said, window by window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Transcript {
    /// The model's name, for people (`embedded`, `openai/whisper-large-v3-turbo`).
    pub model: String,
    /// Segments by channel, then by time.
    pub segments: Vec<Segment>,
    /// Windows without a transcript ("no speech: probability 0.93"), beside those that segmentation dropped.
    pub dropped: Vec<Dropped>,
}

/// The hypothesis of one window, or, where timestamps were decoded, a part of it between two of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Segment {
    /// Channel, from 0.
    pub channel: u16,
    /// Start in the recording, in seconds.
    pub start_s: f64,
    /// End in the recording, in seconds.
    pub end_s: f64,
    /// The text, without surrounding white space.
    pub text: String,
    /// Language code (`en`, `ko`).
    pub language: String,
    /// Probability of that language in the window, 0 to 1; null where it was given and not detected.
    pub language_probability: Option<f32>,
    /// Mean log-probability (natural) of the window's tokens, the end token included.
    pub avg_logprob: f32,
    /// Probability of the no-speech token at the start, 0 to 1.
    pub no_speech_prob: f32,
    /// Why decoding stopped early (`token budget`, `repetition`), where it did.
    pub cut_short: Option<String>,
    /// How the window was decoded.
    pub decoding: Decoding,
    /// The text in pieces: joined, they are the text with its white space.
    pub pieces: Vec<TokenPiece>,
}

impl Segment {
    /// Whether there is a text, without a reason to doubt it.
    #[must_use]
    pub fn is_reliable(&self) -> bool {
        !self.text.is_empty() && self.decoding.low_confidence.is_none()
    }
}

/// How a window was decoded: what was measured, and which attempts were rejected. The same in all segments of a window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Decoding {
    /// Temperature of the attempt that was kept; at 0 nothing was sampled.
    pub temperature: f32,
    /// Bytes of the window's text over those of its zlib form: high where the text repeats itself.
    pub compression_ratio: f32,
    /// The other attempts, in their order: each failed a fallback criterion.
    pub rejected: Vec<RejectedAttempt>,
    /// Why the text is not reliable, where it is not: it is unlikely, or every attempt failed a fallback criterion and
    /// this is the most likely of them.
    pub low_confidence: Option<String>,
    /// The language detected in the window itself, where the recording's other windows decided otherwise.
    pub overruled_language: Option<DetectedLanguage>,
    /// Whether the pieces' times were measured; otherwise each piece spans its segment.
    pub token_times: bool,
}

/// An attempt at a window that failed a fallback criterion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
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

/// A language and how probable it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DetectedLanguage {
    /// Language code.
    pub language: String,
    /// Its probability among all languages, 0 to 1.
    pub probability: f32,
}

impl Default for Decoding {
    /// Greedy at the first attempt, with nothing measured: for segments that no model made.
    fn default() -> Self {
        Self {
            temperature: 0.0,
            compression_ratio: 0.0,
            rejected: Vec::new(),
            low_confidence: None,
            overruled_language: None,
            token_times: true,
        }
    }
}

/// One token, or the few byte-level tokens that form whole characters together. Its times come from the model's
/// cross-attention.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TokenPiece {
    /// Token ids.
    pub ids: Vec<u32>,
    /// Their text, with its leading space where it begins a word.
    pub text: String,
    /// Start in the recording, in seconds.
    pub start_s: f64,
    /// End in the recording, in seconds; not before the start.
    pub end_s: f64,
    /// Sum of the tokens' log-probabilities (natural).
    pub logprob: f32,
}
