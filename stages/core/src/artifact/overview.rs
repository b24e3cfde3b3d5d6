//! Forensics' second artifact: what a page draws of the sound.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Waveform and spectrogram of a recording at a low resolution, for drawings. Measurements use the samples.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Overview {
    /// Peaks per second.
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
}

impl ChannelOverview {
    /// Encodes peaks and levels.
    #[must_use]
    pub fn encode(peaks: &[u8], spectrogram: &[u8]) -> Self {
        Self { peaks: STANDARD.encode(peaks), spectrogram: STANDARD.encode(spectrogram) }
    }
}
