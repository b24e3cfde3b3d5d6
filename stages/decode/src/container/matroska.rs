//! Matroska and WebM files (RFC 9559): where a recording ends, how many packets its tracks have, which samples are not
//! played (CodecDelay and DiscardPadding), and when the recording was made.

use std::collections::BTreeMap;

use stage_core::WarningKind;

use super::{AudioTrack, Demux, Part, Payload, PlaybackRules, ROUNDED_STAMPS_MS, StatedTrack, begins_with};
use crate::codec::names::matroska_codec;
use crate::error::DecodeError;
use crate::input::Bytes;
use crate::timeline::{Timeline, TrimRules};

const EBML: u32 = 0x1a45_dfa3;
const SEEK_HEAD: u32 = 0x114d_9b74;
const SEGMENT: u32 = 0x1853_8067;
const INFO: u32 = 0x1549_a966;
const TICK_NS: u32 = 0x002a_d7b1;
const DURATION: u32 = 0x4489;
const DATE_UTC: u32 = 0x4461;
const TRACKS: u32 = 0x1654_ae6b;
const TRACK_ENTRY: u32 = 0xae;
const TRACK_NUMBER: u32 = 0xd7;
const TRACK_TYPE: u32 = 0x83;
const CODEC_ID: u32 = 0x86;
const CODEC_DELAY: u32 = 0x56aa;
const CLUSTER: u32 = 0x1f43_b675;
const SIMPLE_BLOCK: u32 = 0xa3;
const BLOCK_GROUP: u32 = 0xa0;
const BLOCK: u32 = 0xa1;
const DISCARD_PADDING: u32 = 0x75a2;
/// Elements without sound that the end of the file may cut: Void, CRC-32, SeekHead, Cues, Tags, Chapters, Attachments.
const WITHOUT_SOUND: [u32; 7] = [0xec, 0xbf, SEEK_HEAD, 0x1c53_bb6b, 0x1254_c367, 0x1043_a770, 0x1941_a469];
/// Longest element of the headers, except for the codec's own header. A longer one may be a damaged cluster.
const HEADER_ELEMENT_BYTES: u64 = 1 << 10;
const CODEC_PRIVATE: u32 = 0x63a2;
/// Further elements that clusters hold, besides blocks: Timestamp, Position, PrevSize, BlockAdditions, BlockDuration,
/// ReferencePriority, ReferenceBlock, CodecState, DiscardPadding, Slices, EncryptedBlock, SilentTracks.
const IN_CLUSTERS: [u32; 12] = [0xe7, 0xa7, 0xab, 0x75a1, 0x9b, 0xfa, 0xfb, 0xa4, DISCARD_PADDING, 0x8e, 0xaf, 0x5854];
/// Seconds from 1970-01-01 to 2001-01-01, the epoch of Matroska.
const EPOCH_2001_S: i64 = 978_307_200;
/// Length of a tick unless TimestampScale states it.
const DEFAULT_TICK_NS: u64 = 1_000_000;
/// Value of TrackType for sound.
const AUDIO: u64 = 2;

pub(super) fn begins(bytes: &mut Bytes, at: u64) -> Result<bool, DecodeError> {
    begins_with(bytes, at, &EBML.to_be_bytes())
}

pub(super) fn scan(bytes: &mut Bytes, start: u64) -> Result<Part, DecodeError> {
    let mut walk = Walk::new(bytes, start);
    walk.run(start)?;
    let (end, is_cut, junk_bytes) = (walk.at, walk.is_cut, walk.junk_bytes);
    let (found, patches) = walk.finish();
    let sound = || found.tracks.iter().filter(|(_, track)| track.kind == AUDIO);
    let packets = sound().map(|(&number, track)| (number as u32, track.packets)).collect();
    let stated = |(&number, track): (&u64, &Track)| StatedTrack {
        id: number as u32,
        codec: matroska_codec(&track.codec),
        duration_s: None,
    };
    let stated_tracks = sound().map(stated).collect();
    let demux = Demux::Symphonia { patches };
    let mut part = Part::new(start..end, demux, Payload::Packets(packets));
    part.cut_is_known = true;
    part.stated_tracks = stated_tracks;
    part.promised_s = found.audio_length_s();
    if is_cut {
        part.warn(WarningKind::Incomplete, "the file ends in the middle of a packet".to_owned());
    }
    if junk_bytes > 0 {
        part.left_out_bytes = junk_bytes;
        part.warn(WarningKind::Damaged, format!("{junk_bytes} bytes are not elements of the container"));
    }
    part.rules = Box::new(found);
    Ok(part)
}

/// The size "unknown", in this number of bytes.
fn unknown_size(bytes: u64) -> Vec<u8> {
    let mut size = vec![0xff; bytes as usize];
    size[0] >>= bytes - 1;
    size
}

/// The header of an element without a meaning, with this length of the header and size of the body.
fn void_header(header_bytes: u64, size: u64) -> Vec<u8> {
    let size_bytes = header_bytes - 1;
    let marked = size | 1 << (7 * size_bytes);
    let mut header = vec![0xec];
    header.extend(&marked.to_be_bytes()[8 - size_bytes.min(8) as usize..]);
    header
}

/// Elements found in a file.
#[derive(Debug, Default)]
struct Segment {
    date_ns: Option<i64>,
    /// Length, in ticks of the segment's clock.
    duration_ticks: Option<f64>,
    tick_ns: Option<u64>,
    tracks: BTreeMap<u64, Track>,
}

impl Segment {
    /// Length that the header states, if there is nothing but sound.
    fn audio_length_s(&self) -> Option<f64> {
        let ticks = self.duration_ticks.filter(|_| self.tracks.values().all(|track| track.kind == AUDIO))?;
        Some(ticks * self.tick_ns.unwrap_or(DEFAULT_TICK_NS) as f64 / 1e9).filter(|seconds| seconds.is_finite())
    }
}

/// What is known about one track.
#[derive(Debug, Default, Clone)]
struct Track {
    kind: u64,
    codec: String,
    /// Duration at the start of the decoder's output that is delay, in ns.
    delay_ns: u64,
    /// Duration to discard at the end of a packet, in ns, by the packet's index in the track.
    padding_ns: BTreeMap<u64, u64>,
    packets: u64,
}

impl PlaybackRules for Segment {
    fn creation_time(&self) -> Option<String> {
        self.date_ns.map(|ns| super::rfc3339(ns.div_euclid(1_000_000_000) + EPOCH_2001_S))
    }

    fn timing(&self, track: &AudioTrack<'_>) -> Result<TrimRules, DecodeError> {
        let rate_hz = u128::from(track.rate_hz());
        let frames = |ns: u64| ((u128::from(ns) * rate_hz + 500_000_000) / 1_000_000_000) as u64;
        let of_track = self.tracks.get(&u64::from(track.track.id)).cloned().unwrap_or_default();
        // The codec's own header states the delay in samples, CodecDelay in rounded nanoseconds.
        let delay = track.codec.delay_frames(track.params, false).unwrap_or_else(|| frames(of_track.delay_ns));
        Ok(TrimRules {
            timeline: Timeline::from_frame(delay),
            padding: of_track.padding_ns.into_iter().map(|(at, ns)| (at, frames(ns))).collect(),
            gap_ms: Some(ROUNDED_STAMPS_MS),
        })
    }
}

/// Reads the headers of all elements and skips the samples.
struct Walk<'a> {
    bytes: &'a mut Bytes,
    at: u64,
    found: Segment,
    /// Number of the track entry that is being read.
    entry: u64,
    /// Track and index of the last packet of the block group that is being read.
    block: Option<(u64, u64)>,
    /// Whether the end of the file cuts a block.
    is_cut: bool,
    /// Whether the first cluster has begun.
    in_clusters: bool,
    /// Bytes in front of a cluster that are not elements.
    junk_bytes: u64,
    /// The ends of segments and clusters, and their sizes replaced by "unknown".
    masters: Vec<(u64, (u64, Vec<u8>))>,
    /// Replaces lists of positions by elements without a meaning.
    seek_heads: Vec<(u64, Vec<u8>)>,
}

impl<'a> Walk<'a> {
    fn new(bytes: &'a mut Bytes, at: u64) -> Self {
        Self {
            bytes,
            at,
            found: Segment::default(),
            entry: 0,
            block: None,
            is_cut: false,
            in_clusters: false,
            junk_bytes: 0,
            masters: Vec::new(),
            seek_heads: Vec::new(),
        }
    }

    /// What was found, and the bytes to replace.
    fn finish(self) -> (Segment, Vec<(u64, Vec<u8>)>) {
        let end = self.at;
        let is_too_long = |master: &(u64, _)| master.0 > end;
        let mut patches: Vec<_> = self.masters.into_iter().filter(is_too_long).map(|(_, patch)| patch).collect();
        // The lists of positions lead to elements behind the end of a file that was cut.
        if !patches.is_empty() {
            patches.extend(self.seek_heads);
        }
        (self.found, patches)
    }

    /// Stops at the end of the file, at damage, and where another recording begins.
    fn run(&mut self, start: u64) -> Result<(), DecodeError> {
        while self.at < self.bytes.len() {
            let element = self.at;
            let id = self.id()?;
            let size_at = self.at;
            let (Some(id), Some(size)) = (id, self.vint()?) else {
                self.at = element;
                return Ok(());
            };
            if let (SEGMENT | CLUSTER, Some(size)) = (id, size) {
                let end = self.at.saturating_add(size);
                self.masters.push((end, (size_at, unknown_size(self.at - size_at))));
            }
            if let (SEEK_HEAD, Some(size), ..=9) = (id, size, self.at - element) {
                self.seek_heads.push((element, void_header(self.at - element, size)));
            }
            match (id, size) {
                (EBML, _) if element > start => {
                    self.at = element;
                    return Ok(());
                }
                // Their children follow directly, so their sizes are not needed.
                (SEGMENT | INFO | TRACKS | TRACK_ENTRY | BLOCK_GROUP, _) => {}
                (CLUSTER, _) => self.in_clusters = true,
                (id, Some(size)) if self.is_expected(id, size) => {
                    let end = self.at.saturating_add(size);
                    self.leaf(id, size)?;
                    self.at = end.min(self.bytes.len());
                }
                // Only segments and clusters may have an unknown size.
                _ => match self.bytes.find(element + 1..self.bytes.len(), &CLUSTER.to_be_bytes())? {
                    Some(cluster) => {
                        self.junk_bytes += cluster - element;
                        self.at = cluster;
                    }
                    None => {
                        self.at = element;
                        return Ok(());
                    }
                },
            }
        }
        Ok(())
    }

    /// Whether an element may be here. From the first cluster on, few may.
    fn is_expected(&self, id: u32, size: u64) -> bool {
        let fits = self.at.saturating_add(size) <= self.bytes.len();
        match id {
            SIMPLE_BLOCK | BLOCK => true,
            _ if WITHOUT_SOUND.contains(&id) => true,
            _ if self.in_clusters => fits && IN_CLUSTERS.contains(&id),
            _ => fits && (size <= HEADER_ELEMENT_BYTES || id == CODEC_PRIVATE),
        }
    }

    fn leaf(&mut self, id: u32, size: u64) -> Result<(), DecodeError> {
        let entry = self.entry;
        match (id, size) {
            (TICK_NS, 1..=8) => self.found.tick_ns = Some(self.uint(size)?),
            (DURATION, 4) => self.found.duration_ticks = Some(f32::from_bits(self.uint(4)? as u32).into()),
            (DURATION, 8) => self.found.duration_ticks = Some(f64::from_bits(self.uint(8)?)),
            (DATE_UTC, 8) => self.found.date_ns = Some(self.uint(8)? as i64),
            (TRACK_NUMBER, 1..=8) => self.entry = self.uint(size)?,
            (TRACK_TYPE, 1..=8) => self.found.tracks.entry(entry).or_default().kind = self.uint(size)?,
            (CODEC_ID, 1..=64) => {
                let id = String::from_utf8_lossy(self.bytes.get(self.at, size as usize)?).into_owned();
                self.found.tracks.entry(entry).or_default().codec = id;
            }
            (CODEC_DELAY, 1..=8) => self.found.tracks.entry(entry).or_default().delay_ns = self.uint(size)?,
            (DISCARD_PADDING, 1..=8) => {
                let padding = self.uint(size)?;
                if let Some((track, index)) = self.block {
                    self.found.tracks.entry(track).or_default().padding_ns.insert(index, padding);
                }
            }
            (BLOCK | SIMPLE_BLOCK, 4..) => self.block(size)?,
            _ => {}
        }
        Ok(())
    }

    /// Counts the packets of a block: one, or several if the block is laced. A block that the end of the file cuts is
    /// not counted.
    fn block(&mut self, size: u64) -> Result<(), DecodeError> {
        if self.at + size > self.bytes.len() {
            self.is_cut = true;
            return Ok(());
        }
        let track = self.vint()?.flatten().unwrap_or(0);
        let flags = self.uint(3)? & 0xff;
        let laced = if flags & 0x06 == 0 { 0 } else { self.uint(1)? };
        let state = self.found.tracks.entry(track).or_default();
        state.packets += 1 + laced;
        self.block = Some((track, state.packets - 1));
        Ok(())
    }

    /// Reads the id of an element, 1 to 4 bytes. `None` if there is none here.
    fn id(&mut self) -> Result<Option<u32>, DecodeError> {
        let first = self.bytes.get(self.at, 1)?.first().copied().unwrap_or(0);
        let length = u64::from(first.leading_zeros()) + 1;
        if length > 4 || self.at + length > self.bytes.len() {
            return Ok(None);
        }
        Ok(Some(self.uint(length)? as u32))
    }

    /// Reads a size. The inner `None` is "unknown"; the outer one means that there is no size here.
    fn vint(&mut self) -> Result<Option<Option<u64>>, DecodeError> {
        let first = self.bytes.get(self.at, 1)?.first().copied().unwrap_or(0);
        let length = u64::from(first.leading_zeros()) + 1;
        if length > 8 || self.at + length > self.bytes.len() {
            return Ok(None);
        }
        let all = (1u64 << (7 * length)) - 1;
        let value = self.uint(length)? & all;
        Ok(Some((value != all).then_some(value)))
    }

    /// Reads a number of `bytes` bytes; those beyond the end of the file are missing.
    fn uint(&mut self, bytes: u64) -> Result<u64, DecodeError> {
        let read = self.bytes.get(self.at, bytes as usize)?;
        let value = read.iter().fold(0, |value, &byte| value << 8 | u64::from(byte));
        self.at += bytes;
        Ok(value)
    }
}
