//! Align's artifact: words with times.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The words of a recording, by channel, then by time.
///
/// ```
/// use stage_core::{AlignedWords, Word};
///
/// let words = vec![Word::of_text(0, (0.2, 0.5), "call"), Word::of_text(0, (0.5, 0.7), "me")];
/// let aligned = AlignedWords { method: "by hand".to_owned(), words };
/// assert!(aligned.words.is_sorted_by_key(|word| word.start_s));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AlignedWords {
    /// The main method used to find the times (`ctc+energy`); each word states its own method.
    pub method: String,
    /// The words. Within a channel starts never decrease, each word starts before it ends, and all are inside the
    /// recording.
    pub words: Vec<Word>,
}

/// One word.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Word {
    /// Channel, from 0.
    pub channel: u16,
    /// The speaker: a label of diarize (`S1`), or `unknown` if the voice is not clear. Null if speakers were not sought.
    pub speaker: Option<String>,
    /// Probability that this is the right one of the channel's speakers, 0 to 1; null if there is none.
    #[serde(default)]
    pub speaker_confidence: Option<f32>,
    /// The word with its punctuation, without white space.
    pub text: String,
    /// Start in the recording, in seconds.
    pub start_s: f64,
    /// End in the recording, in seconds.
    pub end_s: f64,
    /// Geometric mean of the tokens' probabilities, 0 to 1.
    pub confidence: f32,
    /// Index of its segment in the transcript.
    pub segment: u32,
    /// How its times were found.
    #[serde(flatten)]
    pub timing: Timing,
}

impl Word {
    /// A word with the given text and times that does not come from a model.
    #[must_use]
    pub fn of_text(channel: u16, (start_s, end_s): (f64, f64), text: &str) -> Self {
        Self {
            channel,
            speaker: None,
            speaker_confidence: None,
            text: text.to_owned(),
            start_s,
            end_s,
            confidence: 1.0,
            segment: 0,
            timing: Timing::default(),
        }
    }
}

/// How the times of a word were found, and how reliable they are. Older records without it read as cross-attention with
/// energy.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Timing {
    /// The method.
    #[serde(default)]
    pub method: TimingMethod,
    /// Geometric mean of the probabilities of the word's characters over its frames, 0 to 1; null if the method has no
    /// score.
    #[serde(default)]
    pub score: Option<f32>,
    /// Expected error of start and end, in seconds: the mean of their absolute errors on recordings with known times.
    /// Null if the method does not estimate it, or if there is no sound at most of the word.
    #[serde(default)]
    pub expected_error_s: Option<f32>,
    /// Whether the times may be wrong by more than 0.2 s: the expected error is larger, or is not known although the
    /// method should estimate it.
    #[serde(default)]
    pub uncertain: bool,
    /// Why the alignment model did not time the word; null if it did, or if no alignment model was used.
    #[serde(default)]
    pub fallback: Option<String>,
}

/// The method that timed a word. `+energy`: moved to the onset or offset of the sound, if one is near and clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum TimingMethod {
    /// The recognizer's cross-attention.
    #[serde(rename = "cross-attention")]
    CrossAttention,
    /// The same with energy.
    #[default]
    #[serde(rename = "cross-attention+energy")]
    CrossAttentionEnergy,
    /// The frames at which the recognizer, a CTC model, emits its characters.
    #[serde(rename = "emissions")]
    Emissions,
    /// The same with energy.
    #[serde(rename = "emissions+energy")]
    EmissionsEnergy,
    /// Forced alignment of its sounds with those that transcription recognized.
    #[serde(rename = "phones")]
    Phones,
    /// The same with energy.
    #[serde(rename = "phones+energy")]
    PhonesEnergy,
    /// As `phones`, with a wildcard in place of each character of the word that has no phone.
    #[serde(rename = "phones-wildcard")]
    PhonesWildcard,
    /// The same with energy.
    #[serde(rename = "phones-wildcard+energy")]
    PhonesWildcardEnergy,
    /// Forced alignment of its characters by a CTC model.
    #[serde(rename = "ctc")]
    Ctc,
    /// The same with energy.
    #[serde(rename = "ctc+energy")]
    CtcEnergy,
    /// As `ctc`, with a wildcard in place of each character of the word that the model lacks.
    #[serde(rename = "ctc-wildcard")]
    CtcWildcard,
    /// The same with energy.
    #[serde(rename = "ctc-wildcard+energy")]
    CtcWildcardEnergy,
}

impl TimingMethod {
    /// Name used in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CrossAttention => "cross-attention",
            Self::CrossAttentionEnergy => "cross-attention+energy",
            Self::Emissions => "emissions",
            Self::EmissionsEnergy => "emissions+energy",
            Self::Phones => "phones",
            Self::PhonesEnergy => "phones+energy",
            Self::PhonesWildcard => "phones-wildcard",
            Self::PhonesWildcardEnergy => "phones-wildcard+energy",
            Self::Ctc => "ctc",
            Self::CtcEnergy => "ctc+energy",
            Self::CtcWildcard => "ctc-wildcard",
            Self::CtcWildcardEnergy => "ctc-wildcard+energy",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn word_without_a_method_reads_as_cross_attention_with_energy() {
        let old = r#"{"channel":0,"speaker":null,"text":"one","start_s":0.1,"end_s":0.4,"confidence":0.9,"segment":2}"#;
        let word: Word = serde_json::from_str(old).unwrap();
        assert_eq!(word.timing, Timing::default());
        assert_eq!(word.timing.method.name(), "cross-attention+energy");
    }

    #[test]
    fn method_is_written_by_its_name() {
        use TimingMethod::{CrossAttention, CrossAttentionEnergy, Ctc, CtcEnergy, CtcWildcard, CtcWildcardEnergy};
        use TimingMethod::{Emissions, EmissionsEnergy};
        use TimingMethod::{Phones, PhonesEnergy, PhonesWildcard, PhonesWildcardEnergy};
        let attention = [CrossAttention, CrossAttentionEnergy, Emissions, EmissionsEnergy];
        let phones = [Phones, PhonesEnergy, PhonesWildcard, PhonesWildcardEnergy];
        for method in attention.into_iter().chain(phones).chain([Ctc, CtcEnergy, CtcWildcard, CtcWildcardEnergy]) {
            assert_eq!(serde_json::to_value(method).unwrap(), method.name());
        }
    }
}
