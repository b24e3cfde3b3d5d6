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

/// The hypothesis of one window.
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
    /// Probability of that language, 0 to 1; null where it was given and not detected.
    pub language_probability: Option<f32>,
    /// Mean log-probability (natural) of the tokens, the end token included.
    pub avg_logprob: f32,
    /// Probability of the no-speech token at the start, 0 to 1.
    pub no_speech_prob: f32,
    /// Why decoding stopped early (`token budget`), where it did.
    pub cut_short: Option<String>,
    /// The text in pieces: joined, they are the text with its white space.
    pub pieces: Vec<TokenPiece>,
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
