//! RIFF wave files, also with the 64-bit sizes of RF64 and BW64 (EBU Tech 3306, ITU-R BS.2088).
//!
//! Recorders that die leave sizes that were never written, and other programs append to a file without correcting them.
//! So the samples end where the `data` chunk states only if something that is not samples follows there.

use std::collections::BTreeMap;
use std::ops::Range;

use stage_core::WarningKind;

use super::wave_format::Format;
use super::{Part, is_known_end, streams};
use crate::error::DecodeError;
use crate::input::Bytes;
use crate::source::TAG_CHARS_MAX;

/// A size that is not known, or that is in the `ds64` chunk.
const UNKNOWN: u64 = u32::MAX as u64;
/// Chunks that may follow the samples, also if the end of the file cuts them.
const KNOWN_CHUNKS: [&[u8; 4]; 16] = [
    b"LIST", b"fact", b"bext", b"iXML", b"axml", b"cue ", b"smpl", b"inst", b"PEAK", b"JUNK", b"junk", b"PAD ",
    b"id3 ", b"ID3 ", b"_PMX", b"FLLR",
];

pub(super) fn begins(bytes: &mut Bytes, at: u64) -> Result<bool, DecodeError> {
    let Some(head) = bytes.array::<12>(at)? else { return Ok(false) };
    Ok(matches!(&head[..4], b"RIFF" | b"RF64" | b"BW64") && head[8..] == *b"WAVE")
}

pub(super) fn scan(bytes: &mut Bytes, start: u64) -> Result<Part, DecodeError> {
    let mut chunks = Chunks::default();
    let mut at = start + 12;
    let data = loop {
        let Some((id, size)) = chunk(bytes, at)? else { return Err(DecodeError::TruncatedHeader) };
        if id == *b"data" {
            break Stated { at: at + 8, len: chunks.long_data.filter(|_| size == UNKNOWN).unwrap_or(size) };
        }
        chunks.read(bytes, &id, at + 8, size)?;
        at += 8 + size.next_multiple_of(2);
    };
    let format = chunks.format.clone().ok_or(DecodeError::DamagedContainer("its format chunk is missing"))?;
    let (end, limit) = data.end(bytes)?;
    let samples = data.at..end;
    let end = chunks.read_behind(bytes, samples.end, limit)?;
    let mut part = match &format {
        Format::Blocks(coding) => coding.part(start..end, samples.clone())?,
        Format::Mpeg => mpeg_part(bytes, start..end, &samples)?,
    };
    part.tags = chunks.tags;
    let riff_len = match (chunks.long_riff, bytes.array(start + 4)?) {
        (Some(long), _) => long,
        (None, stated) => stated.map_or(UNKNOWN, |stated| u64::from(u32::from_le_bytes(stated))),
    };
    if let Format::Blocks(coding) = &format
        && data.len != UNKNOWN
    {
        coding.compare(&mut part, data.len, samples.end - samples.start);
    }
    compare_file_size(&mut part, riff_len);
    Ok(part)
}

/// MPEG audio in a wave file. What follows a change of the stream is left out.
fn mpeg_part(bytes: &mut Bytes, file: Range<u64>, samples: &Range<u64>) -> Result<Part, DecodeError> {
    let part = streams::scan_mpeg_in(bytes, samples.clone())?;
    let rest = samples.end - part.bytes.end;
    let mut part = Part { bytes: file, ..part };
    if rest > 0 {
        part.left_out_bytes += rest;
        part.warn(WarningKind::LeftOut, format!("the stream changes, and the {rest} bytes behind that were left out"));
    }
    Ok(part)
}

/// Id and stated size of the chunk at `at`.
fn chunk(bytes: &mut Bytes, at: u64) -> Result<Option<([u8; 4], u64)>, DecodeError> {
    let Some([a, b, c, d, size @ ..]) = bytes.array::<8>(at)? else { return Ok(None) };
    Ok(Some(([a, b, c, d], u64::from(u32::from_le_bytes(size)))))
}

/// Offset of the recording that was appended to this one; the end of the file if there is none.
fn next_recording(bytes: &mut Bytes, from: u64) -> Result<u64, DecodeError> {
    let len = bytes.len();
    let mut at = from;
    while let Some(found) = bytes.find(at..len, b"WAVEfmt ")? {
        if found >= from + 8 && begins(bytes, found - 8)? {
            return Ok(found - 8);
        }
        at = found + 1;
    }
    Ok(len)
}

/// Where the samples begin, and their size as the header states it.
struct Stated {
    at: u64,
    len: u64,
}

impl Stated {
    /// Where the samples end, and the end of everything that may belong to the recording.
    fn end(&self, bytes: &mut Bytes) -> Result<(u64, u64), DecodeError> {
        let (end, limit) = (self.at.saturating_add(self.len), bytes.len());
        if self.len != UNKNOWN && end <= limit && self.is_end(bytes, end, limit)? {
            return Ok((end, limit));
        }
        let limit = next_recording(bytes, self.at)?;
        Ok((limit, limit))
    }

    /// Whether something that is not samples follows the stated end.
    fn is_end(&self, bytes: &mut Bytes, end: u64, limit: u64) -> Result<bool, DecodeError> {
        // Chunks have an even length, but not all programs add the byte.
        for candidate in [self.at + self.len.next_multiple_of(2), end] {
            let is_chunk = chunk(bytes, candidate)?.is_some_and(|(id, size)| {
                let fits = candidate + 8 + size <= limit && id.iter().all(|byte| (0x20..0x7f).contains(byte));
                KNOWN_CHUNKS.contains(&&id) || fits
            });
            if is_chunk || (self.len > 0 && is_known_end(bytes, candidate)?) || candidate >= limit {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Warns if the size that the header states for the whole file is wrong, and nothing else has been said about it.
fn compare_file_size(part: &mut Part, riff_len: u64) {
    let found = part.bytes.end - part.bytes.start;
    let is_right = riff_len == UNKNOWN || (riff_len + 8).abs_diff(found) <= 1;
    if !is_right && part.warnings.is_empty() && part.promised_frames.is_none() {
        let stated = riff_len + 8;
        part.warn(
            WarningKind::Header,
            format!("the header states a size of {stated} bytes instead of {found}: everything was read"),
        );
    }
}

/// What the chunks besides the samples state.
#[derive(Default)]
struct Chunks {
    format: Option<Format>,
    /// Size of the file without its first 8 bytes, and of the samples, from `ds64`.
    long_riff: Option<u64>,
    long_data: Option<u64>,
    tags: BTreeMap<String, String>,
}

impl Chunks {
    fn read(&mut self, bytes: &mut Bytes, id: &[u8; 4], at: u64, size: u64) -> Result<(), DecodeError> {
        match id {
            b"fmt " => self.format = Some(Format::read(bytes.get(at, size.min(1 << 12) as usize)?)?),
            b"ds64" => {
                let long = |field: Option<[u8; 8]>| field.map(u64::from_le_bytes);
                self.long_riff = long(bytes.array(at)?);
                self.long_data = long(bytes.array(at + 8)?);
            }
            b"bext" => self.read_broadcast(bytes, at)?,
            b"LIST" if bytes.get(at, 4)? == b"INFO" => self.read_info(bytes, at + 4..at + size)?,
            _ => {}
        }
        Ok(())
    }

    /// Reads the chunks behind the samples and returns where they end.
    fn read_behind(&mut self, bytes: &mut Bytes, samples_end: u64, limit: u64) -> Result<u64, DecodeError> {
        let mut at = samples_end;
        if at < limit && at % 2 == 1 && bytes.get(at, 1)? == [0] {
            at += 1;
        }
        while at < limit && !is_known_end(bytes, at)? {
            let Some((id, size)) = chunk(bytes, at)? else { break };
            let end = at + 8 + size;
            // Which of two chunks of samples is right is not known.
            if id == *b"data"
                || end > limit && !KNOWN_CHUNKS.contains(&&id)
                || !id.iter().all(|byte| (0x20..0x7f).contains(byte))
            {
                break;
            }
            self.read(bytes, &id, at + 8, size.min(limit - at - 8))?;
            at = end.next_multiple_of(2).min(limit);
        }
        Ok(at)
    }

    /// Reads an INFO list: ids of four letters with a text each.
    fn read_info(&mut self, bytes: &mut Bytes, range: Range<u64>) -> Result<(), DecodeError> {
        let mut at = range.start;
        while at + 8 <= range.end {
            let Some((id, size)) = chunk(bytes, at)? else { break };
            if size <= TAG_CHARS_MAX as u64 {
                let text = text(bytes.get(at + 8, size as usize)?);
                self.tag(&String::from_utf8_lossy(&id), text);
            }
            at += 8 + size.next_multiple_of(2);
        }
        Ok(())
    }

    /// Reads who made a broadcast wave file and when (EBU Tech 3285).
    fn read_broadcast(&mut self, bytes: &mut Bytes, at: u64) -> Result<(), DecodeError> {
        for (key, offset, len) in [("Description", 0, 256), ("Originator", 256, 32), ("OriginatorReference", 288, 32)] {
            let text = text(bytes.get(at + offset, len)?);
            self.tag(key, text);
        }
        let date_and_time = text(bytes.get(at + 320, 10)?) + " " + &text(bytes.get(at + 330, 8)?);
        self.tag("OriginationTime", date_and_time.trim().to_owned());
        Ok(())
    }

    fn tag(&mut self, key: &str, value: String) {
        if !value.is_empty() {
            self.tags.insert(key.to_owned(), value);
        }
    }
}

/// The text up to the first zero byte.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).trim().to_owned()
}
