//! Ogg files (RFC 3533): pages of one or more streams. A recording ends where a page that begins a stream follows pages
//! that do not, which is how files are chained.

use std::collections::BTreeMap;
use std::ops::Range;

use stage_core::WarningKind;

use super::{AudioTrack, Demux, FromTrack, Part, Payload, ROUNDED_STAMPS_MS, StatedTrack, begins_with};
use crate::error::DecodeError;
use crate::input::Bytes;
use crate::timeline::{Timeline, TrimRules};

const PAGE: &[u8] = b"OggS";
/// Flags of a page: its first packet began on the page before; it begins a stream; it ends a stream.
const CONTINUED: u8 = 1;
const BEGINS_STREAM: u8 = 2;
const ENDS_STREAM: u8 = 4;

pub(super) fn begins(bytes: &mut Bytes, at: u64) -> Result<bool, DecodeError> {
    Ok(begins_with(bytes, at, PAGE)? && Page::read(bytes, at)?.is_some_and(|page| page.flags & BEGINS_STREAM != 0))
}

pub(super) fn scan(bytes: &mut Bytes, start: u64) -> Result<Part, DecodeError> {
    let (mut link, mut at) = (Link::default(), start);
    while at < bytes.len() {
        match Page::read(bytes, at)? {
            Some(page) if page.flags & BEGINS_STREAM != 0 && link.has_data => break,
            Some(page) => {
                link.page(bytes, &page)?;
                at = page.end;
            }
            None => match next_page(bytes, at + 1)? {
                Some(next) => {
                    link.junk_bytes += next - at;
                    at = next;
                }
                None => break,
            },
        }
    }
    link.into_part(start..at)
}

/// Offset of the next whole page.
fn next_page(bytes: &mut Bytes, from: u64) -> Result<Option<u64>, DecodeError> {
    let mut at = from;
    while let Some(found) = bytes.find(at..bytes.len(), PAGE)? {
        if Page::read(bytes, found)?.is_some() {
            return Ok(Some(found));
        }
        at = found + 1;
    }
    Ok(None)
}

/// A page of a stream.
struct Page {
    flags: u8,
    serial: u32,
    number: u32,
    /// Sizes of the packets, or parts of packets, on it, and whether the last one ends here.
    packets: Vec<u64>,
    last_ends: bool,
    data: u64,
    end: u64,
}

impl Page {
    fn read(bytes: &mut Bytes, at: u64) -> Result<Option<Self>, DecodeError> {
        let Some(header) = bytes.array::<27>(at)?.filter(|header| header.starts_with(PAGE)) else { return Ok(None) };
        let lacing = bytes.get(at + 27, usize::from(header[26]))?.to_vec();
        let data = at + 27 + lacing.len() as u64;
        let (mut packets, mut size, mut last_ends) = (Vec::new(), 0, true);
        for &length in &lacing {
            size += u64::from(length);
            last_ends = length < 255;
            if last_ends {
                packets.push(std::mem::take(&mut size));
            }
        }
        let all = packets.iter().sum::<u64>() + size;
        if !last_ends {
            packets.push(size);
        }
        let end = data + all;
        let serial = u32::from_le_bytes([header[14], header[15], header[16], header[17]]);
        let number = u32::from_le_bytes([header[18], header[19], header[20], header[21]]);
        let is_whole = end <= bytes.len();
        Ok(is_whole.then_some(Self { flags: header[5], serial, number, packets, last_ends, data, end }))
    }
}

/// The streams between two places where a file was joined.
#[derive(Default)]
struct Link {
    streams: BTreeMap<u32, LogicalStream>,
    /// The serial numbers of the streams, in the order of the file.
    order: Vec<u32>,
    /// Whether a page that does not begin a stream has been read.
    has_data: bool,
    junk_bytes: u64,
}

/// One stream of a link.
struct LogicalStream {
    codec: OggCodec,
    /// Packets that were read, and the bytes of those with sound.
    packets: u64,
    payload: u64,
    /// Bytes of the packet that continues on the next page, and its first byte.
    unfinished: u64,
    first_byte: Option<u8>,
    has_ended: bool,
    /// Number of the next page, and the pages that are missing.
    next_page: Option<u32>,
    lost_pages: u64,
}

/// What the first packet of a stream says.
enum OggCodec {
    /// Decoded, with this number of packets at the start that hold no sound.
    Known { headers: u64 },
    /// Flac: packets with sound begin with 0xff.
    Flac,
    /// A codec of sound that is not decoded.
    Unknown(&'static str),
    /// Not sound.
    Other,
}

impl OggCodec {
    fn of(first_packet: &[u8]) -> Self {
        let begins = |magic: &[u8]| first_packet.starts_with(magic);
        if begins(b"OpusHead") {
            Self::Known { headers: 2 }
        } else if begins(b"\x01vorbis") {
            Self::Known { headers: 3 }
        } else if begins(b"\x7fFLAC") {
            Self::Flac
        } else if begins(b"Speex   ") {
            Self::Unknown("Speex")
        } else if begins(b"fLaC") {
            Self::Unknown("FLAC in an old form of Ogg")
        } else {
            Self::Other
        }
    }
}

impl Link {
    fn page(&mut self, bytes: &mut Bytes, page: &Page) -> Result<(), DecodeError> {
        if page.flags & BEGINS_STREAM != 0 {
            let codec = OggCodec::of(bytes.get(page.data, 64)?);
            let stream = LogicalStream {
                codec,
                packets: 0,
                payload: 0,
                unfinished: 0,
                first_byte: None,
                has_ended: false,
                next_page: None,
                lost_pages: 0,
            };
            self.streams.insert(page.serial, stream);
            self.order.push(page.serial);
        } else {
            self.has_data = true;
        }
        let Some(stream) = self.streams.get_mut(&page.serial) else { return Ok(()) };
        stream.count_page(page.number);
        stream.has_ended |= page.flags & ENDS_STREAM != 0;
        if page.flags & CONTINUED == 0 {
            stream.unfinished = 0;
        }
        let mut at = page.data;
        for (n, &size) in page.packets.iter().enumerate() {
            if stream.unfinished == 0 {
                stream.first_byte = bytes.get(at, 1)?.first().copied();
            }
            stream.unfinished += size;
            if page.last_ends || n + 1 < page.packets.len() {
                stream.packet();
            }
            at += size;
        }
        Ok(())
    }

    fn into_part(self, bytes: Range<u64>) -> Result<Part, DecodeError> {
        let payload = self.streams.values().map(|stream| stream.payload).sum();
        let demux = Demux::Symphonia { patches: Vec::new() };
        let mut part = Part::new(bytes, demux, Payload::Bytes(payload));
        part.cut_is_known = true;
        part.rules = Box::new(FromTrack(timing));
        for &id in &self.order {
            let codec = match self.streams[&id].codec {
                OggCodec::Unknown(codec) => codec.to_owned(),
                OggCodec::Known { .. } | OggCodec::Flac => String::new(),
                OggCodec::Other => continue,
            };
            part.stated_tracks.push(StatedTrack { id, codec, duration_s: None });
        }
        if self.streams.values().any(|stream| !stream.has_ended) {
            let message =
                "the last page of a stream is missing: the file may have been cut, or its recorder was interrupted";
            part.warn(WarningKind::Header, message.to_owned());
        }
        let lost: u64 = self.streams.values().map(|stream| stream.lost_pages).sum();
        if lost > 0 {
            let message = format!("{lost} pages of the container are missing; times behind them may be early");
            part.warn(WarningKind::Damaged, message);
        }
        if self.junk_bytes > 0 {
            part.left_out_bytes = self.junk_bytes;
            let junk = self.junk_bytes;
            part.warn(WarningKind::Damaged, format!("{junk} bytes are not whole pages of the container"));
        }
        Ok(part)
    }
}

impl LogicalStream {
    /// Compares the number of a page with that of the page before it.
    fn count_page(&mut self, number: u32) {
        let missing = self.next_page.map_or(0, |expected| number.wrapping_sub(expected));
        // A smaller number is that of a page that is repeated.
        if missing < u32::MAX / 2 {
            self.lost_pages += u64::from(missing);
        }
        self.next_page = Some(number.wrapping_add(1));
    }

    /// Counts a packet that is complete.
    fn packet(&mut self) {
        let has_sound = match self.codec {
            OggCodec::Known { headers } => self.packets >= headers,
            OggCodec::Flac => self.packets > 0 && self.first_byte == Some(0xff),
            OggCodec::Unknown(_) | OggCodec::Other => false,
        };
        self.packets += 1;
        if has_sound {
            self.payload += self.unfinished;
        }
        self.unfinished = 0;
    }
}

fn timing(track: &AudioTrack<'_>) -> TrimRules {
    let delay = track.codec.delay_frames(track.params, false).unwrap_or(0);
    TrimRules { timeline: Timeline::from_frame(delay), gap_ms: Some(ROUNDED_STAMPS_MS), ..TrimRules::default() }
}
