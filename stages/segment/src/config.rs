//! The user's settings of the stage.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error::SegmentError;

/// Longest window of any model, in seconds.
const LONGEST_WINDOW_S: f64 = 30.0;

/// Which voice activity detector to use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VadChoice {
    /// No detector: the whole channel counts as speech.
    Off,
    /// Band energy above an adaptive noise floor.
    Energy,
    /// Silero VAD (16 kHz) with the weights inside the program.
    Silero,
    /// Silero VAD (16 kHz) with the weights in this safetensors file.
    SileroAt(PathBuf),
}

impl VadChoice {
    /// The detector's name in artifacts. A model is identified by its hash, not by its path.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Energy => "energy",
            Self::Silero | Self::SileroAt(_) => SILERO,
        }
    }
}

/// The name of Silero VAD in artifacts.
pub(crate) const SILERO: &str = "silero";

/// Conditions under which an interval of one channel is crosstalk from another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CrosstalkConfig {
    /// Minimum normalized cross-correlation at the delay of the path, 0 to 1.
    pub correlation: f32,
    /// Minimum attenuation relative to the source, in dB.
    pub attenuation_db: f32,
}

impl Default for CrosstalkConfig {
    /// Over a quarter of a second, two voices correlate below 0.4, and an echo in the telephone band above 0.6.
    fn default() -> Self {
        Self { correlation: 0.5, attenuation_db: 3.0 }
    }
}

/// Settings of a [`crate::Segmenter`]. [`SegmentConfig::new`] returns the defaults.
#[derive(Debug, Clone, PartialEq)]
pub struct SegmentConfig {
    /// The detector.
    pub vad: VadChoice,
    /// Longest window in seconds, 1 to 30: the longest that the model accepts.
    pub window_max_s: f64,
    /// Speech begins at a frame with at least this probability. Above `speech_off_probability`, at most 1.
    pub speech_on_probability: f32,
    /// Speech ends at a frame below this probability. Above 0.
    pub speech_off_probability: f32,
    /// Speech shorter than this is dropped, in seconds.
    pub min_speech_s: f64,
    /// A silence shorter than this does not end a span, in seconds.
    pub min_silence_s: f64,
    /// Padding before and after each span, in seconds; at most half of the pause between two spans.
    pub pad_s: f64,
    /// Audio that a window includes before its first and after its last span, in seconds. It ends at the middle of the
    /// pause to the next window, and never includes dropped crosstalk.
    pub context_s: f64,
    /// Spans further apart than this never share a window, in seconds.
    pub max_gap_s: f64,
    /// Conditions for dropping crosstalk from another channel; `None` keeps all speech.
    pub crosstalk: Option<CrosstalkConfig>,
}

impl SegmentConfig {
    /// The defaults for a detector and a model whose window is `window_max_s` long. The longest pause inside a window
    /// grows with the window: it is a sixth of it, at most 2 s.
    #[must_use]
    pub fn new(vad: VadChoice, window_max_s: f64) -> Self {
        Self {
            vad,
            window_max_s,
            speech_on_probability: 0.5,
            speech_off_probability: 0.35,
            min_speech_s: 0.1,
            min_silence_s: 0.3,
            pad_s: 0.15,
            context_s: 0.5,
            max_gap_s: (window_max_s / 6.0).min(2.0),
            crosstalk: Some(CrosstalkConfig::default()),
        }
    }

    pub(crate) fn validate(&self) -> Result<(), SegmentError> {
        let setting = |name, value: f64, low: f64, high: f64| {
            if (low..=high).contains(&value) { Ok(()) } else { Err(SegmentError::Setting { name, value, low, high }) }
        };
        setting("window_max_s", self.window_max_s, 1.0, LONGEST_WINDOW_S)?;
        setting("speech_on_probability", self.speech_on_probability.into(), f64::MIN_POSITIVE, 1.0)?;
        let on = self.speech_on_probability.into();
        setting("speech_off_probability", self.speech_off_probability.into(), f64::MIN_POSITIVE, on)?;
        setting("min_speech_s", self.min_speech_s, 0.0, self.window_max_s / 4.0)?;
        setting("min_silence_s", self.min_silence_s, 0.0, LONGEST_WINDOW_S)?;
        setting("pad_s", self.pad_s, 0.0, LONGEST_WINDOW_S)?;
        setting("context_s", self.context_s, 0.0, LONGEST_WINDOW_S)?;
        setting("max_gap_s", self.max_gap_s, 0.0, LONGEST_WINDOW_S)?;
        let Some(crosstalk) = self.crosstalk else { return Ok(()) };
        setting("crosstalk correlation", crosstalk.correlation.into(), f64::MIN_POSITIVE, 1.0)?;
        setting("crosstalk attenuation_db", crosstalk.attenuation_db.into(), 0.0, 100.0)
    }

    /// The settings that enter the fingerprint.
    pub(crate) fn settings(&self) -> Value {
        json!({
            "vad": self.vad.name(),
            "window_max_s": self.window_max_s,
            "speech_on_probability": self.speech_on_probability,
            "speech_off_probability": self.speech_off_probability,
            "min_speech_s": self.min_speech_s,
            "min_silence_s": self.min_silence_s,
            "pad_s": self.pad_s,
            "context_s": self.context_s,
            "max_gap_s": self.max_gap_s,
            "crosstalk": self.crosstalk.map(|CrosstalkConfig { correlation, attenuation_db }| json!({
                "correlation": correlation, "attenuation_db": attenuation_db,
            })),
        })
    }
}
