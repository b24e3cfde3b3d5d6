//! FLAC files. The frames of one recording end where the marker of the next one begins.

use super::{AudioTrack, Demux, FromTrack, Part, Payload, begins_with};
use crate::error::DecodeError;
use crate::input::Bytes;
use crate::timeline::TrimRules;

/// Marker and first metadata block (STREAMINFO, which may be the last one), 34 bytes long.
const BEGINNINGS: [&[u8]; 2] = [b"fLaC\0\0\0\x22", b"fLaC\x80\0\0\x22"];

/// Size of an ID3v1 tag.
const ID3V1_BYTES: u64 = 128;
/// Fewer zeros at the end may belong to the last frame.
const PADDING_BYTES_MIN: u64 = 16;

pub(super) fn begins(bytes: &mut Bytes, at: u64) -> Result<bool, DecodeError> {
    begins_with(bytes, at, b"fLaC")
}

pub(super) fn scan(bytes: &mut Bytes, start: u64) -> Result<Part, DecodeError> {
    let len = bytes.len();
    let mut at = start + 4;
    loop {
        let Some([kind, a, b, c]) = bytes.array(at)? else { return Err(DecodeError::TruncatedHeader) };
        at += 4 + u64::from(u32::from_be_bytes([0, a, b, c]));
        if kind & 0x80 != 0 {
            break;
        }
    }
    if at > len {
        return Err(DecodeError::TruncatedHeader);
    }
    let mut end = len;
    for beginning in BEGINNINGS {
        end = bytes.find(at..end, beginning)?.unwrap_or(end);
    }
    // A tag or padding at the end belongs to no frame.
    let tag = end.saturating_sub(ID3V1_BYTES).max(at);
    let end = if begins_with(bytes, tag, b"TAG")? { tag } else { end };
    let end = end - ape_tag_before(bytes, at, end)?;
    let end = end - zeros_before(bytes, at, end)?;
    let demux = Demux::Symphonia { patches: Vec::new() };
    let mut part = Part::new(start..end, demux, Payload::Bytes(end - at));
    part.rules = Box::new(FromTrack(timing));
    part.promised_frames = stated_frames(bytes, start)?;
    Ok(part)
}

/// Size of the APE tag that ends at `end`, or 0. Its footer states it, without the header that may precede the tag.
fn ape_tag_before(bytes: &mut Bytes, start: u64, end: u64) -> Result<u64, DecodeError> {
    let footer_at = end.saturating_sub(32).max(start);
    let Some(footer) = bytes.array::<32>(footer_at)?.filter(|footer| footer.starts_with(b"APETAGEX")) else {
        return Ok(0);
    };
    let size = u64::from(u32::from_le_bytes([footer[12], footer[13], footer[14], footer[15]]));
    let header = if footer[23] & 0x80 == 0 { 0 } else { 32 };
    Ok(size + header).map(|size| if size <= end - start { size } else { 0 })
}

/// Number of zeros in front of `end`, if there are so many that they are padding.
fn zeros_before(bytes: &mut Bytes, start: u64, end: u64) -> Result<u64, DecodeError> {
    let mut zeros = 0;
    loop {
        let from = (end - zeros).saturating_sub(1 << 12).max(start);
        let block = bytes.get(from, (end - zeros - from) as usize)?;
        let here = block.iter().rev().take_while(|&&byte| byte == 0).count() as u64;
        zeros += here;
        if here < block.len() as u64 || from == start {
            return Ok(if zeros >= PADDING_BYTES_MIN { zeros } else { 0 });
        }
    }
}

/// Number of frames in the STREAMINFO block: the last 36 bits before the checksum.
fn stated_frames(bytes: &mut Bytes, start: u64) -> Result<Option<u64>, DecodeError> {
    let field = bytes.array::<5>(start + 8 + 13)?;
    let frames = field.map(|[a, rest @ ..]| u64::from(a & 0xf) << 32 | u64::from(u32::from_be_bytes(rest)));
    Ok(frames.filter(|&frames| frames > 0))
}

/// Frame headers count samples exactly; the demuxer skips damaged frames.
fn timing(_track: &AudioTrack<'_>) -> TrimRules {
    TrimRules { gap_ms: Some(0), ..TrimRules::default() }
}
