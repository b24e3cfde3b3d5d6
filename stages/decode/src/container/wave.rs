//! Wave headers that symphonia rejects although they are valid: A-law and mu-law with a short `fmt` chunk, or inside
//! WAVE_FORMAT_EXTENSIBLE. The file is read through a view in which that chunk has the form that symphonia expects.

use std::io::{self, Read, Seek, SeekFrom};

use symphonia::core::io::MediaSource;

use crate::input::InputReader;

const A_LAW: u16 = 6;
const MU_LAW: u16 = 7;
const EXTENSIBLE: u16 = 0xfffe;
/// Offset of the sub-format in an extensible `fmt` chunk. Its first two bytes are a plain format tag.
const SUB_FORMAT_AT: usize = 24;
/// The `fmt` chunk begins within this many bytes.
const HEADER_BYTES: u64 = 1 << 12;

/// A view of a file in which `prefix` replaces the first `replaced` bytes.
struct Rewritten {
    prefix: Vec<u8>,
    replaced: u64,
    file: InputReader,
    position: u64,
    len: u64,
}

/// Returns the file as a source for symphonia, with a rewritten header if necessary.
///
/// # Errors
/// The file could not be read.
pub(super) fn source(mut file: InputReader) -> io::Result<Box<dyn MediaSource>> {
    let mut header = Vec::new();
    file.by_ref().take(HEADER_BYTES).read_to_end(&mut header)?;
    file.seek(SeekFrom::Start(0))?;
    let Some((prefix, replaced)) = rewrite(&header) else { return Ok(Box::new(file)) };
    let len = file.seek(SeekFrom::End(0))? - replaced + prefix.len() as u64;
    Ok(Box::new(Rewritten { prefix, replaced, file, position: 0, len }))
}

/// Returns the new start of the file and the number of bytes that it replaces.
fn rewrite(header: &[u8]) -> Option<(Vec<u8>, u64)> {
    let word = |at: usize| Some(u16::from_le_bytes(header.get(at..at + 2)?.try_into().ok()?));
    let long = |at: usize| Some(u32::from_le_bytes(header.get(at..at + 4)?.try_into().ok()?));
    if header.get(..4)? != b"RIFF" || header.get(8..12)? != b"WAVE" {
        return None;
    }
    let mut at = 12;
    while header.get(at..at + 4)? != b"fmt " {
        at += 8 + (long(at + 4)? as usize).next_multiple_of(2);
    }
    let (body, len) = (at + 8, long(at + 4)? as usize);
    let tag = match word(body)? {
        EXTENSIBLE => word(body + SUB_FORMAT_AT).filter(|_| len >= 40)?,
        tag if len != 18 => tag,
        _ => return None,
    };
    let end = body + len.next_multiple_of(2);
    if !(tag == A_LAW || tag == MU_LAW) || len < 16 || end > header.len() {
        return None;
    }
    let mut prefix = header[..at].to_vec();
    prefix.extend(b"fmt \x12\0\0\0");
    prefix.extend(tag.to_le_bytes());
    prefix.extend(&header[body + 2..body + 16]);
    prefix.extend([0, 0]);
    let riff_len = long(4)?;
    if riff_len != u32::MAX {
        let riff_len = (u64::from(riff_len) + prefix.len() as u64).saturating_sub(end as u64);
        prefix[4..8].copy_from_slice(&u32::try_from(riff_len).unwrap_or(u32::MAX).to_le_bytes());
    }
    Some((prefix, end as u64))
}

impl Read for Rewritten {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let in_prefix = self.prefix.get(self.position as usize..).filter(|rest| !rest.is_empty());
        let read = match in_prefix {
            Some(mut rest) => rest.read(buffer)?,
            None => {
                let behind = self.position - self.prefix.len() as u64;
                self.file.seek(SeekFrom::Start(self.replaced + behind))?;
                self.file.read(buffer)?
            }
        };
        self.position += read as u64;
        Ok(read)
    }
}

impl Seek for Rewritten {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
            SeekFrom::End(offset) => self.len.checked_add_signed(offset),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

impl MediaSource for Rewritten {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.len)
    }
}
