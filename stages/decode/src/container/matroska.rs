//! Reads the elements of a Matroska or WebM file that state which samples are not played, CodecDelay and DiscardPadding
//! (RFC 9559), and when the recording was made.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use super::{AudioTrack, PlaybackRules, ROUNDED_STAMPS_MS};
use crate::error::DecodeError;
use crate::input::InputReader;
use crate::timeline::{Timeline, TrimRules};

const SEGMENT: u32 = 0x1853_8067;
const INFO: u32 = 0x1549_a966;
const DATE_UTC: u32 = 0x4461;
const TRACKS: u32 = 0x1654_ae6b;
const TRACK_ENTRY: u32 = 0xae;
const TRACK_NUMBER: u32 = 0xd7;
const CODEC_DELAY: u32 = 0x56aa;
const CLUSTER: u32 = 0x1f43_b675;
const SIMPLE_BLOCK: u32 = 0xa3;
const BLOCK_GROUP: u32 = 0xa0;
const BLOCK: u32 = 0xa1;
const DISCARD_PADDING: u32 = 0x75a2;
/// Seconds from 1970-01-01 to 2001-01-01, the epoch of Matroska.
const EPOCH_2001_S: i64 = 978_307_200;

/// Reads the file's elements and returns them as playback rules.
///
/// # Errors
/// The file could not be read.
pub(super) fn rules(file: &mut InputReader) -> Result<Box<dyn PlaybackRules>, DecodeError> {
    Ok(Box::new(Segment::read(file).map_err(DecodeError::Read)?))
}

/// Elements found in a file.
#[derive(Debug, Default)]
struct Segment {
    date_ns: Option<i64>,
    tracks: HashMap<u64, Track>,
}

/// Delay and padding of one track.
#[derive(Debug, Default, Clone)]
struct Track {
    /// Duration at the start of the decoder's output that is delay, in ns.
    delay_ns: u64,
    /// Duration to discard at the end of a packet, in ns, by the packet's index in the track.
    padding_ns: BTreeMap<u64, u64>,
    packets: u64,
}

impl Segment {
    /// Reads the headers of all elements and skips the samples. Stops at damage.
    ///
    /// # Errors
    /// The file could not be read.
    fn read(file: &mut InputReader) -> io::Result<Self> {
        file.seek(SeekFrom::Start(0))?;
        let mut walk =
            Walk { reader: BufReader::with_capacity(1 << 16, file), found: Self::default(), entry: 0, block: None };
        match walk.run() {
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(error),
            _ => Ok(walk.found),
        }
    }
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

struct Walk<'a> {
    reader: BufReader<&'a mut InputReader>,
    found: Segment,
    /// Number of the track entry that is being read.
    entry: u64,
    /// Track and index of the last packet of the block group that is being read.
    block: Option<(u64, u64)>,
}

impl Walk<'_> {
    fn run(&mut self) -> io::Result<()> {
        loop {
            let Some(id) = self.vint(false)? else { return Ok(()) };
            let size = self.vint(true)?;
            match (id as u32, size) {
                // Their children follow directly, so their sizes are not needed.
                (SEGMENT | INFO | TRACKS | TRACK_ENTRY | CLUSTER | BLOCK_GROUP, _) => {}
                // Only segments and clusters may have an unknown size.
                (_, None) => return Ok(()),
                (id, Some(size)) => self.leaf(id, size)?,
            }
        }
    }

    fn leaf(&mut self, id: u32, size: u64) -> io::Result<()> {
        match (id, size) {
            (DATE_UTC, 8) => self.found.date_ns = Some(self.uint(8)? as i64),
            (TRACK_NUMBER, 1..=8) => self.entry = self.uint(size)?,
            (CODEC_DELAY, 1..=8) => {
                let delay = self.uint(size)?;
                self.found.tracks.entry(self.entry).or_default().delay_ns = delay;
            }
            (DISCARD_PADDING, 1..=8) => {
                let padding = self.uint(size)?;
                if let Some((track, index)) = self.block {
                    self.found.tracks.entry(track).or_default().padding_ns.insert(index, padding);
                }
            }
            (BLOCK | SIMPLE_BLOCK, 4..) => self.block(size)?,
            _ => self.skip(size)?,
        }
        Ok(())
    }

    /// Counts the packets of a block: one, or several if the block is laced.
    fn block(&mut self, size: u64) -> io::Result<()> {
        let start = self.reader.stream_position()?;
        let track = self.vint(true)?.unwrap_or(0);
        let flags = self.uint(3)? & 0xff;
        let laced = if flags & 0x06 == 0 { 0 } else { self.uint(1)? };
        let state = self.found.tracks.entry(track).or_default();
        state.packets += 1 + laced;
        self.block = Some((track, state.packets - 1));
        let read = self.reader.stream_position()? - start;
        self.skip(size.saturating_sub(read))
    }

    /// Reads a variable-length integer, with its length marker (an id) or without (a size). `None` is the end of the
    /// file for an id and "unknown" for a size.
    fn vint(&mut self, strip: bool) -> io::Result<Option<u64>> {
        let mut first = [0];
        if self.reader.read(&mut first)? == 0 {
            return Ok(None);
        }
        let length = first[0].leading_zeros() as u64;
        if length > 7 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let marker = 0x80u64 >> length;
        let first = u64::from(first[0]);
        let value = (if strip { first & (marker - 1) } else { first }) << (8 * length) | self.uint(length)?;
        Ok((!strip || value != (marker << (8 * length)) - 1).then_some(value))
    }

    fn uint(&mut self, bytes: u64) -> io::Result<u64> {
        let mut buffer = [0; 8];
        let buffer = &mut buffer[..bytes as usize];
        self.reader.read_exact(buffer)?;
        Ok(buffer.iter().fold(0, |value, &byte| value << 8 | u64::from(byte)))
    }

    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        let bytes = i64::try_from(bytes).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        self.reader.seek_relative(bytes)
    }
}
