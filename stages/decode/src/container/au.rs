//! AU files of Sun and NeXT: a header of six numbers, a text, and the samples.

use symphonia::core::codecs::audio::well_known::{
    CODEC_ID_PCM_ALAW, CODEC_ID_PCM_F32BE, CODEC_ID_PCM_F64BE, CODEC_ID_PCM_MULAW, CODEC_ID_PCM_S8, CODEC_ID_PCM_S16BE,
    CODEC_ID_PCM_S24BE, CODEC_ID_PCM_S32BE,
};

use super::linear::Coding;
use super::{Part, begins_with, is_known_end};
use crate::codec::names::au_encoding;
use crate::error::DecodeError;
use crate::input::Bytes;

const HEADER_BYTES: u64 = 24;
/// The size is not known.
const UNKNOWN: u64 = u32::MAX as u64;

pub(super) fn begins(bytes: &mut Bytes, at: u64) -> Result<bool, DecodeError> {
    begins_with(bytes, at, b".snd")
}

pub(super) fn scan(bytes: &mut Bytes, start: u64) -> Result<Part, DecodeError> {
    let Some(header) = bytes.array::<{ HEADER_BYTES as usize }>(start)? else {
        return Err(DecodeError::TruncatedHeader);
    };
    let number =
        |n: usize| u32::from_be_bytes([header[n * 4], header[n * 4 + 1], header[n * 4 + 2], header[n * 4 + 3]]);
    let (offset, stated) = (u64::from(number(1)).max(HEADER_BYTES), u64::from(number(2)));
    let channels = u16::try_from(number(5)).map_err(|_| DecodeError::DamagedContainer("its number of channels"))?;
    let (codec, sample_bytes) = match number(3) {
        1 => (CODEC_ID_PCM_MULAW, 1),
        2 => (CODEC_ID_PCM_S8, 1),
        3 => (CODEC_ID_PCM_S16BE, 2),
        4 => (CODEC_ID_PCM_S24BE, 3),
        5 => (CODEC_ID_PCM_S32BE, 4),
        6 => (CODEC_ID_PCM_F32BE, 4),
        7 => (CODEC_ID_PCM_F64BE, 8),
        27 => (CODEC_ID_PCM_ALAW, 1),
        encoding => {
            let codec = au_encoding(encoding).unwrap_or_else(|| format!("AU encoding {encoding}"));
            return Err(DecodeError::UnsupportedCodec(codec));
        }
    };
    let coding = Coding::of_samples(codec, number(4), channels, sample_bytes);
    let (data, len) = (start + offset, bytes.len());
    if data > len {
        return Err(DecodeError::TruncatedHeader);
    }
    let stated_end = data.saturating_add(stated);
    let ends_as_stated = stated != UNKNOWN && (stated > 0 || data == len) && is_known_end(bytes, stated_end)?;
    let end = if ends_as_stated { stated_end } else { len };
    let mut part = coding.part(start..end, data..end)?;
    if stated != UNKNOWN {
        coding.compare(&mut part, stated, end - data);
    }
    Ok(part)
}
