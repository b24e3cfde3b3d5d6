//! The JSON file beside a clip: what it was cut out of, which frames it has, its hashes, and what was said.

use std::ffi::OsStr;
use std::path::Path;

use decode::DecodedFile;
use serde::Serialize;
use stage_core::{DecodeWarning, ExternalDecoder, Recording, path_bytes, path_text};

use super::range::FrameRange;
use super::samples::{Survey, Written};
use super::time::Time;
use super::transcript::{ContextBlock, TranscriptBlock};

/// Incremented when a field is removed or changes its meaning.
pub(super) const CLIP_VERSION: u32 = 1;

/// Everything about a clip. Two clips of the same range of the same bytes have the same description, if the same version
/// makes them.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Description {
    /// Version of this format.
    pub(crate) clip_version: u32,
    /// Version of the program.
    pub(crate) tool_version: &'static str,
    /// The recording.
    pub(crate) source: SourceBlock,
    /// The frames of the recording that the clip has.
    pub(crate) range: RangeBlock,
    /// The WAV file.
    pub(crate) clip: ClipBlock,
    /// What was said, from a case; null without one.
    pub(crate) transcript: Option<TranscriptBlock>,
    /// Why there is no transcript and no context; null if there are.
    pub(crate) transcript_reason: Option<String>,
    /// The words before and after the clip, from the case.
    pub(crate) context: Option<ContextBlock>,
}

/// The recording: its file and how it was decoded.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct SourceBlock {
    /// Name of the file, without its folder. Bytes that are not UTF-8 are written as `\xB1`.
    pub(crate) file_name: String,
    /// The bytes of a name that is not UTF-8, as hexadecimal digits; null for other names.
    pub(crate) file_name_bytes: Option<String>,
    /// SHA-256 of the file's bytes.
    pub(crate) sha256: String,
    /// Size in bytes.
    pub(crate) bytes: u64,
    pub(crate) container: String,
    pub(crate) codec: String,
    pub(crate) lossless: bool,
    pub(crate) sample_rate_hz: u32,
    pub(crate) channels: u16,
    /// Number of frames.
    pub(crate) frames: u64,
    /// Length in seconds.
    pub(crate) duration_s: f64,
    /// SHA-256 of the decoder's output, as in the results of a case. Of a file with several tracks or parts it is made of
    /// the hashes of each.
    pub(crate) pcm_sha256: String,
    /// SHA-256 of all samples at the rate and with the channels of the clip: interleaved little-endian f32.
    pub(crate) samples_sha256: String,
    /// The program that decoded the file, if it was another one.
    pub(crate) external_decoder: Option<ExternalDecoder>,
    /// Problems that did not stop the decoder.
    pub(crate) warnings: Vec<DecodeWarning>,
}

/// The range of a clip.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct RangeBlock {
    /// Start and end as they were requested.
    pub(crate) from: String,
    pub(crate) to: String,
    /// The same in seconds.
    pub(crate) from_s: f64,
    pub(crate) to_s: f64,
    /// First frame of the clip in the recording, from 0.
    pub(crate) first_frame: u64,
    /// The frame after its last one.
    pub(crate) end_frame: u64,
    /// Number of frames.
    pub(crate) frames: u64,
    /// Time of the first frame and of the frame after the last one, in seconds: frame divided by sample rate.
    pub(crate) start_s: f64,
    pub(crate) end_s: f64,
    /// Length in seconds.
    pub(crate) duration_s: f64,
}

/// The WAV file of a clip.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ClipBlock {
    /// Name of the file, without its folder.
    pub(crate) file_name: String,
    /// The bytes of a name that is not UTF-8, as hexadecimal digits; null for other names.
    pub(crate) file_name_bytes: Option<String>,
    /// SHA-256 of the file's bytes.
    pub(crate) sha256: String,
    /// Size in bytes.
    pub(crate) bytes: u64,
    /// SHA-256 of its samples: interleaved little-endian f32, as `source.samples_sha256`.
    pub(crate) samples_sha256: String,
    /// How they are stored (`pcm_s16le`, `pcm_s24le`, `pcm_s32le` or `pcm_f32le`).
    pub(crate) sample_format: &'static str,
    /// Why they are stored so.
    pub(crate) sample_format_reason: String,
    pub(crate) sample_rate_hz: u32,
    pub(crate) channels: u16,
}

impl SourceBlock {
    pub(super) fn new(path: &Path, file: &DecodedFile, survey: &Survey) -> Self {
        let Recording { container, codec, lossless, sample_rate_hz, channels, duration_s, pcm_sha256, pcm, .. } =
            file.decoded.recording.clone();
        let (file_name, file_name_bytes) = name(path);
        Self {
            file_name,
            file_name_bytes,
            sha256: file.sha256.clone(),
            bytes: file.bytes,
            container,
            codec,
            lossless,
            sample_rate_hz,
            channels,
            frames: pcm.source_frames,
            duration_s,
            pcm_sha256,
            samples_sha256: survey.recording_sha256.clone(),
            external_decoder: file.decoded.recording.external_decoder.clone(),
            warnings: file.decoded.recording.warnings.clone(),
        }
    }
}

impl RangeBlock {
    pub(super) fn new(from: &Time, to: &Time, range: FrameRange, rate_hz: u32) -> Self {
        let seconds = |frames: u64| frames as f64 / f64::from(rate_hz);
        Self {
            from: from.to_string(),
            to: to.to_string(),
            from_s: from.seconds(),
            to_s: to.seconds(),
            first_frame: range.first,
            end_frame: range.end,
            frames: range.frames(),
            start_s: seconds(range.first),
            end_s: seconds(range.end),
            duration_s: seconds(range.frames()),
        }
    }
}

impl ClipBlock {
    pub(super) fn new(path: &Path, recording: &Recording, survey: Survey, written: Written) -> Self {
        let (file_name, file_name_bytes) = name(path);
        Self {
            file_name,
            file_name_bytes,
            sha256: written.sha256,
            bytes: written.bytes,
            samples_sha256: survey.range_sha256,
            sample_format: survey.format.codec(),
            sample_format_reason: survey.format.reason(),
            sample_rate_hz: recording.sample_rate_hz,
            channels: recording.channels,
        }
    }
}

/// The name of a file as text, and its bytes if it is not UTF-8.
fn name(path: &Path) -> (String, Option<String>) {
    let name = Path::new(path.file_name().unwrap_or(OsStr::new("")));
    (path_text(name).into_owned(), path_bytes(name))
}
