//! AIFF and AIFF-C files.

use std::collections::BTreeMap;

use symphonia::core::codecs::audio::AudioCodecId;
use symphonia::core::codecs::audio::well_known::{
    CODEC_ID_PCM_ALAW, CODEC_ID_PCM_F32BE, CODEC_ID_PCM_F64BE, CODEC_ID_PCM_MULAW, CODEC_ID_PCM_S8, CODEC_ID_PCM_S16BE,
    CODEC_ID_PCM_S16LE, CODEC_ID_PCM_S24BE, CODEC_ID_PCM_S32BE,
};

use super::linear::Coding;
use super::{Part, is_known_end};
use crate::codec::names::four_characters;
use crate::error::DecodeError;
use crate::input::Bytes;
use crate::source::TAG_CHARS_MAX;

pub(super) fn begins(bytes: &mut Bytes, at: u64) -> Result<bool, DecodeError> {
    let Some(head) = bytes.array::<12>(at)? else { return Ok(false) };
    Ok(head[..4] == *b"FORM" && matches!(&head[8..], b"AIFF" | b"AIFC"))
}

/// The chunks of one file.
#[derive(Default)]
struct Chunks {
    coding: Option<Coding>,
    /// Number of frames that the header states.
    stated_frames: u64,
    /// Offset of the first sample, and the stated size of all samples.
    samples: Option<(u64, u64)>,
    tags: BTreeMap<String, String>,
}

pub(super) fn scan(bytes: &mut Bytes, start: u64) -> Result<Part, DecodeError> {
    let len = bytes.len();
    let (mut chunks, mut at) = (Chunks::default(), start + 12);
    while at < len && !(chunks.samples.is_some() && is_known_end(bytes, at)?) {
        let Some([a, b, c, d, size @ ..]) = bytes.array::<8>(at)? else { break };
        let size = u64::from(u32::from_be_bytes(size));
        let end = at + 8 + size;
        let is_last = end > len || !(chunks.samples.is_none() || [a, b, c, d].iter().all(u8::is_ascii_graphic));
        if is_last && chunks.samples.is_some() {
            break;
        }
        chunks.read(bytes, &[a, b, c, d], at + 8, size)?;
        at = end.next_multiple_of(2).min(len);
    }
    let coding = chunks.coding.ok_or(DecodeError::DamagedContainer("its COMM chunk is missing"))?;
    let Some((data, stated)) = chunks.samples else { return part_without_samples(&coding, start, at, &chunks) };
    // The size may never have been written.
    let stated_end = data + stated;
    let end = if stated > 0 && stated_end <= len { stated_end } else { len };
    let mut part = coding.part(start..at.max(end), data..end)?;
    part.tags = chunks.tags;
    coding.compare(&mut part, (chunks.stated_frames * coding.block_bytes).max(stated), end - data);
    Ok(part)
}

/// A file that states a number of frames and holds none is damaged; one that states none is empty.
fn part_without_samples(coding: &Coding, start: u64, end: u64, chunks: &Chunks) -> Result<Part, DecodeError> {
    match chunks.stated_frames {
        0 => coding.part(start..end, end..end),
        _ => Err(DecodeError::DamagedContainer("its SSND chunk is missing")),
    }
}

impl Chunks {
    fn read(&mut self, bytes: &mut Bytes, id: &[u8; 4], at: u64, size: u64) -> Result<(), DecodeError> {
        match id {
            b"COMM" => {
                let chunk = bytes.get(at, size.min(64) as usize)?;
                let long = |at: usize| Some(u32::from_be_bytes(chunk.get(at..at + 4)?.try_into().ok()?));
                self.stated_frames = long(2).map_or(0, u64::from);
                self.coding = Some(read_common(chunk)?);
            }
            b"SSND" => {
                let Some(offset) = bytes.array(at)? else { return Err(DecodeError::TruncatedHeader) };
                let offset = u64::from(u32::from_be_bytes(offset));
                let data = at + 8 + offset;
                let is_inside = data <= bytes.len();
                let data = if is_inside { data } else { at + 8 };
                self.samples = Some((data, (at + size).saturating_sub(data)));
            }
            b"NAME" | b"AUTH" | b"(c) " | b"ANNO" => {
                let text = String::from_utf8_lossy(bytes.get(at, size.min(TAG_CHARS_MAX as u64) as usize)?);
                let text = text.trim_matches(['\0', ' ']).to_owned();
                self.tags.insert(String::from_utf8_lossy(id).trim().to_owned(), text);
            }
            _ => {}
        }
        Ok(())
    }
}

/// Reads the COMM chunk: channels, frames, bits per sample, rate, and in AIFF-C the codec.
fn read_common(chunk: &[u8]) -> Result<Coding, DecodeError> {
    let word = |at: usize| Some(u16::from_be_bytes(chunk.get(at..at + 2)?.try_into().ok()?));
    let rate_hz = chunk.get(8..18).and_then(extended);
    let (Some(channels), Some(bits), Some(rate_hz)) = (word(0), word(6), rate_hz) else {
        return Err(DecodeError::TruncatedHeader);
    };
    let (codec, sample_bytes) = codec(chunk.get(18..22).unwrap_or(b"NONE"), bits)?;
    Ok(Coding::of_samples(codec, rate_hz, channels, sample_bytes))
}

fn codec(id: &[u8], bits: u16) -> Result<(AudioCodecId, u64), DecodeError> {
    Ok(match (id, bits) {
        (b"NONE" | b"twos", 1..=8) => (CODEC_ID_PCM_S8, 1),
        (b"NONE" | b"twos", 9..=16) => (CODEC_ID_PCM_S16BE, 2),
        (b"NONE" | b"twos" | b"in24", 17..=24) => (CODEC_ID_PCM_S24BE, 3),
        (b"NONE" | b"twos" | b"in32", 25..=32) => (CODEC_ID_PCM_S32BE, 4),
        (b"sowt", 9..=16) => (CODEC_ID_PCM_S16LE, 2),
        (b"fl32" | b"FL32", _) => (CODEC_ID_PCM_F32BE, 4),
        (b"fl64" | b"FL64", _) => (CODEC_ID_PCM_F64BE, 8),
        (b"alaw" | b"ALAW", _) => (CODEC_ID_PCM_ALAW, 1),
        (b"ulaw" | b"ULAW", _) => (CODEC_ID_PCM_MULAW, 1),
        (b"NONE" | b"twos" | b"sowt", bits) => {
            return Err(DecodeError::UnsupportedProfile(format!("PCM with {bits} bits per sample")));
        }
        (id, _) => return Err(DecodeError::UnsupportedCodec(four_characters(id))),
    })
}

/// A rate in the 80-bit format of IEEE 754, rounded.
fn extended(bytes: &[u8]) -> Option<u32> {
    let exponent = i32::from(u16::from_be_bytes([bytes[0], bytes[1]]) & 0x7fff) - 16_383;
    let mantissa = u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?);
    let value = mantissa as f64 * f64::from(exponent - 63).exp2();
    (value.is_finite() && value <= f64::from(u32::MAX)).then(|| value.round() as u32)
}

#[cfg(test)]
mod tests {
    use super::extended;

    #[test]
    fn aiff_rate_is_read_from_80_bits() {
        assert_eq!(extended(&[0x40, 0x0e, 0xac, 0x44, 0, 0, 0, 0, 0, 0]), Some(44_100));
        assert_eq!(extended(&[0x40, 0x0b, 0xfa, 0x00, 0, 0, 0, 0, 0, 0]), Some(8_000));
        assert_eq!(extended(&[0x7f, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0]), None);
    }
}
