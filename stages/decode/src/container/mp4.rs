//! MP4 files (ISO/IEC 14496-12): where a recording ends, what its tracks are, and when their samples are played.
//! What the boxes state about the file's own making is kept as it is. Reads the boxes `mvhd`, `tkhd`, `mdhd`, `hdlr`, `stsd` and `elst`; symphonia's demuxer reads the sample tables.

use std::collections::BTreeMap;

use stage_core::WarningKind;
use stage_core::container::{BoxFacts, ContainerFacts, EditFacts, HeaderTimes, TrackFacts};

use super::{AudioTrack, Demux, Part, Payload, PlaybackRules, StatedTrack};
use crate::codec::names::four_characters;
use crate::error::DecodeError;
use crate::input::Bytes;
use crate::timeline::{Edit, Timeline, TrimRules};

/// Maximum size of a `moov` box. A larger one is not that of a recording.
const MOOV_BYTES_MAX: u64 = 256 << 20;
/// Boxes of the file itself. The end of the file may cut one of them.
const BOXES: [&[u8; 4]; 14] = [
    b"ftyp", b"styp", b"moov", b"mdat", b"moof", b"mfra", b"sidx", b"meta", b"uuid", b"udta", b"free", b"skip",
    b"wide", b"emsg",
];
/// Boxes of the file, brands and tracks that are kept in its statements.
const LISTED_MAX: usize = 100;
/// An empty edit longer than this is damage, not a pause.
const EMPTY_EDIT_S_MAX: u64 = 24 * 3_600;
/// Seconds from 1904-01-01, the epoch of MP4, to 1970-01-01.
const EPOCH_1904_S: i64 = 2_082_844_800;

pub(super) fn begins(bytes: &mut Bytes, at: u64) -> Result<bool, DecodeError> {
    Ok(bytes.array::<8>(at)?.is_some_and(|head| head[4..] == *b"ftyp"))
}

/// Walks over the boxes of the file. A recording ends where the next `ftyp` box begins.
pub(super) fn scan(bytes: &mut Bytes, start: u64) -> Result<Part, DecodeError> {
    let len = bytes.len();
    let (mut at, mut movie, mut media_bytes, mut patches, mut missing) = (start, None, 0, Vec::new(), 0);
    let mut facts = ContainerFacts::default();
    while at < len {
        let Some((kind, header_len, size)) = box_header(bytes.get(at, 16)?) else { break };
        let is_next = kind == *b"ftyp" && at > start && (movie.is_some() || media_bytes > 0);
        if is_next || !kind.iter().all(|byte| (0x20..0x7f).contains(byte) || *byte == 0xa9) {
            break;
        }
        let (end, is_last) = (at.saturating_add(size).min(len), at.saturating_add(size) >= len);
        if is_last && size != u64::MAX && !BOXES.contains(&&kind) {
            break;
        }
        if facts.boxes.len() < LISTED_MAX {
            let size = if size == u64::MAX { end - at } else { size };
            facts.boxes.push(BoxFacts { kind: printable(&kind), start: at, size });
        }
        missing = if size == u64::MAX { 0 } else { at.saturating_add(size).saturating_sub(len) };
        match &kind {
            b"ftyp" if facts.brands.is_empty() => {
                let body = (end - at).saturating_sub(header_len).min(4 * LISTED_MAX as u64);
                facts.brands = brands(bytes.get(at + header_len, body as usize)?);
            }
            b"moov" => {
                let body = (end - at).saturating_sub(header_len).min(MOOV_BYTES_MAX);
                movie = Some(Movie::parse(bytes.get(at + header_len, body as usize)?));
            }
            b"mdat" => {
                media_bytes += (end - at).saturating_sub(header_len);
                patches.extend(is_last.then(|| exact_size(at, header_len, end - at)).flatten());
            }
            _ => {}
        }
        at = end;
    }
    let Some(movie) = movie else {
        return Err(DecodeError::DamagedContainer(
            "its index (moov) is missing, as if the recorder had been interrupted",
        ));
    };
    let mut part = Part::new(start..at, Demux::Symphonia { patches }, Payload::Bytes(media_bytes));
    if missing > 0 {
        part.warn(WarningKind::Incomplete, format!("the file ends {missing} bytes before the end of its last box"));
    }
    part.has_index = true;
    part.stated_tracks = movie.stated_tracks();
    part.facts = movie.facts(facts);
    part.rules = Box::new(movie);
    Ok(part)
}

/// Replaces the size of the last box, which may be 0 (up to the end) or more than the file has.
fn exact_size(at: u64, header_len: u64, size: u64) -> Option<(u64, Vec<u8>)> {
    if header_len == 16 {
        return Some((at + 8, size.to_be_bytes().to_vec()));
    }
    u32::try_from(size).ok().map(|size| (at, size.to_be_bytes().to_vec()))
}

/// The major brand, and those that the file is compatible with.
fn brands(ftyp: &[u8]) -> Vec<String> {
    // The second field is a version.
    let fields = ftyp.chunks_exact(4).enumerate().filter(|(at, _)| *at != 1);
    fields.map(|(_, brand)| printable(brand)).collect()
}

/// Contents of the `moov` box other than the sample tables.
#[derive(Debug, Default)]
struct Movie {
    header: Header,
    tracks: Vec<Track>,
}

#[derive(Debug, Default)]
struct Track {
    id: u32,
    /// Times of the track header.
    header: HeaderTimes,
    media: Header,
    /// Kind of the track (`soun`, `vide`).
    handler: [u8; 4],
    /// Kind of its samples (`mp4a`, `samr`).
    sample_entry: [u8; 4],
    edits: Vec<RawEdit>,
}

/// One entry of an edit list: length in the movie's timescale, start in the track's timescale (-1: empty), speed
/// (16.16).
#[derive(Debug, Clone, Copy)]
struct RawEdit {
    duration: u64,
    media_time: i64,
    rate: u32,
}

impl Movie {
    /// The tracks with sound.
    fn stated_tracks(&self) -> Vec<StatedTrack> {
        let is_sound = |track: &&Track| track.handler == *b"soun";
        let stated = |track: &Track| StatedTrack {
            id: track.id,
            codec: codec_name(&track.sample_entry),
            duration_s: (track.media.timescale > 0).then(|| track.media.times.duration_s.unwrap_or(0.0)),
        };
        self.tracks.iter().filter(is_sound).map(stated).collect()
    }

    fn parse(moov: &[u8]) -> Self {
        let mut movie = Self::default();
        for (kind, body) in Boxes(moov) {
            match &kind {
                b"mvhd" => movie.header = Header::parse(body),
                b"trak" => movie.tracks.push(Track::parse(body)),
                _ => {}
            }
        }
        movie
    }

    /// Adds what the movie and its tracks state.
    fn facts(&self, facts: ContainerFacts) -> ContainerFacts {
        let edit = |track: &Track, edit: &RawEdit| {
            let start = u64::try_from(edit.media_time).ok();
            let media_start_s = start.and_then(|start| seconds(start, track.media.timescale));
            Some(EditFacts { duration_s: seconds(edit.duration, self.header.timescale)?, media_start_s })
        };
        let track = |track: &Track| TrackFacts {
            handler: printable(&track.handler),
            header: track.header,
            media: track.media.times,
            edits: track.edits.iter().take(LISTED_MAX).filter_map(|raw| edit(track, raw)).collect(),
        };
        let tracks = self.tracks.iter().take(LISTED_MAX).map(track).collect();
        ContainerFacts { movie: Some(self.header.times), tracks, ..facts }
    }

    /// Edit list of a track in frames at `rate_hz`; empty if there is none. `media_frames` is the length of the media
    /// if it is known exactly, because the end of an edit is only as exact as the movie's timescale.
    ///
    /// # Errors
    /// The list cannot be applied in one pass: other speed, jumps back, or a pause of more than a day.
    fn edits(&self, track: u32, rate_hz: u32, media_frames: Option<u64>) -> Result<Vec<Edit>, DecodeError> {
        let Some(track) = self.tracks.iter().find(|t| t.id == track) else { return Ok(Vec::new()) };
        let (timescale, media_timescale) = (self.header.timescale, track.media.timescale);
        if timescale == 0 || media_timescale == 0 {
            return Ok(Vec::new());
        }
        let tick = frames(1, rate_hz, timescale) + 1;
        let mut edits = Vec::new();
        let mut last_end = 0;
        for edit in &track.edits {
            let length = frames(edit.duration, rate_hz, timescale);
            if edit.rate != 0x1_0000 && edit.media_time >= 0 {
                return Err(DecodeError::UnsupportedEditList("an edit is played at another speed, or is a still"));
            }
            let Ok(media_time) = u64::try_from(edit.media_time) else {
                if length > EMPTY_EDIT_S_MAX * u64::from(rate_hz) {
                    return Err(DecodeError::UnsupportedEditList("an empty edit is longer than a day"));
                }
                edits.push(Edit::Silence(length));
                continue;
            };
            let start = frames(media_time, rate_hz, media_timescale);
            if start < last_end {
                return Err(DecodeError::UnsupportedEditList("its edits jump back in the media"));
            }
            let end = if edit.duration == 0 { u64::MAX } else { start.saturating_add(length) };
            last_end = media_frames.filter(|media| media.abs_diff(end) <= tick).unwrap_or(end);
            edits.push(Edit::Media { start, end: last_end });
        }
        Ok(edits)
    }
}

impl PlaybackRules for Movie {
    fn creation_time(&self) -> Option<String> {
        self.header.times.created_s.map(super::rfc3339)
    }

    fn timing(&self, track: &AudioTrack<'_>) -> Result<TrimRules, DecodeError> {
        let edits = self.edits(track.track.id, track.rate_hz(), track.track.num_frames)?;
        let timeline = match (edits.is_empty(), itunes_trim(track.tags)) {
            (false, _) => Timeline::new(edits),
            (true, Some(edit)) => Timeline::new(vec![edit]),
            (true, None) => Timeline::from_frame(track.codec.delay_frames(track.params, true).unwrap_or(0)),
        };
        Ok(TrimRules { timeline, ..TrimRules::default() })
    }
}

/// Parses delay and length from the tag that iTunes writes: hexadecimal fields, of which the 2nd to 4th are delay,
/// padding and length in frames.
fn itunes_trim(tags: &BTreeMap<String, String>) -> Option<Edit> {
    let (_, value) = tags.iter().find(|(key, _)| key.ends_with("iTunSMPB"))?;
    let field = |n| u64::from_str_radix(value.split_whitespace().nth(n)?, 16).ok();
    let (start, length) = (field(1)?, field(3)?);
    Some(Edit::Media { start, end: start.checked_add(length)? })
}

impl Track {
    fn parse(trak: &[u8]) -> Self {
        let mut track = Self::default();
        for (kind, body) in Boxes(trak) {
            match &kind {
                b"tkhd" => {
                    track.id = read_u32(body, if is_long(body) { 20 } else { 12 }).unwrap_or(0);
                    track.header = times(body);
                }
                b"edts" => {
                    for (_, list) in Boxes(body).filter(|(kind, _)| kind == b"elst") {
                        track.edits = parse_edit_list(list).unwrap_or_default();
                    }
                }
                b"mdia" => {
                    for (kind, body) in Boxes(body) {
                        track.read_media(&kind, body);
                    }
                }
                _ => {}
            }
        }
        track
    }

    fn read_media(&mut self, kind: &[u8; 4], body: &[u8]) {
        match kind {
            b"mdhd" => self.media = Header::parse(body),
            b"hdlr" => self.handler = read_4(body, 8),
            b"minf" => {
                let tables = Boxes(body).filter(|(kind, _)| kind == b"stbl").flat_map(|(_, stbl)| Boxes(stbl));
                for (_, description) in tables.filter(|(kind, _)| kind == b"stsd") {
                    self.sample_entry = read_4(description, 12);
                }
            }
            _ => {}
        }
    }
}

/// The name of a codec by the type of its sample entry.
fn codec_name(sample_entry: &[u8; 4]) -> String {
    match sample_entry {
        b"enca" | b"drms" => "an encrypted codec".to_owned(),
        other => four_characters(other),
    }
}

/// Fields that `mvhd` and `mdhd` share.
#[derive(Debug, Default)]
struct Header {
    timescale: u32,
    times: HeaderTimes,
}

impl Header {
    fn parse(body: &[u8]) -> Self {
        let long = is_long(body);
        let timescale = read_u32(body, if long { 20 } else { 12 }).unwrap_or(0);
        let duration = if long { read_u64(body, 24) } else { read_u32(body, 16).map(u64::from) };
        let unknown = if long { u64::MAX } else { u64::from(u32::MAX) };
        let duration_s = duration.filter(|ticks| *ticks != unknown).and_then(|ticks| seconds(ticks, timescale));
        Self { timescale, times: HeaderTimes { duration_s, ..times(body) } }
    }
}

/// When `mvhd`, `tkhd` or `mdhd` states that it was created and changed.
fn times(body: &[u8]) -> HeaderTimes {
    let long = is_long(body);
    let time = |number: usize| {
        let ticks = if long { read_u64(body, 4 + 8 * number) } else { read_u32(body, 4 + 4 * number).map(u64::from) };
        ticks.filter(|ticks| *ticks != 0).and_then(|ticks| i64::try_from(ticks).ok()).map(|s| s - EPOCH_1904_S)
    };
    HeaderTimes { created_s: time(0), modified_s: time(1), duration_s: None }
}

/// Whether a box has version 1, with fields of 64 bits.
fn is_long(body: &[u8]) -> bool {
    body.first() == Some(&1)
}

/// Ticks of a timescale in seconds; `None` without a timescale.
fn seconds(ticks: u64, timescale: u32) -> Option<f64> {
    (timescale > 0).then(|| ticks as f64 / f64::from(timescale))
}

fn parse_edit_list(body: &[u8]) -> Option<Vec<RawEdit>> {
    let long = is_long(body);
    let count = read_u32(body, 4)? as usize;
    let entry = if long { 20 } else { 12 };
    body.get(8..)?
        .chunks_exact(entry)
        .take(count)
        .map(|edit| {
            let (duration, media_time) = if long {
                (read_u64(edit, 0)?, read_u64(edit, 8)? as i64)
            } else {
                (u64::from(read_u32(edit, 0)?), i64::from(read_u32(edit, 4)? as i32))
            };
            Some(RawEdit { duration, media_time, rate: read_u32(edit, entry - 4)? })
        })
        .collect()
}

/// Converts `ticks` of a timescale to frames at `rate_hz`, rounded.
fn frames(ticks: u64, rate_hz: u32, timescale: u32) -> u64 {
    let frames = (u128::from(ticks) * u128::from(rate_hz) + u128::from(timescale / 2)) / u128::from(timescale);
    u64::try_from(frames).unwrap_or(u64::MAX)
}

/// Type, header length and total size of the box that begins here.
fn box_header(bytes: &[u8]) -> Option<([u8; 4], u64, u64)> {
    let kind = bytes.get(4..8)?.try_into().ok()?;
    match read_u32(bytes, 0)? {
        0 => Some((kind, 8, u64::MAX)),
        1 => read_u64(bytes, 8).filter(|&size| size >= 16).map(|size| (kind, 16, size)),
        size => (size >= 8).then_some((kind, 8, u64::from(size))),
    }
}

/// Iterator over the boxes inside a box. Stops at the first box that does not fit.
struct Boxes<'a>(&'a [u8]);

impl<'a> Iterator for Boxes<'a> {
    type Item = ([u8; 4], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (kind, header, size) = box_header(self.0)?;
        let size = size.min(self.0.len() as u64) as usize;
        let body = self.0.get(header as usize..size)?;
        self.0 = &self.0[size..];
        Some((kind, body))
    }
}

/// The type of a box, with other bytes than printable ASCII as `?`.
fn printable(kind: &[u8]) -> String {
    kind.iter().map(|byte| if (32..127).contains(byte) { char::from(*byte) } else { '?' }).collect()
}

fn read_u32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes)
}

fn read_4(bytes: &[u8], at: usize) -> [u8; 4] {
    bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).unwrap_or_default()
}

fn read_u64(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..at + 8)?.try_into().ok().map(u64::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn movie(edits: &[(u64, i64, u32)]) -> Movie {
        let edits = edits.iter().map(|&(duration, media_time, rate)| RawEdit { duration, media_time, rate }).collect();
        Movie {
            header: Header { timescale: 1_000, ..Header::default() },
            tracks: vec![Track {
                id: 7,
                media: Header { timescale: 44_100, ..Header::default() },
                edits,
                ..Track::default()
            }],
        }
    }

    #[test]
    fn edits_that_end_within_a_tick_of_the_media_end_with_the_media() {
        let movie = movie(&[(1_000, 1_024, 0x1_0000)]);
        assert_eq!(movie.edits(7, 44_100, Some(45_110)).unwrap(), [Edit::Media { start: 1_024, end: 45_110 }]);
        assert_eq!(movie.edits(7, 44_100, Some(60_000)).unwrap(), [Edit::Media { start: 1_024, end: 45_124 }]);
        assert!(movie.edits(8, 44_100, None).unwrap().is_empty());
    }

    #[test]
    fn edits_that_need_a_second_pass_are_refused() {
        for edits in [
            &[(1_000, 50_000, 0x1_0000), (1_000, 0, 0x1_0000)][..],
            &[(1_000, 0, 0x2_0000)],
            &[(u64::MAX, -1, 0x1_0000)],
        ] {
            assert!(movie(edits).edits(7, 44_100, None).is_err(), "{edits:?}");
        }
    }

    fn box_of(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
        [&(body.len() as u32 + 8).to_be_bytes()[..], kind, body].concat()
    }

    fn words(values: &[u32]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_be_bytes()).collect()
    }

    /// A movie of a minute whose track was created an hour before it, and begins with half a second of silence.
    fn moov(created: u32) -> Vec<u8> {
        let mvhd = box_of(b"mvhd", &words(&[0, created, created, 1_000, 60_000]));
        let tkhd = box_of(b"tkhd", &words(&[0, created - 3_600, created, 1, 0, 60_000]));
        let elst = box_of(b"elst", &words(&[0, 2, 500, u32::MAX, 0x1_0000, 59_500, 1_024, 0x1_0000]));
        let mdhd = box_of(b"mdhd", &words(&[0, created - 3_600, 0, 16_000, 960_000]));
        let hdlr = box_of(b"hdlr", &[&words(&[0, 0])[..], b"soun"].concat());
        let mdia = box_of(b"mdia", &[mdhd, hdlr].concat());
        [mvhd, box_of(b"trak", &[tkhd, box_of(b"edts", &elst), mdia].concat())].concat()
    }

    #[test]
    fn movie_states_its_times_and_edits() {
        let facts = Movie::parse(&moov(3_000_000_000)).facts(ContainerFacts::default());
        let created_s = 3_000_000_000 - EPOCH_1904_S;
        let times = |created_s, modified_s, duration_s| HeaderTimes { created_s, modified_s, duration_s };
        assert_eq!(facts.movie, Some(times(Some(created_s), Some(created_s), Some(60.0))));
        let track = &facts.tracks[0];
        assert_eq!(track.handler, "soun");
        assert_eq!(track.header, times(Some(created_s - 3_600), Some(created_s), None));
        assert_eq!(track.media, times(Some(created_s - 3_600), None, Some(60.0)));
        let edit = |duration_s, media_start_s| EditFacts { duration_s, media_start_s };
        assert_eq!(track.edits, [edit(0.5, None), edit(59.5, Some(0.064))]);
    }

    #[test]
    fn movie_survives_cut_and_altered_boxes() {
        let whole = moov(3_000_000_000);
        let facts = |bytes: &[u8]| Movie::parse(bytes).facts(ContainerFacts::default());
        for length in 0..whole.len() {
            assert!(facts(&whole[..length]).tracks.len() <= 1);
        }
        for at in 0..whole.len() {
            for value in [0, 1, 0xff] {
                let mut altered = whole.clone();
                altered[at] = value;
                assert!(facts(&altered).tracks.len() <= 1);
            }
        }
    }
}
