//! Forensics' second artifact: what a page draws of the sound.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Waveform, spectrogram and contours of a recording at a low resolution, for drawings. Measurements use the samples.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Overview {
    /// Peaks per second, and points of the contours.
    pub peak_rate_hz: u32,
    /// Frames of the spectrogram per second.
    pub spectrogram_rate_hz: u32,
    /// Bands of the spectrogram.
    pub bands: u32,
    /// The edges of the bands of the spectrogram, in Hz: one more than there are bands.
    pub band_edges_hz: Vec<f32>,
    /// Levels at and below this one are 0 in the spectrogram, in dBFS.
    pub floor_db: f32,
    /// Levels at and above this one are 255.
    pub ceiling_db: f32,
    /// F0 of the lowest point of the F0 contour, in Hz.
    #[serde(default)]
    pub f0_floor_hz: f32,
    /// F0 of its highest point, in Hz.
    #[serde(default)]
    pub f0_ceiling_hz: f32,
    /// The channels of the recording.
    pub channels: Vec<ChannelOverview>,
}

/// The sound of one channel.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct ChannelOverview {
    /// Base64 of bytes: the largest magnitude of each interval, 255 at full scale.
    pub peaks: String,
    /// Base64 of bytes: the levels of all bands of the first frame, then of the second, and so on.
    pub spectrogram: String,
    /// Base64 of bytes: the median F0 of each interval, 1 at the floor and 255 at the ceiling on a logarithmic scale; 0
    /// without a voice. Empty in artifacts of earlier versions.
    #[serde(default)]
    pub f0: String,
    /// Base64 of bytes: the RMS level of each interval, between the floor and the ceiling of the spectrogram's levels.
    #[serde(default)]
    pub level: String,
}

impl ChannelOverview {
    /// Encodes peaks and levels.
    #[must_use]
    pub fn encode(peaks: &[u8], spectrogram: &[u8]) -> Self {
        Self { peaks: STANDARD.encode(peaks), spectrogram: STANDARD.encode(spectrogram), ..Self::default() }
    }

    /// The same with contours.
    #[must_use]
    pub fn with_contours(self, f0: &[u8], level: &[u8]) -> Self {
        Self { f0: STANDARD.encode(f0), level: STANDARD.encode(level), ..self }
    }
}
