//! Opening a recording: container, track, tags, and the rules for what of its samples is to be played.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::Path;

use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::codecs::audio::well_known::CODEC_ID_OPUS;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::well_known::{
    FORMAT_ID_ADTS, FORMAT_ID_AIFF, FORMAT_ID_CAF, FORMAT_ID_FLAC, FORMAT_ID_ISOMP4, FORMAT_ID_MKV, FORMAT_ID_OGG,
    FORMAT_ID_WAVE,
};
use symphonia::core::formats::{FormatId, FormatOptions, FormatReader, Track, TrackType};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::{MetadataOptions, RawValue};
use symphonia::core::units::TimeBase;

use crate::codec::{aac, opus};
use crate::container::{matroska, mp4, wave};
use crate::error::DecodeError;
use crate::timeline::{Edit, Timeline};

/// Longer tags are cover texts and lyrics.
const TAG_CHARS_MAX: usize = 1_000;
/// Time stamps of Matroska (in ms) and Ogg (a page at a time) are off by less than this.
const ROUNDED_STAMPS_MS: u64 = 60;
/// Rates outside this range are damage.
const RATES_HZ: std::ops::RangeInclusive<u32> = 1_000..=768_000;

/// An opened recording, before its first packet.
pub(crate) struct Source {
    pub(crate) reader: Box<dyn FormatReader>,
    pub(crate) track: Track,
    pub(crate) params: AudioCodecParameters,
    pub(crate) tags: BTreeMap<String, String>,
    format: FormatId,
    movie: mp4::Movie,
    segment: matroska::Segment,
}

/// The rules by which a track's decoded frames become the recording.
pub(crate) struct Timing {
    pub(crate) timeline: Timeline,
    /// Frames to discard at the end of a packet, by its index.
    pub(crate) padding: BTreeMap<u64, u64>,
    /// Where packets keep time stamps of their own: a jump in them of more than so many milliseconds is a packet that
    /// is missing. Shorter ones are rounding.
    pub(crate) gap_ms: Option<u64>,
}

impl Source {
    /// Opens the file by its content; its name plays no part.
    ///
    /// # Errors
    /// The file is empty, unreadable, no known container, or has no audio track.
    pub(crate) fn open(path: &Path) -> Result<Self, DecodeError> {
        let file = File::open(path).map_err(DecodeError::Open)?;
        let metadata = file.metadata().map_err(DecodeError::Open)?;
        if metadata.is_dir() {
            return Err(DecodeError::Open(io::ErrorKind::IsADirectory.into()));
        }
        if metadata.is_file() && metadata.len() == 0 {
            return Err(DecodeError::Empty);
        }
        let file = wave::source(file).map_err(DecodeError::Read)?;
        let stream = MediaSourceStream::new(file, MediaSourceStreamOptions::default());
        let mut reader = symphonia::default::get_probe()
            .probe(&Hint::new(), stream, FormatOptions::default(), MetadataOptions::default())
            .map_err(DecodeError::from_open)?;
        let format = reader.format_info().format;
        let (track, params) = select_track(reader.as_ref())?;
        if params.sample_rate.is_some_and(|rate_hz| !RATES_HZ.contains(&rate_hz)) {
            return Err(DecodeError::DamagedContainer("its sample rate is implausible"));
        }
        let mut tags = read_tags(reader.as_mut());
        let (mut movie, mut segment) = Default::default();
        if format == FORMAT_ID_ISOMP4 {
            movie = File::open(path).and_then(|mut file| mp4::Movie::read(&mut file)).map_err(DecodeError::Read)?;
            tags.extend(movie.creation_time().map(|time| ("creation_time".to_owned(), time)));
        } else if format == FORMAT_ID_MKV {
            segment =
                File::open(path).and_then(|mut file| matroska::Segment::read(&mut file)).map_err(DecodeError::Read)?;
            tags.extend(segment.creation_time().map(|time| ("creation_time".to_owned(), time)));
        } else if format == FORMAT_ID_ADTS {
            aac::require_low_complexity_adts(path)?;
        }
        Ok(Self { reader, track, params, tags, format, movie, segment })
    }

    /// The container's short name (`wav`, `isomp4`, `ogg`).
    pub(crate) fn container(&self) -> &'static str {
        if self.format == FORMAT_ID_WAVE { "wav" } else { self.reader.format_info().short_name }
    }

    /// Takes up the audio track that follows a reset (the next link of a chained Ogg stream).
    pub(crate) fn reselect(&mut self) -> Result<(), DecodeError> {
        (self.track, self.params) = select_track(self.reader.as_ref())?;
        Ok(())
    }

    /// The rules for this track.
    ///
    /// # Errors
    /// An MP4 edit list that cannot be followed.
    pub(crate) fn timing(&self) -> Result<Timing, DecodeError> {
        let rate_hz = self.params.sample_rate.unwrap_or(opus::RATE_HZ);
        let opus_head = self.params.extra_data.as_deref().filter(|_| self.params.codec == CODEC_ID_OPUS);
        let skipped = |big_endian| opus_head.map_or(0, |head| opus::pre_skip(head, big_endian));
        let mut timing = Timing { timeline: Timeline::from_frame(0), padding: BTreeMap::new(), gap_ms: None };
        match self.format {
            FORMAT_ID_ISOMP4 => {
                let edits = self.movie.edits(self.track.id, rate_hz, self.track.num_frames)?;
                timing.timeline = match (edits.is_empty(), self.itunes_trim()) {
                    (false, _) => Timeline::new(edits),
                    (true, Some(edit)) => Timeline::new(vec![edit]),
                    (true, None) => Timeline::from_frame(skipped(true)),
                };
            }
            FORMAT_ID_MKV => {
                let frames = |ns: u64| (u128::from(ns) * u128::from(rate_hz) + 500_000_000) / 1_000_000_000;
                let track = self.segment.track(self.track.id);
                let delay = opus_head.map_or_else(|| frames(track.delay_ns) as u64, |head| opus::pre_skip(head, false));
                timing.timeline = Timeline::from_frame(delay);
                timing.padding = track.padding_ns.into_iter().map(|(at, ns)| (at, frames(ns) as u64)).collect();
                timing.gap_ms = Some(ROUNDED_STAMPS_MS);
            }
            FORMAT_ID_OGG => {
                timing.timeline = Timeline::from_frame(skipped(false));
                timing.gap_ms = Some(ROUNDED_STAMPS_MS);
            }
            // Frame headers count samples exactly; a damaged frame is left out by the demuxer.
            FORMAT_ID_FLAC => timing.gap_ms = Some(0),
            FORMAT_ID_CAF => {
                let start = u64::from(self.track.delay.unwrap_or(0));
                let end = self.track.num_frames.map_or(u64::MAX, |frames| start.saturating_add(frames));
                timing.timeline = Timeline::new(vec![Edit::Media { start, end }]);
            }
            _ => {}
        }
        Ok(timing)
    }

    /// Whether the header leaves the length open, as a wav does that was written into a pipe.
    pub(crate) fn is_open_ended(&self) -> bool {
        self.format == FORMAT_ID_WAVE && self.track.num_frames.is_none()
    }

    /// Frames that the header promises, where it counts them exactly.
    pub(crate) fn promised_frames(&self) -> Option<u64> {
        let exact = [FORMAT_ID_WAVE, FORMAT_ID_AIFF, FORMAT_ID_FLAC].contains(&self.format);
        self.track.num_frames.filter(|_| exact)
    }

    /// Length that the container states, in seconds. A fragmented MP4 often states none.
    pub(crate) fn duration_s(&self) -> Option<f64> {
        let seconds = |base: Option<TimeBase>, duration| Some(base?.calc_duration(duration?)?.as_secs_f64());
        let media = self.reader.media_info();
        let frames = self.track.num_frames.zip(self.params.sample_rate).filter(|(_, rate_hz)| *rate_hz > 0);
        frames
            .map(|(frames, rate_hz)| frames as f64 / f64::from(rate_hz))
            .or_else(|| seconds(self.track.time_base, self.track.duration))
            .or_else(|| seconds(media.time_base, media.duration))
            .filter(|&length_s| length_s > 0.0 || self.format != FORMAT_ID_ISOMP4)
    }

    /// Delay and length as iTunes writes them into a tag: hexadecimal fields, the 2nd to 4th are delay, padding and
    /// length in frames.
    fn itunes_trim(&self) -> Option<Edit> {
        let (_, value) = self.tags.iter().find(|(key, _)| key.ends_with("iTunSMPB"))?;
        let field = |n| u64::from_str_radix(value.split_whitespace().nth(n)?, 16).ok();
        let (start, length) = (field(1)?, field(3)?);
        Some(Edit::Media { start, end: start.checked_add(length)? })
    }
}

fn select_track(reader: &dyn FormatReader) -> Result<(Track, AudioCodecParameters), DecodeError> {
    let track = reader
        .default_track(TrackType::Audio)
        .or_else(|| reader.first_track(TrackType::Audio))
        .ok_or(DecodeError::NoAudioTrack)?;
    match &track.codec_params {
        Some(CodecParameters::Audio(params)) => Ok((track.clone(), params.clone())),
        _ => Err(DecodeError::NoAudioTrack),
    }
}

fn read_tags(reader: &mut dyn FormatReader) -> BTreeMap<String, String> {
    let mut metadata = reader.metadata();
    let Some(revision) = metadata.skip_to_latest() else { return BTreeMap::new() };
    let of_tracks = revision.per_track.iter().flat_map(|track| &track.metadata.tags);
    let text = |value: &RawValue| match value {
        RawValue::String(text) => Some(text.to_string()),
        RawValue::UnsignedInt(number) => Some(number.to_string()),
        RawValue::SignedInt(number) => Some(number.to_string()),
        _ => None,
    };
    revision
        .media
        .tags
        .iter()
        .chain(of_tracks)
        .filter_map(|tag| Some((tag.raw.key.clone(), text(&tag.raw.value)?)))
        .filter(|(_, value)| value.len() <= TAG_CHARS_MAX)
        .collect()
}
