//! Streams of frames that follow each other without a container: MPEG audio and ADTS. Finds the frames, what is
//! between them, and where the stream changes.

use std::ops::Range;

use symphonia::core::codecs::audio::AudioCodecId;

use crate::error::DecodeError;
use crate::input::Bytes;

/// Number of bytes that are searched at once for a frame.
const SEARCH_BYTES: usize = 1 << 12;

/// The header of one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    pub(crate) codec: AudioCodecId,
    /// Length of the frame in bytes, with its header.
    pub(crate) len: u64,
    /// Length of the part of the header that the decoder does not take.
    pub(crate) skip: u64,
    /// Samples per channel.
    pub(crate) frames: u64,
    pub(crate) rate_hz: u32,
    pub(crate) channels: u16,
}

impl FrameHeader {
    /// Whether a frame with the other header belongs to the same stream.
    pub(crate) fn continues(&self, other: &Self) -> bool {
        (self.codec, self.rate_hz, self.channels) == (other.codec, other.rate_hz, other.channels)
    }
}

/// Reads the header of a frame from its first bytes (at least [`HEADER_BYTES`], if there are as many).
pub(crate) type ReadHeader = fn(&[u8]) -> Option<FrameHeader>;

/// Number of bytes that contain the header of a frame of any format.
pub(crate) const HEADER_BYTES: usize = 9;

/// A frame in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) at: u64,
    pub(crate) header: FrameHeader,
}

/// What comes next in a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Item {
    Frame(Frame),
    /// Bytes without a frame.
    Skipped {
        bytes: Range<u64>,
        what: Skipped,
        lost_frames: u64,
    },
}

/// Why bytes hold no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Skipped {
    /// A tag (ID3, APE, Lyrics3).
    Tag,
    /// Zeros.
    Padding,
    /// A frame that the end of the file cuts.
    Cut,
    /// Anything else.
    Junk,
}

/// Walks over the frames of a stream.
pub(crate) struct Walker {
    bytes: Bytes,
    at: u64,
    end: u64,
    read_header: ReadHeader,
    last: Option<FrameHeader>,
}

impl Walker {
    /// Walks over the frames in `range`, which begins with a frame, a tag or zeros.
    pub(crate) const fn new(bytes: Bytes, range: Range<u64>, read_header: ReadHeader) -> Self {
        Self { bytes, at: range.start, end: range.end, read_header, last: None }
    }

    /// The bytes of a frame that the decoder takes.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn payload(&mut self, frame: &Frame) -> Result<Box<[u8]>, DecodeError> {
        let FrameHeader { len, skip, .. } = frame.header;
        Ok(self.bytes.get(frame.at + skip, (len - skip) as usize)?.into())
    }

    /// Returns the next frame, or the bytes up to it.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn next(&mut self) -> Result<Option<Item>, DecodeError> {
        if self.at >= self.end {
            return Ok(None);
        }
        if let Some(len) = tag_len(&mut self.bytes, self.at, self.end)? {
            return Ok(Some(self.skip(len, Skipped::Tag)));
        }
        if let Some(header) = self.header(self.at)?
            && self.is_next(&header)?
        {
            let frame = Frame { at: self.at, header };
            if header.len > self.end - self.at {
                return Ok(Some(self.skip(self.end - self.at, Skipped::Cut)));
            }
            self.at += header.len;
            self.last = Some(header);
            return Ok(Some(Item::Frame(frame)));
        }
        let junk = self.distance_to_frame()?;
        let what = if self.is_old_tag(junk)? {
            Skipped::Tag
        } else if self.bytes.is_zero(self.at..self.at + junk)? {
            Skipped::Padding
        } else {
            Skipped::Junk
        };
        Ok(Some(self.skip(junk, what)))
    }

    /// Whether the bytes up to the next frame or tag are an ID3v1 tag, or its extension, of a file that was joined.
    fn is_old_tag(&mut self, len: u64) -> Result<bool, DecodeError> {
        let head = self.bytes.get(self.at, 4)?;
        Ok(head.starts_with(b"TAG") && len == 128 || head == b"TAG+" && len == 227)
    }

    fn header(&mut self, at: u64) -> Result<Option<FrameHeader>, DecodeError> {
        let len = (self.end - at).min(HEADER_BYTES as u64) as usize;
        Ok((self.read_header)(self.bytes.get(at, len)?))
    }

    /// Whether the header at the current position is that of a frame: it continues the stream, or another frame of its
    /// own stream or the end follows.
    fn is_next(&mut self, header: &FrameHeader) -> Result<bool, DecodeError> {
        match self.last {
            Some(last) if last.continues(header) => Ok(true),
            _ => self.is_confirmed(self.at, header),
        }
    }

    fn is_confirmed(&mut self, at: u64, header: &FrameHeader) -> Result<bool, DecodeError> {
        let next = at + header.len;
        if next >= self.end {
            return Ok(next == self.end);
        }
        let follows = self.header(next)?.is_some_and(|next| header.continues(&next));
        Ok(follows || tag_len(&mut self.bytes, next, self.end)?.is_some())
    }

    /// Number of bytes up to the next frame or tag, at least 1.
    fn distance_to_frame(&mut self) -> Result<u64, DecodeError> {
        let (mut at, search_end) = (self.at + 1, self.bytes.search_end(self.at, self.end));
        while at < search_end {
            let block = self.bytes.get(at, SEARCH_BYTES)?.to_vec();
            for (n, _) in block.iter().enumerate().filter(|(_, byte)| matches!(byte, 0xff | b'I' | b'T' | b'A' | b'L'))
            {
                let here = at + n as u64;
                if here >= self.end {
                    break;
                }
                let found = match self.header(here)? {
                    Some(header) => self.is_confirmed(here, &header)?,
                    None => tag_len(&mut self.bytes, here, self.end)?.is_some(),
                };
                if found {
                    return Ok(here - self.at);
                }
            }
            at += block.len().max(1) as u64;
        }
        Ok(self.end - self.at)
    }

    /// Skips bytes. Junk has replaced as many frames of the length of the last one as fit into it.
    fn skip(&mut self, len: u64, what: Skipped) -> Item {
        let bytes = self.at..self.at + len;
        self.at = bytes.end;
        let lost = |last: FrameHeader| (len + last.len / 2) / last.len * last.frames;
        // At the end, nothing follows whose time would be wrong.
        let lost_frames = match what {
            Skipped::Junk if self.at < self.end => self.last.map_or(0, lost),
            _ => 0,
        };
        Item::Skipped { bytes, what, lost_frames }
    }
}

/// Length of the tag at `at`, if there is one, up to `end` at most.
///
/// # Errors
/// The file cannot be read.
pub(crate) fn tag_len(bytes: &mut Bytes, at: u64, end: u64) -> Result<Option<u64>, DecodeError> {
    let left = end - at;
    let head = bytes.get(at, left.min(32) as usize)?;
    let len = if head.starts_with(b"ID3") && head.len() >= 10 && head[6..10].iter().all(|byte| byte & 0x80 == 0) {
        let size = head[6..10].iter().fold(0, |size, &byte| size << 7 | u64::from(byte));
        Some(10 + size + if head[5] & 0x10 == 0 { 0 } else { 10 })
    } else if head.starts_with(b"TAG") && left >= 128 {
        // At the end, or in front of a file that was appended.
        let behind = bytes.get(at + 128, 3)?;
        let is_frame = behind.len() > 1 && behind[0] == 0xff && behind[1] & 0xe0 == 0xe0;
        (left == 128 || is_frame || behind == b"ID3").then_some(128)
    } else if head.starts_with(b"APETAGEX") && head.len() == 32 {
        // The size includes the footer but not this header. A tag without a header has only its footer here.
        let size = u32::from_le_bytes([head[12], head[13], head[14], head[15]]);
        let is_header = head[23] & 0x20 != 0;
        Some(32 + if is_header { u64::from(size) } else { 0 })
    } else if head.starts_with(b"LYRICSBEGIN") {
        let end_mark = bytes.find(at..end, b"LYRICS200")?;
        end_mark.map(|mark| mark + 9 - at)
    } else {
        None
    };
    Ok(len.filter(|&len| len <= left))
}
