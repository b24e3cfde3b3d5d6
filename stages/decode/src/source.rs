//! Opens a recording: container, track, tags, and playback rules.

use std::collections::BTreeMap;
use std::sync::Arc;

use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, Track, TrackType};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::{MetadataOptions, RawValue};
use symphonia::core::units::TimeBase;

use crate::codec::{Codec, codec_of};
use crate::container::{self, AudioTrack, Container, PlaybackRules, StatedLength};
use crate::error::DecodeError;
use crate::input::InputFile;
use crate::timeline::TrimRules;

/// Longer tags are dropped: they are cover texts and lyrics.
const TAG_CHARS_MAX: usize = 1_000;
/// Plausible sample rates. Any other rate means that the file is damaged.
const RATES_HZ: std::ops::RangeInclusive<u32> = 1_000..=768_000;

/// An opened recording, before its first packet.
pub(crate) struct Source {
    pub(crate) reader: Box<dyn FormatReader>,
    pub(crate) track: Track,
    pub(crate) params: AudioCodecParameters,
    pub(crate) codec: &'static dyn Codec,
    pub(crate) tags: BTreeMap<String, String>,
    container: &'static Container,
    rules: Box<dyn PlaybackRules>,
}

impl Source {
    /// Opens the file and detects its container from its content, not from its name.
    ///
    /// # Errors
    /// The file is unreadable, not a known container, or has no audio track.
    pub(crate) fn open(file: &Arc<InputFile>) -> Result<Self, DecodeError> {
        let source = container::media_source(file.reader()).map_err(DecodeError::Read)?;
        let stream = MediaSourceStream::new(source, MediaSourceStreamOptions::default());
        let mut reader = container::demuxers()
            .probe(&Hint::new(), stream, FormatOptions::default(), MetadataOptions::default())
            .map_err(DecodeError::from_open)?;
        let container = Container::of(reader.format_info().format);
        let (track, params) = select_track(reader.as_ref())?;
        if params.sample_rate.is_some_and(|rate_hz| !RATES_HZ.contains(&rate_hz)) {
            return Err(DecodeError::DamagedContainer("its sample rate is implausible"));
        }
        let mut tags = read_tags(reader.as_mut());
        let rules = (container.rules)(&mut file.reader())?;
        tags.extend(rules.creation_time().map(|time| ("creation_time".to_owned(), time)));
        Ok(Self { reader, track, codec: codec_of(&params), params, tags, container, rules })
    }

    /// Short name of the container (`wav`, `isomp4`, `ogg`).
    pub(crate) fn container(&self) -> &'static str {
        self.container.name.unwrap_or_else(|| self.reader.format_info().short_name)
    }

    /// Selects the audio track that follows a reset (the next link of a chained Ogg stream).
    ///
    /// # Errors
    /// There is no audio track.
    pub(crate) fn reselect(&mut self) -> Result<(), DecodeError> {
        (self.track, self.params) = select_track(self.reader.as_ref())?;
        self.codec = codec_of(&self.params);
        Ok(())
    }

    /// Returns the rules for this track.
    ///
    /// # Errors
    /// An MP4 edit list that cannot be applied.
    pub(crate) fn timing(&self) -> Result<TrimRules, DecodeError> {
        let Self { track, params, codec, tags, .. } = self;
        self.rules.timing(&AudioTrack { track, params, codec: *codec, tags })
    }

    /// Whether the header does not state the length, as in a wav that was written into a pipe.
    pub(crate) fn is_open_ended(&self) -> bool {
        self.container.length == StatedLength::ExactOrOpen && self.track.num_frames.is_none()
    }

    /// Number of frames that the header states, if the container counts them exactly.
    pub(crate) fn promised_frames(&self) -> Option<u64> {
        self.track.num_frames.filter(|_| self.container.length != StatedLength::Estimated)
    }

    /// Length that the container states, in seconds. A fragmented MP4 often states none, or 0.
    pub(crate) fn duration_s(&self) -> Option<f64> {
        let seconds = |base: Option<TimeBase>, duration| Some(base?.calc_duration(duration?)?.as_secs_f64());
        let media = self.reader.media_info();
        let frames = self.track.num_frames.zip(self.params.sample_rate).filter(|(_, rate_hz)| *rate_hz > 0);
        frames
            .map(|(frames, rate_hz)| frames as f64 / f64::from(rate_hz))
            .or_else(|| seconds(self.track.time_base, self.track.duration))
            .or_else(|| seconds(media.time_base, media.duration))
            .filter(|&length_s| length_s > 0.0 || self.container.length != StatedLength::Estimated)
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
