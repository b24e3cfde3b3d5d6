//! Containers. A container is one entry of [`CONTAINERS`] with its names and the playback rules that symphonia's
//! demuxers do not implement (MP4 edit lists, Matroska's delay and padding, some wave headers).

mod matroska;
mod mp4;
mod wave;

use std::collections::BTreeMap;
use std::io;
use std::sync::LazyLock;

use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::formats::probe::Probe;
use symphonia::core::formats::well_known::{
    FORMAT_ID_ADTS, FORMAT_ID_AIFF, FORMAT_ID_CAF, FORMAT_ID_FLAC, FORMAT_ID_ISOMP4, FORMAT_ID_MKV, FORMAT_ID_MP1,
    FORMAT_ID_MP2, FORMAT_ID_MP3, FORMAT_ID_OGG, FORMAT_ID_WAVE,
};
use symphonia::core::formats::{FormatId, Track};
use symphonia::core::io::MediaSource;

use crate::codec::{self, Codec};
use crate::error::DecodeError;
use crate::input::InputReader;
use crate::timeline::{Edit, Timeline, TrimRules};

/// Time stamps of Matroska (in ms) and Ogg (one per page) are wrong by less than this.
const ROUNDED_STAMPS_MS: u64 = 60;

/// All containers.
static CONTAINERS: &[Container] = &[
    Container {
        name: Some("wav"),
        length: StatedLength::ExactOrOpen,
        ..Container::new(FORMAT_ID_WAVE, &["wav", "wave"])
    },
    Container { length: StatedLength::Exact, ..Container::new(FORMAT_ID_AIFF, &["aif", "aiff"]) },
    Container { rules: |_| with_timing(caf_timing), ..Container::new(FORMAT_ID_CAF, &["caf"]) },
    Container {
        length: StatedLength::Exact,
        rules: |_| with_timing(flac_timing),
        ..Container::new(FORMAT_ID_FLAC, &["flac"])
    },
    Container::new(FORMAT_ID_MP1, &["mp1"]),
    Container::new(FORMAT_ID_MP2, &["mp2"]),
    Container::new(FORMAT_ID_MP3, &["mp3"]),
    Container { rules: adts_rules, ..Container::new(FORMAT_ID_ADTS, &["aac"]) },
    Container { rules: |_| with_timing(ogg_timing), ..Container::new(FORMAT_ID_OGG, &["oga", "ogg", "opus"]) },
    Container { rules: mp4::rules, ..Container::new(FORMAT_ID_ISOMP4, &["3gp", "m4a", "m4b", "mov", "mp4"]) },
    Container { rules: matroska::rules, ..Container::new(FORMAT_ID_MKV, &["mka", "mkv", "webm"]) },
];

/// Formats of recordings without a demuxer. Such files get an error with a reason instead of being skipped.
const WITHOUT_DEMUXER: [&str; 1] = ["amr"];

/// Properties of a container that the decode stage needs.
pub(crate) struct Container {
    /// Symphonia's id of the container.
    format: FormatId,
    /// Short name in records, if it differs from symphonia's.
    pub(crate) name: Option<&'static str>,
    /// File name extensions to search a folder for, in lower case and without the dot.
    extensions: &'static [&'static str],
    /// Accuracy of the length in the header.
    pub(crate) length: StatedLength,
    /// Adds a demuxer that symphonia does not provide.
    demuxer: Option<fn(&mut Probe)>,
    /// Reads the playback rules that the demuxer does not report.
    pub(crate) rules: fn(&mut InputReader) -> Result<Box<dyn PlaybackRules>, DecodeError>,
}

/// Accuracy of the number of frames that a header states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StatedLength {
    /// Unreliable.
    Estimated,
    /// Exact.
    Exact,
    /// Exact if it is stated. A file that was written into a pipe does not state it.
    ExactOrOpen,
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

impl Container {
    const fn new(format: FormatId, extensions: &'static [&'static str]) -> Self {
        let (name, length, demuxer) = (None, StatedLength::Estimated, None);
        Self { format, name, extensions, length, demuxer, rules: |_| with_timing(|_| TrimRules::default()) }
    }

    /// Returns the container with this id, or one without rules if the id is not in the list.
    pub(crate) fn of(format: FormatId) -> &'static Self {
        static OTHER: Container = Container::new(symphonia::core::formats::FORMAT_ID_NULL, &[]);
        CONTAINERS.iter().find(|container| container.format == format).unwrap_or(&OTHER)
    }
}

/// File name extensions of recordings, in lower case and without the dot, sorted.
#[must_use]
pub fn audio_extensions() -> &'static [&'static str] {
    static SORTED: LazyLock<Vec<&str>> = LazyLock::new(|| {
        let known = CONTAINERS.iter().flat_map(|container| container.extensions).chain(&WITHOUT_DEMUXER);
        let mut extensions: Vec<&str> = known.copied().collect();
        extensions.sort_unstable();
        extensions
    });
    &SORTED
}

/// Symphonia's demuxers and those of [`CONTAINERS`].
pub(crate) fn demuxers() -> &'static Probe {
    static PROBE: LazyLock<Probe> = LazyLock::new(|| {
        let mut probe = Probe::new();
        symphonia::default::register_enabled_formats(&mut probe);
        CONTAINERS.iter().filter_map(|container| container.demuxer).for_each(|register| register(&mut probe));
        probe
    });
    &PROBE
}

/// Returns the file in a form that symphonia's demuxers can read.
///
/// # Errors
/// The file could not be read.
pub(crate) fn media_source(file: InputReader) -> io::Result<Box<dyn MediaSource>> {
    wave::source(file)
}

/// Rules that depend only on the track.
struct FromTrack(fn(&AudioTrack<'_>) -> TrimRules);

impl PlaybackRules for FromTrack {
    fn timing(&self, track: &AudioTrack<'_>) -> Result<TrimRules, DecodeError> {
        Ok((self.0)(track))
    }
}

fn with_timing(timing: fn(&AudioTrack<'_>) -> TrimRules) -> Result<Box<dyn PlaybackRules>, DecodeError> {
    Ok(Box::new(FromTrack(timing)))
}

fn adts_rules(file: &mut InputReader) -> Result<Box<dyn PlaybackRules>, DecodeError> {
    codec::require_low_complexity_adts(file)?;
    with_timing(|_| TrimRules::default())
}

fn caf_timing(track: &AudioTrack<'_>) -> TrimRules {
    let start = u64::from(track.track.delay.unwrap_or(0));
    let end = track.track.num_frames.map_or(u64::MAX, |frames| start.saturating_add(frames));
    TrimRules { timeline: Timeline::new(vec![Edit::Media { start, end }]), ..TrimRules::default() }
}

/// Frame headers count samples exactly; the demuxer skips damaged frames.
fn flac_timing(_track: &AudioTrack<'_>) -> TrimRules {
    TrimRules { gap_ms: Some(0), ..TrimRules::default() }
}

fn ogg_timing(track: &AudioTrack<'_>) -> TrimRules {
    let delay = track.codec.delay_frames(track.params, false).unwrap_or(0);
    TrimRules { timeline: Timeline::from_frame(delay), gap_ms: Some(ROUNDED_STAMPS_MS), ..TrimRules::default() }
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
