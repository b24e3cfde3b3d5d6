//! The settings of recognition.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{DeviceChoice, ModelError, Precision, SpeechModel};

/// The task: text in the spoken language or in English.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Text in the language that is spoken.
    #[default]
    Transcribe,
    /// English text of speech in any language; needs a multilingual model.
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

/// No task has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no task `{0}`; there are transcribe and translate")]
pub struct UnknownTask(String);

/// The settings of recognition. Names and defaults are those of openai-whisper and faster-whisper, unless a field says
/// otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TranscribeConfig {
    /// Where the model computes. Not part of a fingerprint.
    pub device: DeviceChoice,
    /// The numeric type that the model computes in.
    pub precision: Precision,
    /// Whether the speech of every window is brought to the same level before it is transcribed. Earwitness's own.
    pub normalize_level: bool,
    /// Text in the spoken language or in English.
    pub task: Task,
    /// Codes of the languages that may be spoken (`en`, `ko`). One: every window is in that language. Several, or none
    /// for all that the model knows: detected among them for every window.
    pub languages: Vec<String>,
    /// A window whose language is less probable (0 to 1) is decoded again in the language that most of the
    /// recording's seconds are in, where that is another one. 0: never.
    pub language_threshold: f32,
    /// Most tokens of one window, timestamps included; none: half of the decoder's positions, as Whisper has it.
    pub max_tokens: Option<usize>,
    /// Temperatures (at least 0) of the attempts at a window, in order: the next one is tried where the text fails a
    /// fallback criterion. Where all fail, the most likely of all attempts is kept and marked as low confidence. At 0
    /// the most likely text is searched for, above it is sampled.
    pub temperatures: Vec<f32>,
    /// Texts that are sampled at once at temperatures above 0; the likeliest is taken.
    pub best_of: usize,
    /// Hypotheses that are followed at once at temperature 0; 1 is greedy.
    pub beam_size: usize,
    /// The beam search ends when `beam_size` times this many hypotheses have ended and no other can be better.
    pub patience: f32,
    /// Hypotheses are ranked by the sum of their log-probabilities over their length to this power.
    pub length_penalty: f32,
    /// An attempt whose text is this many times as long as its zlib form is rejected.
    pub compression_ratio_threshold: f32,
    /// An attempt whose mean log-probability (natural) is lower is rejected, unless the window is silent; a text that
    /// reaches it is kept at any no-speech probability.
    pub logprob_threshold: f32,
    /// A text whose mean log-probability (natural), plus that of its language where it was detected, is lower is kept
    /// and marked as low confidence: on Korean calls a third of its characters or more are wrong with Whisper base.
    /// Earwitness's own.
    pub low_confidence_threshold: f32,
    /// A text is marked as low confidence where the window's loud parts stand less than this above its quiet ones, in
    /// dB (95th and 10th percentile of the levels of 20 ms): the speech is hardly louder than the noise. 0: never.
    /// Earwitness's own.
    pub contrast_threshold_db: f32,
    /// A window whose no-speech probability (0 to 1) is higher is dropped, unless its text is likely.
    pub no_speech_threshold: f32,
    /// An attempt that ends in this many repetitions of the same one to eight tokens (of a single token: in twice as
    /// many) is stopped and rejected. 0: never. Earwitness's own.
    pub repetition_limit: usize,
    /// A window whose loudest 20 ms are below this level (dB of full scale) holds no speech: a text from it is
    /// rejected. Earwitness's own.
    pub silence_dbfs: f32,
    /// Whether an attempt is rejected whose text holds letters of a script that its language is not written in. Latin
    /// letters count as every language's own. Earwitness's own.
    pub reject_foreign_script: bool,
    /// Whether timestamp tokens are decoded; a window's text is split at them.
    pub timestamps: bool,
    /// Latest first timestamp, in seconds from the window's start.
    pub max_initial_timestamp_s: f32,
    /// Whether the times of tokens are measured (by cross-attention). Words cannot be aligned without.
    pub token_times: bool,
    /// Tokens that are never chosen, beside those that the model's own configuration names.
    pub suppress_tokens: Vec<u32>,
    /// Whether a text may not begin with a token that the model's configuration calls blank.
    pub suppress_blank: bool,
    /// Text that each window is taken to follow; with `condition_on_previous_text`, the first of each channel.
    pub initial_prompt: Option<String>,
    /// Words that are likely in every window, as text before it.
    pub hotwords: Option<String>,
    /// Whether a window is decoded after the text of those before it in its channel. Windows of a channel then wait
    /// for each other. Off by default, other than in openai-whisper.
    pub condition_on_previous_text: bool,
    /// A text of a higher temperature ends the text that the next windows are decoded after.
    pub prompt_reset_on_temperature: f32,
}

impl Default for TranscribeConfig {
    /// Language detection on the CPU, beam search with fallback, with Whisper's thresholds.
    fn default() -> Self {
        Self {
            device: DeviceChoice::Cpu,
            precision: Precision::F32,
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
    /// Whisper's rule for a window without speech: the model detects none, and its text is unlikely.
    pub(crate) fn is_silent(&self, avg_logprob: f32, no_speech_prob: f32) -> bool {
        no_speech_prob > self.no_speech_threshold && avg_logprob < self.logprob_threshold
    }

    /// Checks that no setting differs from its default that the model does not read; device and precision are checked
    /// by whoever opens them.
    pub(crate) fn check_reads(&self, model: &dyn SpeechModel) -> Result<(), ModelError> {
        let (own, default) = (json!(self), json!(Self::default()));
        let differs =
            |name: &&String| own[*name] != default[*name] && !["device", "precision"].contains(&name.as_str());
        let unread = own.as_object().into_iter().flatten().map(|(name, _)| name).filter(differs);
        match unread.into_iter().find(|name| !model.reads(name)) {
            None => Ok(()),
            Some(name) => Err(ModelError::Setting {
                setting: name.clone().into(),
                value: own[name].to_string(),
                expected: "the model does not read this setting: leave it out",
            }),
        }
    }

    /// These settings alone, for a fingerprint.
    pub(crate) fn only(&self, names: &[&str]) -> Value {
        let mut settings = json!(self);
        if let Some(settings) = settings.as_object_mut() {
            settings.retain(|name, _| names.contains(&name.as_str()));
        }
        settings
    }

    /// Checks every number.
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
        for (setting, value) in [
            ("length_penalty", self.length_penalty),
            ("language_threshold", self.language_threshold),
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
            ("no_speech_threshold", self.no_speech_threshold),
            ("silence_dbfs", self.silence_dbfs),
            ("prompt_reset_on_temperature", self.prompt_reset_on_temperature),
        ] {
            if !value.is_finite() {
                return refuse(setting, value.to_string(), "a finite number is expected");
            }
        }
        Ok(())
    }
}

/// Most hypotheses of a window at once.
const MOST_LANES: usize = 64;
