//! The user's settings of the stage.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stage_core::VadIdentity;

use crate::error::SegmentError;

/// Longest window of any model, in seconds.
const LONGEST_WINDOW_S: f64 = 30.0;

/// Which voice activity detector to use. As text: `off`, `energy`, `silero` or `silero:FILE`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum VadChoice {
    /// No detector: the whole channel counts as speech.
    Off,
    /// Band energy above an adaptive noise floor.
    Energy,
    /// Silero VAD (16 kHz) with the weights inside the program.
    #[default]
    Silero,
    /// Silero VAD (16 kHz) with the weights in this safetensors file.
    SileroAt(PathBuf),
}

impl VadChoice {
    /// The detector's name in artifacts. A model is identified by its hash, not by its path.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Off => VadIdentity::OFF,
            Self::Energy => "energy",
            Self::Silero | Self::SileroAt(_) => SILERO,
        }
    }
}

/// The text does not name a detector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown voice activity detector `{0}`: silero, silero:FILE, energy or off is expected")]
pub struct ParseVadError(String);

impl FromStr for VadChoice {
    type Err = ParseVadError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match (text, text.split_once(':')) {
            ("silero", _) => Ok(Self::Silero),
            ("energy", _) => Ok(Self::Energy),
            (VadIdentity::OFF, _) => Ok(Self::Off),
            (_, Some(("silero", path))) if !path.is_empty() => Ok(Self::SileroAt(path.into())),
            _ => Err(ParseVadError(text.to_owned())),
        }
    }
}

impl fmt::Display for VadChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SileroAt(path) => write!(f, "{SILERO}:{}", path.display()),
            other => f.write_str(other.name()),
        }
    }
}

/// The name of Silero VAD in artifacts.
pub(crate) const SILERO: &str = "silero";

/// Conditions under which an interval of one channel is crosstalk from another.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
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

/// Settings of a [`crate::Segmenter`]. All of them enter the fingerprint.
///
/// ```
/// use segment::{SegmentConfig, Segmenter, VadChoice};
///
/// let careful = SegmentConfig { vad: VadChoice::Energy, pad_s: 0.3, ..SegmentConfig::default() };
/// assert!(Segmenter::new(careful.clone()).is_ok());
/// assert!(Segmenter::new(SegmentConfig { pad_s: -1.0, ..careful }).is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SegmentConfig {
    /// The voice activity detector: silero (Silero VAD), silero:FILE (other weights for 16 kHz, in safetensors), energy
    /// (a threshold above the noise), or off (all audio is treated as speech).
    #[serde(with = "stage_core::as_text")]
    #[schemars(with = "String")]
    pub vad: VadChoice,
    /// Longest window in seconds, 1 to 30. `None`: the longest that the speech model accepts; 30 without a model.
    #[schemars(example = 20.0)]
    pub window_max_s: Option<f64>,
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
    /// Spans further apart than this never share a window, in seconds. `None`: a sixth of the longest window, at most 2.
    #[schemars(example = 1.5)]
    pub max_gap_s: Option<f64>,
    /// Conditions for dropping crosstalk (speech of one channel that leaks into another). `None`, or `false` in a file:
    /// all speech is kept.
    #[serde(with = "table_or_false")]
    #[schemars(with = "CrosstalkConfig")]
    pub crosstalk: Option<CrosstalkConfig>,
}

impl Default for SegmentConfig {
    fn default() -> Self {
        Self {
            vad: VadChoice::default(),
            window_max_s: None,
            speech_on_probability: 0.5,
            speech_off_probability: 0.35,
            min_speech_s: 0.1,
            min_silence_s: 0.3,
            pad_s: 0.15,
            context_s: 0.5,
            max_gap_s: None,
            crosstalk: Some(CrosstalkConfig::default()),
        }
    }
}

impl SegmentConfig {
    /// The defaults for a detector and a model whose window is `window_max_s` long.
    #[must_use]
    pub fn new(vad: VadChoice, window_max_s: f64) -> Self {
        Self { vad, window_max_s: Some(window_max_s), ..Self::default() }
    }

    /// Longest window in seconds.
    pub(crate) fn window_max_s(&self) -> f64 {
        self.window_max_s.unwrap_or(LONGEST_WINDOW_S)
    }

    /// Longest pause inside a window, in seconds.
    pub(crate) fn max_gap_s(&self) -> f64 {
        self.max_gap_s.unwrap_or_else(|| (self.window_max_s() / 6.0).min(2.0))
    }

    pub(crate) fn validate(&self) -> Result<(), SegmentError> {
        let setting = |name, value: f64, low: f64, high: f64| {
            if (low..=high).contains(&value) { Ok(()) } else { Err(SegmentError::Setting { name, value, low, high }) }
        };
        setting("window_max_s", self.window_max_s(), 1.0, LONGEST_WINDOW_S)?;
        setting("speech_on_probability", self.speech_on_probability.into(), f64::MIN_POSITIVE, 1.0)?;
        let on = self.speech_on_probability.into();
        setting("speech_off_probability", self.speech_off_probability.into(), f64::MIN_POSITIVE, on)?;
        setting("min_speech_s", self.min_speech_s, 0.0, self.window_max_s() / 4.0)?;
        setting("min_silence_s", self.min_silence_s, 0.0, LONGEST_WINDOW_S)?;
        setting("pad_s", self.pad_s, 0.0, LONGEST_WINDOW_S)?;
        setting("context_s", self.context_s, 0.0, LONGEST_WINDOW_S)?;
        setting("max_gap_s", self.max_gap_s(), 0.0, LONGEST_WINDOW_S)?;
        let Some(crosstalk) = self.crosstalk else { return Ok(()) };
        setting("crosstalk correlation", crosstalk.correlation.into(), f64::MIN_POSITIVE, 1.0)?;
        setting("crosstalk attenuation_db", crosstalk.attenuation_db.into(), 0.0, 100.0)
    }

    /// All settings, for the fingerprint. A detector with weights is identified by their hash, not by their path.
    pub(crate) fn settings(&self) -> Value {
        let resolved =
            Self { window_max_s: Some(self.window_max_s()), max_gap_s: Some(self.max_gap_s()), ..self.clone() };
        let mut settings = json!(resolved);
        settings["vad"] = self.vad.name().into();
        settings
    }
}

/// An optional table; `None` is written as `false`, because TOML has no null.
mod table_or_false {
    use std::fmt;

    use serde::de::value::MapAccessDeserializer;
    use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
    use serde::{Serialize, Serializer};

    use super::CrosstalkConfig;

    pub(super) fn serialize<S: Serializer>(value: &Option<CrosstalkConfig>, to: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(table) => table.serialize(to),
            None => to.serialize_bool(false),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<CrosstalkConfig>, D::Error> {
        from.deserialize_any(TableOrFalse)
    }

    struct TableOrFalse;

    impl<'de> Visitor<'de> for TableOrFalse {
        type Value = Option<CrosstalkConfig>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a table of settings, or false")
        }

        fn visit_bool<E: Error>(self, on: bool) -> Result<Self::Value, E> {
            if on { Err(E::custom("a table of settings, or false, is expected")) } else { Ok(None) }
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            CrosstalkConfig::deserialize(MapAccessDeserializer::new(map)).map(Some)
        }
    }
}
