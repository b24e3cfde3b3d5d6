//! The settings of recognition.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{ModelError, SpeechModel};

/// The task: transcribe in the spoken language or translate to English.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Transcribe in the spoken language.
    #[default]
    Transcribe,
    /// Translate speech of any language to English. Requires a multilingual model.
    Translate,
}

impl std::str::FromStr for Task {
    type Err = UnknownTask;

    fn from_str(name: &str) -> Result<Self, UnknownTask> {
        match name {
            "transcribe" => Ok(Self::Transcribe),
            "translate" => Ok(Self::Translate),
            other => Err(UnknownTask(other.to_owned())),
        }
    }
}

/// The error of an unknown task name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown task `{0}`; expected transcribe or translate")]
pub struct UnknownTask(String);

/// The settings of recognition. Unless a field says otherwise, names and defaults are those of openai-whisper and
/// faster-whisper. All of them enter the fingerprint; see [`Compute`](crate::Compute) for what does not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TranscribeConfig {
    /// Whether the speech of every window is normalized to the same level before transcription. Specific to Earwitness.
    pub normalize_level: bool,
    /// Transcribe in the spoken language or translate to English.
    pub task: Task,
    /// Codes of the languages that may be spoken (`en`, `ko`). With one code, every window is decoded in that language.
    /// With several, or with none (which allows all languages of the model), the language is detected per window.
    pub languages: Vec<String>,
    /// If the language probability of a window is below this value (0 to 1), and another language covers most seconds
    /// of the recording, the window is decoded again in that language. 0 disables this.
    pub language_threshold: f32,
    /// Maximum number of tokens per window, timestamps included. `None`: half of the decoder's positions, as in
    /// Whisper.
    #[schemars(example = 200)]
    pub max_tokens: Option<usize>,
    /// Temperatures (at least 0) of the attempts at a window, in order. If a text fails a fallback criterion, the next
    /// temperature is tried. If all attempts fail, the most likely one is kept and marked as low confidence.
    /// Temperature 0 searches for the most likely text; higher temperatures sample.
    pub temperatures: Vec<f32>,
    /// Number of texts sampled in parallel at temperatures above 0. The most likely one is used.
    pub best_of: usize,
    /// Number of beams at temperature 0; 1 is greedy decoding.
    pub beam_size: usize,
    /// Beam search ends when `beam_size * patience` hypotheses have finished and no running one can score higher.
    pub patience: f32,
    /// Hypotheses are ranked by the sum of their log-probabilities divided by their length to this power.
    pub length_penalty: f32,
    /// An attempt is rejected if the compression ratio of its text (length over zlib-compressed length) is higher.
    pub compression_ratio_threshold: f32,
    /// An attempt is rejected if its mean log-probability (natural) is lower, unless the window is silent. A text that
    /// reaches the threshold is kept at any no-speech probability.
    pub logprob_threshold: f32,
    /// A text is kept but marked as low confidence if its mean log-probability (natural), plus that of its language if
    /// it was detected, is lower. With Whisper base, a third or more of the characters of such texts are wrong on
    /// Korean calls. Specific to Earwitness.
    pub low_confidence_threshold: f32,
    /// A text is marked as low confidence if the contrast of its window is lower, in dB: the speech is hardly louder
    /// than the noise. Contrast is the difference between the 95th and the 10th percentile of the levels of 20 ms
    /// frames. 0 disables this. Specific to Earwitness.
    pub contrast_threshold_db: f32,
    /// A window is dropped if its no-speech probability (0 to 1) is higher, unless its text is likely.
    pub no_speech_threshold: f32,
    /// An attempt is stopped and rejected if it ends in this many repetitions of the same one to eight tokens (twice as
    /// many for a single token). 0 disables this. Specific to Earwitness.
    pub repetition_limit: usize,
    /// A window contains no speech if its loudest 20 ms are below this level, in dB of full scale. A text decoded from
    /// it is rejected. Specific to Earwitness.
    pub silence_dbfs: f32,
    /// Whether an attempt is rejected if its text contains letters of a script that its language does not use. Latin
    /// letters are allowed in every language. Specific to Earwitness.
    pub reject_foreign_script: bool,
    /// Whether timestamp tokens are decoded. The text of a window is split at them.
    pub timestamps: bool,
    /// Largest initial timestamp, in seconds from the window's start.
    pub max_initial_timestamp_s: f32,
    /// Whether token times are measured from cross-attention. Word alignment requires them.
    pub token_times: bool,
    /// Tokens that are never generated, in addition to those of the model's own configuration.
    pub suppress_tokens: Vec<u32>,
    /// Whether a text must not begin with the tokens that the model's configuration lists as blank.
    pub suppress_blank: bool,
    /// Text that precedes each window as its prompt. With `condition_on_previous_text`, only the first window of each
    /// channel.
    #[schemars(example = "A call between Kim Minsu and his bank.")]
    pub initial_prompt: Option<String>,
    /// Words that are likely in every window. They are added to its prompt.
    #[schemars(example = "Kim Minsu, Hanbit Bank")]
    pub hotwords: Option<String>,
    /// Whether a window is decoded with the text of earlier windows of its channel as its prompt. The windows of a
    /// channel are then decoded one after the other. Off by default, unlike in openai-whisper.
    pub condition_on_previous_text: bool,
    /// If a text was decoded at a higher temperature, it and the text before it are not used as the prompt of later
    /// windows.
    pub prompt_reset_on_temperature: f32,
}

impl Default for TranscribeConfig {
    /// Language detection, and beam search with fallback, with Whisper's thresholds.
    fn default() -> Self {
        Self {
            normalize_level: true,
            task: Task::Transcribe,
            languages: Vec::new(),
            language_threshold: 0.5,
            max_tokens: None,
            temperatures: vec![0.0, 0.2, 0.4, 0.6, 0.8, 1.0],
            best_of: 5,
            beam_size: 5,
            patience: 1.0,
            length_penalty: 1.0,
            compression_ratio_threshold: 2.4,
            logprob_threshold: -1.0,
            low_confidence_threshold: -0.7,
            contrast_threshold_db: 12.0,
            no_speech_threshold: 0.6,
            repetition_limit: 6,
            silence_dbfs: -70.0,
            reject_foreign_script: true,
            timestamps: false,
            max_initial_timestamp_s: 1.0,
            token_times: true,
            suppress_tokens: Vec::new(),
            suppress_blank: true,
            initial_prompt: None,
            hotwords: None,
            condition_on_previous_text: false,
            prompt_reset_on_temperature: 0.5,
        }
    }
}

impl TranscribeConfig {
    /// Whisper's rule for silence: a high no-speech probability and an unlikely text.
    pub(crate) fn is_silent(&self, avg_logprob: f32, no_speech_prob: f32) -> bool {
        no_speech_prob > self.no_speech_threshold && avg_logprob < self.logprob_threshold
    }

    /// Checks that every setting that the model does not read has its default value.
    pub(crate) fn check_reads(&self, model: &dyn SpeechModel) -> Result<(), ModelError> {
        let (own, default) = (json!(self), json!(Self::default()));
        let differs = |name: &&String| own[*name] != default[*name];
        let unread = own.as_object().into_iter().flatten().map(|(name, _)| name).filter(differs);
        match unread.into_iter().find(|name| !model.reads(name)) {
            None => Ok(()),
            Some(name) => Err(ModelError::NotRead {
                setting: name.clone(),
                value: own[name].to_string(),
                model: model.name().to_owned(),
                family: model.family(),
            }),
        }
    }

    /// Checks every numeric setting.
    pub(crate) fn check(&self) -> Result<(), ModelError> {
        let refuse = |setting: &'static str, value: String, expected| {
            Err(ModelError::Setting { setting: setting.into(), value, expected })
        };
        let whole = |value: f32| value.is_finite() && value >= 0.0;
        if self.temperatures.is_empty() || !self.temperatures.iter().copied().all(whole) {
            let value = format!("{:?}", self.temperatures);
            return refuse("temperatures", value, "at least one number, none below 0, is expected");
        }
        for (setting, value) in [("beam_size", self.beam_size), ("best_of", self.best_of)] {
            if !(1..=MOST_LANES).contains(&value) {
                return refuse(setting, value.to_string(), "1 to 64 is expected");
            }
        }
        if !(self.patience.is_finite() && self.patience > 0.0) {
            return refuse("patience", self.patience.to_string(), "a number above 0 is expected");
        }
        for (setting, value) in
            [("language_threshold", self.language_threshold), ("no_speech_threshold", self.no_speech_threshold)]
        {
            if !(0.0..=1.0).contains(&value) {
                return refuse(setting, value.to_string(), "a number from 0 to 1 is expected");
            }
        }
        if self.max_tokens == Some(0) {
            return refuse("max_tokens", "0".to_owned(), "a number of at least 1 is expected");
        }
        for (setting, value) in [
            ("length_penalty", self.length_penalty),
            ("prompt_reset_on_temperature", self.prompt_reset_on_temperature),
            ("max_initial_timestamp_s", self.max_initial_timestamp_s),
            ("compression_ratio_threshold", self.compression_ratio_threshold),
        ] {
            if !whole(value) {
                return refuse(setting, value.to_string(), "a number of at least 0 is expected");
            }
        }
        for (setting, value) in [
            ("logprob_threshold", self.logprob_threshold),
            ("low_confidence_threshold", self.low_confidence_threshold),
            ("contrast_threshold_db", self.contrast_threshold_db),
            ("silence_dbfs", self.silence_dbfs),
        ] {
            if !value.is_finite() {
                return refuse(setting, value.to_string(), "a finite number is expected");
            }
        }
        Ok(())
    }
}

/// Maximum number of hypotheses per window.
const MOST_LANES: usize = 64;
