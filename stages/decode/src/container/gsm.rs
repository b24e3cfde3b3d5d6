//! Raw GSM 06.10: frames of 33 bytes, each with the same four bits at its start.

use super::Part;
use super::linear::Coding;
use crate::codec::CODEC_ID_GSM;
use crate::codec::gsm::{self, FRAME_SAMPLES, RATE_HZ, SIGNATURE};
use crate::error::DecodeError;
use crate::input::Bytes;

const FRAME_BYTES: u64 = gsm::FRAME_BYTES as u64;
/// Number of bytes from which a stream is recognized. The others must agree.
const HEAD_BYTES: usize = 1 << 16;

/// Whether the whole file consists of such frames. The last one may be cut.
pub(super) fn begins(bytes: &mut Bytes, at: u64) -> Result<bool, DecodeError> {
    if at > 0 || !gsm::is_raw_stream(bytes.get(0, HEAD_BYTES)?) {
        return Ok(false);
    }
    let frames = bytes.len().div_ceil(FRAME_BYTES);
    for frame in 0..frames {
        if bytes.get(frame * FRAME_BYTES, 1)?.first().is_none_or(|first| first >> 4 != SIGNATURE) {
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
        block_frames: FRAME_SAMPLES as u64,
    };
    coding.part(start..bytes.len(), start..bytes.len())
}
