//! What Chromium plays, by container and codec. Measured with the real browser; docs/codecs.md has the table.

use serde::Serialize;

use super::RecordingBlock;

/// How Chromium plays the file of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Playback {
    /// It seeks to within 0.05 s.
    Exact,
    /// It plays, and seeks to another place than the page shows.
    Inexact,
    /// It does not play.
    None,
}

/// The formats that Chromium plays with exact seeks: container and codecs.
const EXACT: [(&str, &[&str]); 5] = [
    ("wav", &["pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_alaw", "pcm_mulaw"]),
    ("flac", &["flac"]),
    ("ogg", &["opus", "vorbis", "flac"]),
    ("isomp4", &["aac", "opus", "flac", "mp3"]),
    ("matroska", &["aac", "opus", "vorbis", "flac", "mp3", "pcm_s16le"]),
];
/// The formats whose places Chromium estimates.
const INEXACT: [(&str, &[&str]); 2] = [("mp3", &["mp3"]), ("aac", &["aac"])];

impl Playback {
    /// How a recording is played.
    pub(crate) fn of(recording: &RecordingBlock) -> Self {
        let RecordingBlock { container, codec, .. } = recording;
        let lists = |formats: &[(&str, &[&str])]| {
            formats.iter().any(|(of, codecs)| of == container && codecs.contains(&codec.as_str()))
        };
        if lists(&EXACT) {
            Self::Exact
        } else if lists(&INEXACT) {
            Self::Inexact
        } else {
            Self::None
        }
    }

    /// The media type of a container, for sound in a page.
    pub(crate) fn media_type(container: &str) -> &'static str {
        match container {
            "wav" => "audio/wav",
            "flac" => "audio/flac",
            "ogg" => "audio/ogg",
            "isomp4" => "audio/mp4",
            "matroska" => "audio/webm",
            "mp3" => "audio/mpeg",
            "aac" => "audio/aac",
            _ => "application/octet-stream",
        }
    }
}
