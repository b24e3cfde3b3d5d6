//! The user's settings of the stage.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stage_core::as_text;

use crate::error::DecodeError;

/// Where decoded samples are kept, and the settings of the user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecodeConfig {
    /// Memory for the samples of one recording, in bytes. Longer recordings use a file in `spill_dir`.
    pub memory_budget_bytes: u64,
    /// Folder for the (unlinked) spill files.
    pub spill_dir: PathBuf,
    /// Who decodes, and which recordings are refused.
    pub settings: DecodeSettings,
}

impl Default for DecodeConfig {
    fn default() -> Self {
        Self { memory_budget_bytes: 256 << 20, spill_dir: std::env::temp_dir(), settings: DecodeSettings::default() }
    }
}

/// Limits for files that are hostile or damaged. A recording beyond one of them fails with `limit-exceeded`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DecodeLimits {
    /// Most channels of a recording, over all its tracks.
    pub max_channels: u16,
    /// Longest recording: hours times channels.
    pub max_channel_hours: u32,
    /// Longest silence, in all, that is inserted where time stamps jump, in seconds; ten times the length of the sound
    /// that was decoded is added to it. Beyond that, jumps are ignored, with a warning.
    pub max_gap_s: u32,
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self { max_channels: 32, max_channel_hours: 96, max_gap_s: 3_600 }
    }
}

impl DecodeLimits {
    pub(crate) fn check_channels(&self, channels: usize) -> Result<(), DecodeError> {
        if channels <= usize::from(self.max_channels) {
            return Ok(());
        }
        let limit = format!("it has {channels} channels, and max_channels is {}", self.max_channels);
        Err(DecodeError::LimitExceeded(limit))
    }

    pub(crate) fn check_length(&self, frames: u64, rate_hz: u32, channels: usize) -> Result<(), DecodeError> {
        let max = u64::from(self.max_channel_hours) * 3_600 * u64::from(rate_hz) / channels.max(1) as u64;
        if frames <= max {
            return Ok(());
        }
        let limit =
            format!("it is longer than {} hours (of one channel), which is max_channel_hours", self.max_channel_hours);
        Err(DecodeError::LimitExceeded(limit))
    }

    /// Most frames of silence that may be inserted after `decoded` frames of sound.
    pub(crate) fn max_gap_frames(&self, rate_hz: u32, decoded: u64) -> u64 {
        u64::from(self.max_gap_s) * u64::from(rate_hz) + 10 * decoded
    }
}

/// Who decodes, the built-in decoder or ffmpeg, and which recordings are refused.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DecodeSettings {
    /// auto (ffmpeg where there is no built-in decoder, if it is installed), native (never ffmpeg), or ffmpeg (always).
    #[serde(with = "as_text")]
    #[schemars(with = "String")]
    pub decoder: DecoderChoice,
    /// The ffmpeg to use. `None`: that of the environment variable EARWITNESS_FFMPEG, or else the first one on PATH.
    #[schemars(example = "/usr/bin/ffmpeg")]
    pub ffmpeg: Option<PathBuf>,
    /// Limits for files that are hostile or damaged.
    pub limits: DecodeLimits,
}

/// A choice of the decoder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DecoderChoice {
    /// ffmpeg where there is no built-in decoder, if it is installed.
    #[default]
    Auto,
    /// The built-in decoder only.
    Native,
    /// ffmpeg for all files.
    Ffmpeg,
}

impl DecoderChoice {
    const ALL: [(Self, &str); 3] = [(Self::Auto, "auto"), (Self::Native, "native"), (Self::Ffmpeg, "ffmpeg")];
}

impl fmt::Display for DecoderChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Self::ALL.iter().filter(|(choice, _)| choice == self).try_for_each(|(_, name)| f.write_str(name))
    }
}

/// The text is not a choice of the decoder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}: auto, native or ffmpeg is expected")]
pub struct ParseDecoderChoiceError(String);

impl FromStr for DecoderChoice {
    type Err = ParseDecoderChoiceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.iter().find(|(_, name)| *name == text);
        known.map(|(choice, _)| *choice).ok_or_else(|| ParseDecoderChoiceError(text.to_owned()))
    }
}
