//! Opens one recording of a file: its demuxer, its audio tracks with their codecs, and its tags.

use std::collections::BTreeMap;
use std::sync::Arc;

use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::formats::probe::{Hint, Probe};
use symphonia::core::formats::{FormatOptions, FormatReader, Track};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::{MetadataOptions, RawValue};

use crate::codec::{Codec, codec_of};
use crate::config::DecodeLimits;
use crate::container::frames::Walker;
use crate::container::{AudioTrack, Demux, Part, StatedTrack};
use crate::demux::{BlockDemuxer, Demuxer, FrameDemuxer};
use crate::error::DecodeError;
use crate::input::{Bytes, InputFile, Window};
use crate::timeline::{TrimRules, frames_of};

/// Longer tags are dropped: they are cover texts and lyrics.
pub(crate) const TAG_CHARS_MAX: usize = 1_000;
/// Plausible sample rates. Any other rate means that the file is damaged.
pub(crate) const RATES_HZ: std::ops::RangeInclusive<u32> = 1_000..=768_000;

/// A recording in a file, opened to see what it holds.
pub(crate) struct Source {
    /// The tracks that can be decoded, in the order of the file.
    pub(crate) tracks: Vec<AudioSource>,
    /// The others.
    pub(crate) refused: Vec<RefusedTrack>,
    pub(crate) tags: BTreeMap<String, String>,
}

/// A track that can be decoded.
#[derive(Clone)]
pub(crate) struct AudioSource {
    pub(crate) track: Track,
    pub(crate) params: AudioCodecParameters,
    pub(crate) codec: &'static dyn Codec,
}

/// A track that cannot be decoded.
pub(crate) struct RefusedTrack {
    pub(crate) codec: String,
    pub(crate) duration_s: Option<f64>,
    pub(crate) error: DecodeError,
}

impl Source {
    /// Opens a part of the file.
    ///
    /// # Errors
    /// The part is damaged, has no audio track, or has none that can be decoded.
    pub(crate) fn open(file: &Arc<InputFile>, part: &Part, limits: &DecodeLimits) -> Result<Self, DecodeError> {
        let Opened { tracks: all_tracks, mut tags, .. } = open_demuxer(file, part)?;
        tags.extend(leading_tags(file, part));
        tags.extend(part.tags.clone());
        tags.extend(part.rules.creation_time().map(|time| ("creation_time".to_owned(), time)));
        let mut source = Self { tracks: Vec::new(), refused: Vec::new(), tags };
        let mut known: Vec<AudioSource> = all_tracks.into_iter().filter_map(AudioSource::new).collect();
        for stated in &part.stated_tracks {
            match known.iter().position(|audio| audio.track.id == stated.id) {
                Some(at) => source.add(known.remove(at), Some(stated), limits)?,
                None => source.refuse(stated),
            }
        }
        known.into_iter().try_for_each(|audio| source.add(audio, None, limits))?;
        if source.tracks.is_empty() {
            let error = source.refused.into_iter().next().map(|refused| refused.error);
            return Err(error.unwrap_or(DecodeError::NoAudioTrack));
        }
        Ok(source)
    }

    /// Leaves out a track that symphonia's demuxer does not know.
    fn refuse(&mut self, stated: &StatedTrack) {
        let (codec, duration_s) = (stated.codec.clone(), stated.duration_s);
        self.refused.push(RefusedTrack { error: DecodeError::UnsupportedCodec(codec.clone()), codec, duration_s });
    }

    fn add(
        &mut self,
        audio: AudioSource,
        stated: Option<&StatedTrack>,
        limits: &DecodeLimits,
    ) -> Result<(), DecodeError> {
        let params = &audio.params;
        if params.sample_rate.is_some_and(|rate_hz| !RATES_HZ.contains(&rate_hz)) {
            return Err(DecodeError::DamagedContainer("its sample rate is implausible"));
        }
        let channels = params.channels.as_ref().map_or(1, symphonia::core::audio::Channels::count);
        limits.check_channels(channels)?;
        match audio.codec.open(&audio.track, params) {
            Ok(_) => {
                self.tags.extend(audio.codec.level_tag(params));
                self.tracks.push(audio);
            }
            // The container may have a better name for a codec without a decoder.
            Err(DecodeError::UnsupportedCodec(_)) if let Some(stated) = stated => self.refuse(stated),
            Err(error) => {
                let (codec, duration_s) = (audio.codec.name(params), audio.duration_s());
                self.refused.push(RefusedTrack { codec, duration_s, error });
            }
        }
        Ok(())
    }
}

impl AudioSource {
    /// The track, if it holds sound.
    fn new(track: Track) -> Option<Self> {
        match track.codec_params.clone() {
            Some(CodecParameters::Audio(params)) => Some(Self { codec: codec_of(&params), track, params }),
            _ => None,
        }
    }

    /// Returns the rules for this track.
    ///
    /// # Errors
    /// An MP4 edit list that cannot be applied.
    pub(crate) fn timing(&self, part: &Part, tags: &BTreeMap<String, String>) -> Result<TrimRules, DecodeError> {
        part.rules.timing(&AudioTrack { track: &self.track, params: &self.params, codec: self.codec, tags })
    }

    /// Number of frames that the header states for this track.
    pub(crate) fn promised_frames(&self, part: &Part) -> Option<u64> {
        let rate_hz = self.params.sample_rate?;
        let of_index = self.track.duration.filter(|_| part.has_index);
        part.promised_frames.or_else(|| Some(frames_of(of_index?, self.track.time_base, rate_hz)))
    }

    /// Length that the container states, in seconds.
    pub(crate) fn duration_s(&self) -> Option<f64> {
        let of_frames = self.track.num_frames.zip(self.params.sample_rate).filter(|(_, rate_hz)| *rate_hz > 0);
        let of_ticks = || Some(self.track.time_base?.calc_duration(self.track.duration?)?.as_secs_f64());
        let seconds = of_frames.map(|(frames, rate_hz)| frames as f64 / f64::from(rate_hz));
        seconds.or_else(of_ticks).filter(|&seconds| seconds > 0.0)
    }
}

/// A part that can be read: its demuxer, all its tracks, and the tags that symphonia reads.
pub(crate) struct Opened {
    pub(crate) demuxer: Box<dyn Demuxer>,
    pub(crate) tracks: Vec<Track>,
    tags: BTreeMap<String, String>,
}

/// Opens the demuxer of a part.
///
/// # Errors
/// The file cannot be read, or its header is damaged.
pub(crate) fn open_demuxer(file: &Arc<InputFile>, part: &Part) -> Result<Opened, DecodeError> {
    match &part.demux {
        Demux::Symphonia { patches } => {
            let mut reader = open_symphonia(Window::new(file, part.bytes.clone(), patches.clone()))?;
            let (tracks, tags) = (reader.tracks().to_vec(), read_tags(reader.as_mut()));
            Ok(Opened { demuxer: Box::new(reader), tracks, tags })
        }
        Demux::Blocks { layout, track } => {
            let demuxer = Box::new(BlockDemuxer::new(Bytes::new(file), layout.clone()));
            Ok(Opened { demuxer, tracks: vec![(**track).clone()], tags: BTreeMap::new() })
        }
        Demux::Frames { range, read_header, skip_first, track } => {
            let walker = Walker::new(Bytes::new(file), range.clone(), *read_header);
            let demuxer = Box::new(FrameDemuxer::new(walker, *skip_first));
            Ok(Opened { demuxer, tracks: vec![(**track).clone()], tags: BTreeMap::new() })
        }
    }
}

/// The tags in front of a stream of frames. Symphonia reads them; its demuxer is not needed.
fn leading_tags(file: &Arc<InputFile>, part: &Part) -> BTreeMap<String, String> {
    let is_alone = part.container == "mp3" || part.container == "aac";
    let tagged = is_alone.then(|| open_symphonia(Window::new(file, 0..part.bytes.end, Vec::new())));
    tagged.and_then(Result::ok).map(|mut reader| read_tags(reader.as_mut())).unwrap_or_default()
}

fn open_symphonia(window: Window) -> Result<Box<dyn FormatReader>, DecodeError> {
    static PROBE: std::sync::LazyLock<Probe> = std::sync::LazyLock::new(|| {
        let mut probe = Probe::new();
        symphonia::default::register_enabled_formats(&mut probe);
        probe
    });
    let stream = MediaSourceStream::new(Box::new(window), MediaSourceStreamOptions::default());
    PROBE
        .probe(&Hint::new(), stream, FormatOptions::default(), MetadataOptions::default())
        .map_err(DecodeError::from_open)
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
