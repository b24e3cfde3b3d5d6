//! Decode's artifact: facts about the recording. The samples themselves are a [`crate::Pcm`].

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the container and the decoder state about a recording, and the hash of the decoder's output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Recording {
    /// Container format (`wav`, `isomp4`, `ogg`).
    pub container: String,
    /// Codec (`pcm_s16le`, `aac`, `opus`).
    pub codec: String,
    /// Whether the codec is lossless. False in records from versions that did not store it.
    #[serde(default)]
    pub lossless: bool,
    /// Sample rate of the decoder's output before resampling, in Hz.
    pub sample_rate_hz: u32,
    /// Number of channels of the decoder's output.
    pub channels: u16,
    /// Length after trimming encoder delay, padding and edits, in seconds.
    pub duration_s: f64,
    /// SHA-256 of the decoder's output before resampling: interleaved little-endian f32, trimmed.
    pub pcm_sha256: String,
    /// How the decoder's output was converted to the samples that the other stages read.
    pub pcm: PcmSource,
    /// Tags of the container (encoder, creation time), verbatim.
    pub tags: BTreeMap<String, String>,
    /// Problems that did not stop the decoder ("3 of 90 packets could not be decoded and are silence").
    pub warnings: Vec<String>,
}

/// How the decoder's output was converted to 16 kHz PCM.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PcmSource {
    /// Samples per channel in the decoder's output after trimming.
    pub source_frames: u64,
    /// Samples per channel at 16 kHz.
    pub frames: u64,
    /// Samples per channel removed at the start: encoder delay, or the media time of an edit list.
    pub trimmed_start_frames: u64,
    /// Samples per channel removed at the end: padding.
    pub trimmed_end_frames: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recording_of_an_earlier_version_is_still_read() {
        let old = r#"{"container":"wav","codec":"pcm_s16le","sample_rate_hz":8000,"channels":1,"duration_s":1.0,
            "pcm_sha256":"","pcm":{"source_frames":8000,"frames":16000,"trimmed_start_frames":0,"trimmed_end_frames":0},
            "tags":{},"warnings":[]}"#;
        let recording: Recording = serde_json::from_str(old).unwrap();
        assert!(!recording.lossless, "not known, and so not claimed");
    }
}
