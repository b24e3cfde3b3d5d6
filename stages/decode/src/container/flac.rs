//! FLAC files. The frames of one recording end where the marker of the next one begins.

use super::{AudioTrack, Demux, FromTrack, Part, Payload, begins_with};
use crate::error::DecodeError;
use crate::input::Bytes;
use crate::timeline::TrimRules;

/// Marker and first metadata block (STREAMINFO, which may be the last one), 34 bytes long.
const BEGINNINGS: [&[u8]; 2] = [b"fLaC\0\0\0\x22", b"fLaC\x80\0\0\x22"];

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
    // A tag at the end belongs to no frame.
    let tag = end.saturating_sub(128).max(at);
    let frames_end = if begins_with(bytes, tag, b"TAG")? { tag } else { end };
    let demux = Demux::Symphonia { patches: Vec::new() };
    let mut part = Part::new(start..end, demux, Payload::Bytes(frames_end - at));
    part.rules = Box::new(FromTrack(timing));
    part.promised_frames = stated_frames(bytes, start)?;
    Ok(part)
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
