//! Parts that are streams of frames: raw MPEG audio and ADTS, and MPEG audio in other containers.

use std::ops::Range;

use stage_core::WarningKind;
use stage_core::container::Mp3Header;
use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::formats::Track;

use super::frames::{Frame, FrameHeader, HEADER_BYTES, Item, ReadHeader, Skipped, Walker};
use super::linear::positions;
use super::mpeg::StreamInfo;
use super::{Demux, Interval, Part, Payload, adts, begins_recording, mpeg};
use crate::codec;
use crate::error::DecodeError;
use crate::input::Bytes;

pub(super) fn begins_adts(bytes: &mut Bytes, at: u64) -> Result<bool, DecodeError> {
    begins(bytes, at, adts::read_header)
}

pub(super) fn begins_mpeg(bytes: &mut Bytes, at: u64) -> Result<bool, DecodeError> {
    begins(bytes, at, mpeg::read_header)
}

pub(super) fn scan_adts(bytes: &mut Bytes, start: u64) -> Result<Part, DecodeError> {
    codec::require_low_complexity_adts(bytes.get(start, HEADER_BYTES)?)?;
    let range = start..bytes.len();
    scan(bytes, range, adts::read_header)
}

pub(super) fn scan_mpeg(bytes: &mut Bytes, start: u64) -> Result<Part, DecodeError> {
    let range = start..bytes.len();
    scan_mpeg_in(bytes, range)
}

/// Scans MPEG audio within a range of the file.
///
/// # Errors
/// The file cannot be read, or the range holds no frame.
pub(super) fn scan_mpeg_in(bytes: &mut Bytes, range: Range<u64>) -> Result<Part, DecodeError> {
    scan(bytes, range, mpeg::read_header)
}

/// Whether three frames of one stream follow each other from `at` on; fewer if they reach the end of the file.
fn begins(bytes: &mut Bytes, at: u64, read_header: ReadHeader) -> Result<bool, DecodeError> {
    let (mut next, mut first) = (at, None::<FrameHeader>);
    for _ in 0..3 {
        let Some(header) = read_header(bytes.get(next, HEADER_BYTES)?) else { return Ok(false) };
        if first.is_some_and(|first| !first.continues(&header)) {
            return Ok(false);
        }
        first = Some(header);
        next += header.len;
        if next >= bytes.len() {
            return Ok(next == bytes.len() || next - header.len > at);
        }
    }
    Ok(true)
}

/// What a scan has found so far.
#[derive(Default)]
struct Found {
    first: Option<FrameHeader>,
    info: Option<StreamInfo>,
    /// Frames of the codec with sound, and their samples and bytes.
    frames: u64,
    samples: u64,
    bytes: u64,
    /// Samples that damage has replaced.
    lost_samples: u64,
    junk: u64,
    junk_bytes: u64,
    junk_at_sample: u64,
    cut: bool,
}

/// Walks over the frames of `range` up to its end, or to a frame that begins another recording.
fn scan(bytes: &mut Bytes, range: Range<u64>, read_header: ReadHeader) -> Result<Part, DecodeError> {
    let mut walker = Walker::new(bytes.again(), range.clone(), read_header);
    let mut found = Found::default();
    let mut end = range.end;
    // A tag in front of a frame that begins another recording belongs to that recording.
    let mut tags_from = None;
    while let Some(item) = walker.next()? {
        match item {
            Item::Frame(frame) => {
                let info = StreamInfo::of_frame(&walker.payload(&frame)?);
                if found.first.is_some_and(|first| info.is_some() || !first.continues(&frame.header)) {
                    end = tags_from.unwrap_or(frame.at);
                    break;
                }
                found.frame(&frame, info);
                tags_from = None;
            }
            Item::Skipped { bytes, what: Skipped::Tag, .. } => tags_from = tags_from.or(Some(bytes.start)),
            Item::Skipped { bytes: junk, what: Skipped::Junk, .. } if begins_recording(bytes, junk.start)? => {
                end = tags_from.unwrap_or(junk.start);
                break;
            }
            Item::Skipped { bytes, what, lost_frames } => found.skipped(&bytes, what, lost_frames),
        }
    }
    found.part(range.start..end, read_header)
}

impl Found {
    fn frame(&mut self, frame: &Frame, info: Option<StreamInfo>) {
        let is_first = self.first.is_none();
        self.first = self.first.or(Some(frame.header));
        if is_first && info.is_some() {
            self.info = info;
            return;
        }
        self.frames += 1;
        self.samples += frame.header.frames;
        self.bytes += frame.header.len - frame.header.skip;
    }

    fn skipped(&mut self, bytes: &Range<u64>, what: Skipped, lost_frames: u64) {
        match what {
            Skipped::Tag | Skipped::Padding => {}
            Skipped::Cut => self.cut = true,
            Skipped::Junk => {
                if self.junk == 0 {
                    self.junk_at_sample = self.samples;
                }
                self.junk += 1;
                self.junk_bytes += bytes.end - bytes.start;
                self.lost_samples += lost_frames;
            }
        }
    }

    fn part(self, bytes: Range<u64>, read_header: ReadHeader) -> Result<Part, DecodeError> {
        let first = self.first.ok_or(DecodeError::DamagedContainer("it holds no whole frame"))?;
        let mut params = AudioCodecParameters::new();
        params.for_codec(first.codec).with_sample_rate(first.rate_hz);
        if first.channels > 0 {
            params.with_channels(positions(first.channels));
        }
        let mut track = Track::new(0);
        track.with_codec_params(CodecParameters::Audio(params));
        track.with_num_frames(self.samples);
        let (range, skip_first) = (bytes.clone(), self.info.is_some());
        let demux = Demux::Frames { range, read_header, skip_first, track: Box::new(track) };
        let mut part = Part::new(bytes, demux, Payload::Bytes(self.bytes));
        let seconds = |samples: u64| samples as f64 / f64::from(first.rate_hz);
        self.compare_with_header(&mut part, &first);
        let header = self.info.clone().map(|info| Mp3Header { encoder: info.encoder, frames: info.frames });
        part.facts.mp3_header = header;
        if self.junk > 0 {
            let Self { junk, junk_bytes, .. } = self;
            part.left_out_bytes = junk_bytes;
            let (at, silent) = (seconds(self.junk_at_sample), seconds(self.lost_samples));
            part.warn(
                WarningKind::Damaged,
                format!("{junk} damaged places, the first at {at:.3} s: {junk_bytes} bytes without a frame, {silent:.3} s of silence"),
            );
        }
        if self.cut {
            let at = seconds(self.samples);
            part.warn(WarningKind::Incomplete, format!("the file ends in the middle of a frame, at {at:.3} s"));
        }
        Ok(part)
    }

    /// Compares the length that the first frame states with the frames that were found, and sets what is played.
    fn compare_with_header(&self, part: &mut Part, first: &FrameHeader) {
        let all = self.samples + self.lost_samples;
        let Some(info) = &self.info else {
            part.rules = Box::new(Interval { start: 0, end: u64::MAX });
            return;
        };
        let stated = info.frames.map(|frames| frames * first.frames);
        let end = if stated == Some(all) { all.saturating_sub(info.padding) } else { u64::MAX };
        part.rules = Box::new(Interval { start: info.delay, end: end.max(info.delay) });
        part.promised_frames = stated.filter(|&stated| stated > all);
        if let Some(stated) = stated.filter(|&stated| stated < all) {
            let seconds = |samples: u64| samples as f64 / f64::from(first.rate_hz);
            part.warn(
                WarningKind::Header,
                format!(
                    "the header states {:.3} s, the file holds {:.3} s: all of it was decoded",
                    seconds(stated),
                    seconds(all)
                ),
            );
        }
    }
}
