//! Raw GSM 06.10: frames of 33 bytes, each with the same four bits at its start.

use super::Part;
use super::linear::Coding;
use crate::codec::CODEC_ID_GSM;
use crate::error::DecodeError;
use crate::input::Bytes;

const FRAME_BYTES: u64 = 33;
const FRAME_SAMPLES: u64 = 160;
/// The upper half of the first byte of each frame.
const SIGNATURE: u8 = 0xd0;
const RATE_HZ: u32 = 8_000;
/// So many frames with the signature do not occur by chance in 1 of 10^14 files.
const FRAMES_MIN: u64 = 12;

/// Whether the whole file consists of such frames. The last one may be cut.
pub(super) fn begins(bytes: &mut Bytes, at: u64) -> Result<bool, DecodeError> {
    let frames = bytes.len().saturating_sub(at).div_ceil(FRAME_BYTES);
    if at > 0 || frames < FRAMES_MIN {
        return Ok(false);
    }
    for frame in 0..frames {
        if bytes.get(frame * FRAME_BYTES, 1)?.first().is_none_or(|first| first & 0xf0 != SIGNATURE) {
            return Ok(false);
        }
    }
    Ok(true)
}

pub(super) fn scan(bytes: &mut Bytes, start: u64) -> Result<Part, DecodeError> {
    let coding = Coding {
        codec: CODEC_ID_GSM,
        rate_hz: RATE_HZ,
        channels: 1,
        block_bytes: FRAME_BYTES,
        block_frames: FRAME_SAMPLES,
    };
    coding.part(start..bytes.len(), start..bytes.len())
}
