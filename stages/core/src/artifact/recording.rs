//! Decode's artifact: facts about the recording. The samples themselves are a [`crate::Pcm`].

use std::collections::BTreeMap;
use std::fmt;

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
    /// SHA-256 of the decoder's output before resampling: interleaved little-endian f32, trimmed. If the recording is not
    /// [one stream](Self::is_one_stream), SHA-256 of the hashes of its streams, 32 bytes each.
    pub pcm_sha256: String,
    /// How the decoder's output was converted to the samples that the other stages read.
    pub pcm: PcmSource,
    /// Tags of the container (encoder, creation time), verbatim.
    pub tags: BTreeMap<String, String>,
    /// The program that decoded the file, if it was another one.
    #[serde(default)]
    pub external_decoder: Option<ExternalDecoder>,
    /// What became of the bytes and tracks of the file. `None` in records from versions that did not count them.
    #[serde(default)]
    pub account: Option<FileAccount>,
    /// Problems that did not stop the decoder.
    pub warnings: Vec<DecodeWarning>,
}

impl Recording {
    /// Whether sound that the file holds, or that its header promises, is not in the recording.
    #[must_use]
    pub fn loses_sound(&self) -> bool {
        self.warnings.iter().any(|warning| warning.kind.loses_sound())
    }

    /// Whether `pcm_sha256` is the hash of all samples at the recording's own rate. The built-in decoder hashes several
    /// tracks, or recordings that were joined in a file, one by one. False in records from versions that did not count them.
    #[must_use]
    pub fn is_one_stream(&self) -> bool {
        let has_one = |account: &FileAccount| {
            account.parts == 1 && account.tracks.iter().filter(|track| !track.channels.is_empty()).count() == 1
        };
        self.external_decoder.is_some() || self.account.as_ref().is_some_and(has_one)
    }
}

/// A problem that did not stop the decoder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "StoredWarning")]
#[schemars(!from)]
pub struct DecodeWarning {
    /// What the problem means for the recording.
    pub kind: WarningKind,
    /// What happened and where ("3 of 90 packets could not be decoded and are silence").
    pub message: String,
}

impl DecodeWarning {
    /// Creates a warning.
    pub fn new(kind: WarningKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

impl fmt::Display for DecodeWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.message.fmt(f)
    }
}

/// What a [`DecodeWarning`] means for the recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WarningKind {
    /// A part of the file that holds sound, or may hold sound, is not in the recording.
    LeftOut,
    /// A part of the file could not be decoded and is silence.
    Damaged,
    /// The file ends before the length that its header states.
    Incomplete,
    /// The file stores no sound for an interval, which is silence. Calls with discontinuous transmission have such gaps.
    Gap,
    /// The header is wrong. The recording was made from what the file holds.
    Header,
    /// A warning of an earlier version, which did not distinguish kinds.
    Unclassified,
}

impl fmt::Display for WarningKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl WarningKind {
    /// Whether sound that the file holds, or that its header promises, is not in the recording.
    #[must_use]
    pub const fn loses_sound(self) -> bool {
        matches!(self, Self::LeftOut | Self::Damaged | Self::Incomplete)
    }
}

/// A warning as a store holds it: earlier versions stored only the message.
#[derive(Deserialize)]
#[serde(untagged)]
enum StoredWarning {
    Message(String),
    Warning { kind: WarningKind, message: String },
}

impl From<StoredWarning> for DecodeWarning {
    fn from(stored: StoredWarning) -> Self {
        match stored {
            StoredWarning::Message(message) => Self { kind: WarningKind::Unclassified, message },
            StoredWarning::Warning { kind, message } => Self { kind, message },
        }
    }
}

/// The program that decoded a file for which there is no built-in decoder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExternalDecoder {
    /// Its absolute path.
    pub path: String,
    /// The version that it states.
    pub version: String,
    /// Its arguments, in order.
    pub arguments: Vec<String>,
}

/// What became of the bytes and tracks of a file. The three counts of bytes add up to the file's size.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FileAccount {
    /// Bytes of the packets that were decoded, or that were damaged and are silence.
    pub audio_bytes: u64,
    /// Bytes of headers, indexes, tags, padding, and of tracks without sound.
    pub other_bytes: u64,
    /// Bytes that hold sound, or may hold sound, and were not decoded. Each run of them has a warning.
    pub left_out_bytes: u64,
    /// Number of packets with sound.
    pub packets: u64,
    /// Number of packets that could not be decoded and are silence.
    pub damaged_packets: u64,
    /// Number of recordings in the file, one after the other. More than 1 if files were joined.
    pub parts: u32,
    /// Audio tracks, in the order of the file (of its first part that has them).
    pub tracks: Vec<TrackAccount>,
}

/// One audio track of a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TrackAccount {
    /// Codec.
    pub codec: String,
    /// Channels of the recording that hold the track, from 0. Empty if the track was left out.
    pub channels: Vec<u16>,
    /// Length in seconds; `None` if the track was left out and its container does not state it.
    pub duration_s: Option<f64>,
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
            "tags":{},"warnings":["1 of 9 packets could not be decoded and is silence"]}"#;
        let recording: Recording = serde_json::from_str(old).unwrap();
        assert!(!recording.lossless, "not known, and so not claimed");
        assert_eq!(recording.warnings[0].kind, WarningKind::Unclassified);
        let again: Recording = serde_json::from_str(&serde_json::to_string(&recording).unwrap()).unwrap();
        assert_eq!(again, recording);
    }

    #[test]
    fn recording_is_one_stream_unless_several_hashes_are_joined() {
        let track = |channels: Vec<u16>| TrackAccount { codec: "aac".to_owned(), channels, duration_s: None };
        let recording = |parts, tracks| {
            let json = r#"{"container":"wav","codec":"pcm_s16le","sample_rate_hz":8000,"channels":1,"duration_s":1.0,
                "pcm_sha256":"","pcm":{"source_frames":8000,"frames":16000,"trimmed_start_frames":0,
                "trimmed_end_frames":0},"tags":{},"warnings":[]}"#;
            let account = Some(FileAccount { parts, tracks, ..FileAccount::default() });
            Recording { account, ..serde_json::from_str(json).unwrap() }
        };
        assert!(recording(1, vec![track(vec![0, 1]), track(Vec::new())]).is_one_stream(), "one track was left out");
        assert!(!recording(2, vec![track(vec![0])]).is_one_stream());
        let mut two = recording(1, vec![track(vec![0]), track(vec![1])]);
        assert!(!two.is_one_stream());
        two.external_decoder =
            Some(ExternalDecoder { path: String::new(), version: String::new(), arguments: Vec::new() });
        assert!(two.is_one_stream(), "ffmpeg's output is hashed as a whole");
    }
}
