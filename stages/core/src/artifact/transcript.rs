//! Transcribe's artifact: text with token times and scores. Only `diagnostics` depends on the model's family.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Dropped, Word};

/// The transcribed text, window by window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Transcript {
    /// Name of the model (`embedded`, `openai/whisper-large-v3-turbo`).
    pub model: String,
    /// Segments by channel, then by time.
    pub segments: Vec<Segment>,
    /// Windows without a transcript ("no speech: probability 0.93"), in addition to those that segmentation dropped.
    pub dropped: Vec<Dropped>,
}

/// The text of one window, or a part of it if the model splits windows.
///
/// ```
/// use stage_core::Segment;
///
/// let mut segment = Segment::of_text(1, (3.0, 4.2), "I will be there", "en");
/// assert!(segment.is_reliable());
/// segment.low_confidence = Some("unlikely text".to_owned());
/// assert!(!segment.is_reliable());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Segment {
    /// Channel, from 0.
    pub channel: u16,
    /// Start in the recording, in seconds.
    pub start_s: f64,
    /// End in the recording, in seconds.
    pub end_s: f64,
    /// The text, without surrounding white space.
    pub text: String,
    /// Language code (`en`, `ko`); `und` if the model does not provide it.
    pub language: String,
    /// Probability of that language in the window, 0 to 1; null if the language was given instead of detected.
    pub language_probability: Option<f32>,
    /// Geometric mean of the probabilities of the window's tokens, 0 to 1.
    pub confidence: f32,
    /// Why the text is not reliable; null if it is reliable.
    pub low_confidence: Option<String>,
    /// Why recognition stopped early (`token budget`, `repetition`); null if it did not.
    pub cut_short: Option<String>,
    /// How the times of the token groups were measured; null if they were not: each group then spans its segment.
    pub token_timing: Option<TokenTiming>,
    /// Values specific to the model's family.
    pub diagnostics: Diagnostics,
    /// The text in token groups. Concatenated, they give the text with its white space.
    pub token_groups: Vec<TokenGroup>,
}

impl Transcript {
    /// Whether a word belongs to a reliable segment, or to an unknown segment.
    #[must_use]
    pub fn is_reliable(&self, word: &Word) -> bool {
        self.segments.get(word.segment as usize).is_none_or(Segment::is_reliable)
    }
}

impl Segment {
    /// A segment with the given text that does not come from a model.
    #[must_use]
    pub fn of_text(channel: u16, (start_s, end_s): (f64, f64), text: &str, language: &str) -> Self {
        Self {
            channel,
            start_s,
            end_s,
            text: text.to_owned(),
            language: language.to_owned(),
            language_probability: None,
            confidence: 1.0,
            low_confidence: None,
            cut_short: None,
            token_timing: None,
            diagnostics: Diagnostics::default(),
            token_groups: Vec::new(),
        }
    }

    /// Whether the segment has text and no low-confidence reason.
    #[must_use]
    pub fn is_reliable(&self) -> bool {
        !self.text.is_empty() && self.low_confidence.is_none()
    }
}

/// How token times were measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TokenTiming {
    /// The cross-attention of an encoder-decoder model.
    #[default]
    CrossAttention,
    /// The frames at which a CTC model emits the tokens.
    Emissions,
}

/// Values specific to a family of models: its name, and values that its documentation describes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Diagnostics {
    /// Name of the family (`whisper`); empty for segments that do not come from a model.
    pub family: String,
    /// The values by name.
    #[serde(flatten)]
    pub values: Map<String, Value>,
}

/// A language and its probability.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DetectedLanguage {
    /// Language code.
    pub language: String,
    /// Its probability among all languages, 0 to 1.
    pub probability: f32,
}

/// One token, or several tokens that together form whole characters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TokenGroup {
    /// Token ids.
    pub ids: Vec<u32>,
    /// Their text, with its leading space if it begins a word.
    pub text: String,
    /// Start in the recording, in seconds.
    pub start_s: f64,
    /// End in the recording, in seconds; not before the start.
    pub end_s: f64,
    /// Sum of the tokens' log-probabilities (natural).
    pub logprob: f32,
}
