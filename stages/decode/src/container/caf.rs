//! Core Audio files: chunks with 64-bit sizes, of which that of the samples may be unknown.

use stage_core::WarningKind;

use super::{AudioTrack, Demux, FromTrack, Part, Payload, begins_with, is_known_end};
use crate::error::DecodeError;
use crate::input::Bytes;
use crate::timeline::{Edit, Timeline, TrimRules};

pub(super) fn begins(bytes: &mut Bytes, at: u64) -> Result<bool, DecodeError> {
    begins_with(bytes, at, b"caff")
}

pub(super) fn scan(bytes: &mut Bytes, start: u64) -> Result<Part, DecodeError> {
    let len = bytes.len();
    let (mut at, mut payload, mut patches, mut missing) = (start + 8, None, Vec::new(), 0);
    while at < len && !(payload.is_some() && is_known_end(bytes, at)?) {
        let Some([a, b, c, d, size @ ..]) = bytes.array::<12>(at)? else { break };
        let stated = i64::from_be_bytes(size);
        let left = len - at - 12;
        let size = u64::try_from(stated).unwrap_or(u64::MAX).min(left);
        if [a, b, c, d] == *b"data" {
            // The chunk begins with a number of edits, 4 bytes.
            payload = Some(size.saturating_sub(4));
            if stated < 0 || stated > left as i64 {
                patches.push((at + 4, left.to_be_bytes().to_vec()));
                missing = u64::try_from(stated).map_or(0, |stated| stated - left);
            }
        }
        at += 12 + size;
    }
    let payload = payload.ok_or(DecodeError::DamagedContainer("its data chunk is missing"))?;
    let mut part = Part::new(start..at.min(len), Demux::Symphonia { patches }, Payload::Bytes(payload));
    if missing > 0 {
        part.warn(WarningKind::Incomplete, format!("the file ends {missing} bytes before the end of its samples"));
    }
    part.rules = Box::new(FromTrack(timing));
    Ok(part)
}

fn timing(track: &AudioTrack<'_>) -> TrimRules {
    let start = u64::from(track.track.delay.unwrap_or(0));
    let end = track.track.num_frames.map_or(u64::MAX, |frames| start.saturating_add(frames));
    TrimRules { timeline: Timeline::new(vec![Edit::Media { start, end }]), ..TrimRules::default() }
}
