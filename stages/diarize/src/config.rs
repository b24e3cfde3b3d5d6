//! The user's settings of the stage.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stage_core::as_text;

/// The most speakers of a channel.
pub const MOST_SPEAKERS: u8 = 20;

/// How many people speak in a channel. As text: `auto`, `off`, or a number from 1 to 20.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SpeakerCount {
    /// As many as there are different voices.
    #[default]
    Auto,
    /// Speakers are not sought.
    Off,
    /// This number, or fewer if there is too little speech.
    Exactly(u8),
}

/// The text is not a number of speakers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a number of speakers: auto, off, or 1 to {MOST_SPEAKERS} is expected")]
pub struct ParseSpeakerCountError(String);

impl FromStr for SpeakerCount {
    type Err = ParseSpeakerCountError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match (text, text.parse()) {
            ("auto", _) => Ok(Self::Auto),
            ("off", _) => Ok(Self::Off),
            (_, Ok(count)) if (1..=MOST_SPEAKERS).contains(&count) => Ok(Self::Exactly(count)),
            _ => Err(ParseSpeakerCountError(text.to_owned())),
        }
    }
}

impl fmt::Display for SpeakerCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Off => f.write_str("off"),
            Self::Exactly(count) => count.fmt(f),
        }
    }
}

/// Settings of a [`crate::Diarizer`]. All of them enter the fingerprint.
///
/// ```
/// use diarize::{DiarizeConfig, SpeakerCount};
///
/// assert_eq!("2".parse(), Ok(SpeakerCount::Exactly(2)));
/// assert!("0".parse::<SpeakerCount>().is_err() && "21".parse::<SpeakerCount>().is_err());
/// assert_eq!(DiarizeConfig::default().speakers.to_string(), "auto");
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DiarizeConfig {
    /// Number of people who speak in each channel: auto, a number from 1 to 20, or off.
    #[serde(with = "as_text")]
    #[schemars(with = "String")]
    pub speakers: SpeakerCount,
}
