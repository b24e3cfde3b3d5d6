//! Containers. A container is one entry of [`CONTAINERS`]: how to recognize it, and a scan that finds where a recording
//! ends and what it holds. The scan states which bytes hold sound, so that the end of decoding can be checked against it;
//! sizes and counts in headers are claims and are compared with the file.

mod adts;
mod aiff;
mod au;
mod caf;
mod flac;
pub(crate) mod frames;
mod gsm;
mod linear;
mod matroska;
mod mp4;
mod mpeg;
mod ogg;
mod riff;
mod streams;
mod wave_format;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use stage_core::container::ContainerFacts;
use stage_core::{DecodeWarning, WarningKind};
use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::formats::Track;

use self::frames::{ReadHeader, tag_len};
use crate::codec::{self, Codec};
use crate::demux::BlockLayout;
use crate::error::DecodeError;
use crate::external::EXTENSIONS;
use crate::input::{Bytes, InputFile};
use crate::timeline::{Edit, Timeline, TrimRules};

/// Time stamps of Matroska (in ms) and Ogg (one per page) are wrong by less than this.
const ROUNDED_STAMPS_MS: u64 = 60;
/// A container is recognized by this many bytes at its start.
const HEAD_BYTES: usize = 64;
/// A recording begins within this many bytes of the start of the file, or of the end of the recording before it.
const SEARCH_BYTES: u64 = 1 << 20;

/// All containers. Streams of frames and of GSM blocks have no signature and come last.
static CONTAINERS: &[Container] = &[
    Container::new("wav", &["bwf", "rf64", "wav", "wave"], riff::begins, riff::scan),
    Container::new("aiff", &["aif", "aifc", "aiff"], aiff::begins, aiff::scan),
    Container::new("au", &["au", "snd"], au::begins, au::scan),
    Container::new("caf", &["caf"], caf::begins, caf::scan),
    Container::new("flac", &["flac"], flac::begins, flac::scan),
    Container::new("ogg", &["oga", "ogg", "opus"], ogg::begins, ogg::scan),
    Container::new("isomp4", &["3gp", "m4a", "m4b", "mov", "mp4"], mp4::begins, mp4::scan),
    Container::new("matroska", &["mka", "mkv", "webm"], matroska::begins, matroska::scan),
    Container { has_signature: false, ..Container::new("aac", &["aac"], streams::begins_adts, streams::scan_adts) },
    Container {
        has_signature: false,
        ..Container::new("mp3", &["mp1", "mp2", "mp3"], streams::begins_mpeg, streams::scan_mpeg)
    },
    Container { has_signature: false, ..Container::new("gsm", &["gsm"], gsm::begins, gsm::scan) },
];

/// Signatures of recordings that only the external decoder reads: AMR, ASF (WMA), Monkey's Audio, WavPack, Wave64.
const FOREIGN: [&[u8]; 5] = [b"#!AMR", b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", b"MAC ", b"wvpk", b"riff\x2e\x91\xcf\x11"];

/// A container.
struct Container {
    /// Short name in records.
    name: &'static str,
    /// File name extensions to search a folder for, in lower case and without the dot.
    extensions: &'static [&'static str],
    /// Whether it begins with a signature, and not just with a frame.
    has_signature: bool,
    /// Whether a recording in this container begins at this offset.
    begins: Begins,
    /// Finds the end of the recording that begins at this offset, and what it holds.
    scan: Scan,
}

type Begins = fn(&mut Bytes, u64) -> Result<bool, DecodeError>;
type Scan = fn(&mut Bytes, u64) -> Result<Part, DecodeError>;

impl Container {
    const fn new(name: &'static str, extensions: &'static [&'static str], begins: Begins, scan: Scan) -> Self {
        Self { name, extensions, has_signature: true, begins, scan }
    }
}

/// One recording in a file. Files that were joined hold several.
pub(crate) struct Part {
    /// Short name of its container.
    pub(crate) container: &'static str,
    /// Its bytes in the file.
    pub(crate) bytes: Range<u64>,
    pub(crate) demux: Demux,
    pub(crate) rules: Box<dyn PlaybackRules>,
    pub(crate) payload: Payload,
    /// Bytes that may be sound and that the demuxer does not return. There is a warning for them.
    pub(crate) left_out_bytes: u64,
    /// Length that the header states, in frames of the decoder's output, if the container counts them exactly.
    pub(crate) promised_frames: Option<u64>,
    /// Length of the longest track that the header states, in seconds.
    pub(crate) promised_s: Option<f64>,
    /// Whether an index lists all packets with their exact durations.
    pub(crate) has_index: bool,
    /// Whether the scan says if the end of the file cuts the last packet.
    pub(crate) cut_is_known: bool,
    /// Audio tracks in the order of the file, also those that symphonia's demuxer does not know; empty if it knows all.
    pub(crate) stated_tracks: Vec<StatedTrack>,
    pub(crate) tags: BTreeMap<String, String>,
    /// What it states about its own making.
    pub(crate) facts: ContainerFacts,
    pub(crate) warnings: Vec<DecodeWarning>,
}

/// How the packets of a part are read.
pub(crate) enum Demux {
    /// By symphonia's demuxer for the container. The bytes at these offsets are replaced.
    Symphonia { patches: Vec<(u64, Vec<u8>)> },
    /// As blocks of a fixed size.
    Blocks { layout: BlockLayout, track: Box<Track> },
    /// As frames. The first one may hold no sound.
    Frames { range: Range<u64>, read_header: ReadHeader, skip_first: bool, track: Box<Track> },
}

/// What the demuxer must return, to check it at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Payload {
    /// Packets with this many bytes, over all tracks.
    Bytes(u64),
    /// This many packets of each track.
    Packets(BTreeMap<u32, u64>),
}

/// What a container states about an audio track.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StatedTrack {
    pub(crate) id: u32,
    /// Name of the codec, for people.
    pub(crate) codec: String,
    pub(crate) duration_s: Option<f64>,
}

/// Playback rules of the tracks of a container.
pub(crate) trait PlaybackRules: Send + Sync {
    /// Time when the recording was made, if the container states it (RFC 3339, UTC).
    fn creation_time(&self) -> Option<String> {
        None
    }

    /// Returns the rules for one track.
    ///
    /// # Errors
    /// The rules cannot be applied in one pass.
    fn timing(&self, track: &AudioTrack<'_>) -> Result<TrimRules, DecodeError>;
}

/// The track that is played.
pub(crate) struct AudioTrack<'a> {
    pub(crate) track: &'a Track,
    pub(crate) params: &'a AudioCodecParameters,
    pub(crate) codec: &'a dyn Codec,
    pub(crate) tags: &'a BTreeMap<String, String>,
}

impl AudioTrack<'_> {
    /// Sample rate that the container states, in Hz.
    fn rate_hz(&self) -> u32 {
        self.params.sample_rate.unwrap_or(codec::DEFAULT_RATE_HZ)
    }
}

impl Part {
    /// A part without claims of its header, tags or warnings.
    fn new(bytes: Range<u64>, demux: Demux, payload: Payload) -> Self {
        Self {
            container: "",
            bytes,
            demux,
            rules: Box::new(FromTrack(|_| TrimRules::default())),
            payload,
            left_out_bytes: 0,
            promised_frames: None,
            promised_s: None,
            has_index: false,
            cut_is_known: false,
            stated_tracks: Vec::new(),
            tags: BTreeMap::new(),
            facts: ContainerFacts::default(),
            warnings: Vec::new(),
        }
    }

    fn warn(&mut self, kind: WarningKind, message: String) {
        self.warnings.push(DecodeWarning::new(kind, message));
    }
}

/// The recordings in a file.
pub(crate) struct Layout {
    pub(crate) parts: Vec<Part>,
    pub(crate) file_bytes: u64,
    /// Bytes before, between and behind them that may be sound.
    pub(crate) left_out_bytes: u64,
    pub(crate) warnings: Vec<DecodeWarning>,
}

impl Layout {
    /// Scans the file.
    ///
    /// # Errors
    /// The file is not in a supported container, or its first recording cannot be used.
    pub(crate) fn scan(input: &Arc<InputFile>) -> Result<Self, DecodeError> {
        let mut bytes = Bytes::new(input);
        let file_bytes = bytes.len();
        let mut layout = Self { parts: Vec::new(), file_bytes, left_out_bytes: 0, warnings: Vec::new() };
        let mut at = 0;
        while at < bytes.len() {
            let Some((start, container)) = find_container(&mut bytes, at)? else {
                break;
            };
            layout.leave_out(&mut bytes, at..start)?;
            match (container.scan)(&mut bytes, start) {
                Ok(mut part) => {
                    part.container = container.name;
                    at = part.bytes.end.max(start + 1);
                    layout.parts.push(part);
                }
                Err(error) if layout.parts.is_empty() => return Err(error),
                Err(error) => {
                    let message =
                        format!("from byte {start} on, another recording begins that cannot be used: {error}");
                    layout.warnings.push(DecodeWarning::new(WarningKind::LeftOut, message));
                    layout.left_out_bytes += bytes.len() - start;
                    return Ok(layout);
                }
            }
        }
        if layout.parts.is_empty() {
            return Err(DecodeError::UnknownContainer);
        }
        let end = bytes.len();
        layout.leave_out(&mut bytes, at..end)?;
        Ok(layout)
    }

    /// Counts bytes outside all recordings. Zeros are padding and tags are not sound.
    fn leave_out(&mut self, bytes: &mut Bytes, range: Range<u64>) -> Result<(), DecodeError> {
        let start = after_tags(bytes, range.start, range.end)?;
        if start >= range.end || bytes.is_zero(start..range.end)? {
            return Ok(());
        }
        let len = range.end - start;
        let message = format!("{len} bytes from byte {start} on belong to no recording and were left out");
        self.warnings.push(DecodeWarning::new(WarningKind::LeftOut, message));
        self.left_out_bytes += len;
        Ok(())
    }
}

/// Finds the first recording at or behind `at`.
fn find_container(bytes: &mut Bytes, at: u64) -> Result<Option<(u64, &'static Container)>, DecodeError> {
    let end = bytes.len();
    let start = after_tags(bytes, at, end)?;
    for candidate in [at, start] {
        if let Some(container) = container_at(bytes, candidate)? {
            return Ok(Some((candidate, container)));
        }
    }
    for candidate in at + 1..end.min(at + SEARCH_BYTES) {
        // A byte that begins no signature and no header of a frame.
        let first = bytes.get(candidate, 8)?;
        let may_begin = first.first().is_some_and(|first| b"RBF.cfO\xff\x1a".contains(first))
            || first.get(4..8).is_some_and(|kind| kind == b"ftyp");
        if may_begin && let Some(container) = container_at(bytes, candidate)? {
            return Ok(Some((candidate, container)));
        }
    }
    Ok(None)
}

fn container_at(bytes: &mut Bytes, at: u64) -> Result<Option<&'static Container>, DecodeError> {
    for container in CONTAINERS {
        if (container.begins)(bytes, at)? {
            return Ok(Some(container));
        }
    }
    Ok(None)
}

/// The offset behind tags and zeros.
fn after_tags(bytes: &mut Bytes, mut at: u64, end: u64) -> Result<u64, DecodeError> {
    let search_end = bytes.search_end(at, end);
    loop {
        if at >= search_end {
            return Ok(end);
        }
        if let Some(len) = tag_len(bytes, at, end)? {
            at += len;
            continue;
        }
        let block = bytes.get(at, (end - at).min(1 << 12) as usize)?;
        let zeros = block.iter().take_while(|&&byte| byte == 0).count();
        // A few zeros may be the size of an MP4 box.
        if zeros < 4 {
            return Ok(at);
        }
        at += zeros as u64;
    }
}

/// Whether a recording with a signature begins at `at`.
fn begins_recording(bytes: &mut Bytes, at: u64) -> Result<bool, DecodeError> {
    let is_known = container_at(bytes, at)?.is_some_and(|container| container.has_signature);
    Ok(is_known || begins_with_any(bytes, at, &FOREIGN)?)
}

fn begins_with_any(bytes: &mut Bytes, at: u64, signatures: &[&[u8]]) -> Result<bool, DecodeError> {
    let head = bytes.get(at, HEAD_BYTES)?;
    Ok(signatures.iter().any(|signature| head.starts_with(signature)))
}

/// Whether the bytes at `at` begin with a signature.
fn begins_with(bytes: &mut Bytes, at: u64, signature: &[u8]) -> Result<bool, DecodeError> {
    Ok(bytes.get(at, HEAD_BYTES)?.starts_with(signature))
}

/// Whether a recording may end at `at`: the file ends there, another recording begins, or only tags and zeros follow.
fn is_known_end(bytes: &mut Bytes, at: u64) -> Result<bool, DecodeError> {
    let end = bytes.len();
    if at >= end {
        return Ok(at == end);
    }
    let rest = after_tags(bytes, at, end)?;
    if container_at(bytes, rest)?.is_some() || begins_with_any(bytes, rest, &FOREIGN)? {
        return Ok(true);
    }
    bytes.is_zero(rest..end)
}

/// File name extensions of recordings, in lower case and without the dot, sorted.
#[must_use]
pub fn audio_extensions() -> &'static [&'static str] {
    static SORTED: LazyLock<Vec<&str>> = LazyLock::new(|| {
        let known = CONTAINERS.iter().flat_map(|container| container.extensions).chain(&EXTENSIONS);
        let mut extensions: Vec<&str> = known.copied().collect();
        extensions.sort_unstable();
        extensions.dedup();
        extensions
    });
    &SORTED
}

/// Rules that depend only on the track.
struct FromTrack(fn(&AudioTrack<'_>) -> TrimRules);

impl PlaybackRules for FromTrack {
    fn timing(&self, track: &AudioTrack<'_>) -> Result<TrimRules, DecodeError> {
        Ok((self.0)(track))
    }
}

/// Frames `start..end` of the decoder's output are played; jumps of the time stamps are missing frames.
struct Interval {
    start: u64,
    end: u64,
}

impl PlaybackRules for Interval {
    fn timing(&self, _track: &AudioTrack<'_>) -> Result<TrimRules, DecodeError> {
        let Self { start, end } = *self;
        let timeline = Timeline::new(vec![Edit::Media { start, end }]);
        Ok(TrimRules { timeline, gap_ms: Some(0), ..TrimRules::default() })
    }
}

/// Formats seconds since 1970-01-01 as RFC 3339 in UTC (days to date after Howard Hinnant's `civil_from_days`).
fn rfc3339(unix_s: i64) -> String {
    let (days, second) = (unix_s.div_euclid(86_400), unix_s.rem_euclid(86_400));
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::{audio_extensions, rfc3339};

    #[test]
    fn rfc3339_gives_the_dates_of_the_calendar() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(951_868_799), "2000-02-29T23:59:59Z");
        assert_eq!(rfc3339(-2_082_844_800), "1904-01-01T00:00:00Z");
    }

    #[test]
    fn audio_extensions_are_lower_case_and_unique() {
        let extensions = audio_extensions();
        assert!(extensions.windows(2).all(|pair| pair[0] < pair[1]), "{extensions:?}");
        assert!(extensions.iter().all(|extension| extension.chars().all(|c| c.is_ascii_lowercase() || c.is_numeric())));
        assert!(["amr", "m4a", "mp3", "opus", "wav"].iter().all(|extension| extensions.contains(extension)));
    }
}
