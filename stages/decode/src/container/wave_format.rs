//! The format chunk of wave files.

use symphonia::core::codecs::audio::well_known::{
    CODEC_ID_ADPCM_IMA_WAV, CODEC_ID_ADPCM_MS, CODEC_ID_PCM_ALAW, CODEC_ID_PCM_F32LE, CODEC_ID_PCM_F64LE,
    CODEC_ID_PCM_MULAW, CODEC_ID_PCM_S16LE, CODEC_ID_PCM_S24LE, CODEC_ID_PCM_S32LE, CODEC_ID_PCM_U8,
};

use super::linear::Coding;
use crate::codec::CODEC_ID_GSM_MS;
use crate::codec::names::wave_tag;
use crate::error::DecodeError;

const EXTENSIBLE: u16 = 0xfffe;
/// Offset of the sub-format in an extensible chunk. Its first two bytes are a plain format tag.
const SUB_FORMAT_AT: usize = 24;

/// How the samples are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Format {
    Blocks(Coding),
    /// MPEG audio, as a stream of frames.
    Mpeg,
}

impl Format {
    /// Reads the body of the chunk.
    ///
    /// # Errors
    /// The chunk is cut short, or there is no decoder for its format.
    pub(super) fn read(chunk: &[u8]) -> Result<Self, DecodeError> {
        let word = |at: usize| Some(u16::from_le_bytes(chunk.get(at..at + 2)?.try_into().ok()?));
        let long = |at: usize| Some(u32::from_le_bytes(chunk.get(at..at + 4)?.try_into().ok()?));
        let fields = || Some((word(0)?, word(2)?, long(4)?, word(12)?, word(14)?));
        let (tag, channels, rate_hz, block_align, bits) = fields().ok_or(DecodeError::TruncatedHeader)?;
        let tag = if tag == EXTENSIBLE { word(SUB_FORMAT_AT).unwrap_or(tag) } else { tag };
        let block_bytes = u64::from(block_align);
        let byte_rate = long(8).unwrap_or(0);
        let sample_bytes = sample_bytes(block_align, channels, bits, (rate_hz, byte_rate));
        let samples = |codec| Coding::of_samples(codec, rate_hz, channels, sample_bytes);
        let adpcm = |codec, header: u64, more: u64| {
            let each = block_bytes / u64::from(channels.max(1));
            let block_frames = each.saturating_sub(header) * 2 + more;
            Coding { codec, rate_hz, channels, block_bytes, block_frames }
        };
        Ok(Self::Blocks(match (tag, sample_bytes) {
            (1, 1) => samples(CODEC_ID_PCM_U8),
            (1, 2) => samples(CODEC_ID_PCM_S16LE),
            (1, 3) => samples(CODEC_ID_PCM_S24LE),
            (1, 4) => samples(CODEC_ID_PCM_S32LE),
            (3, 4) => samples(CODEC_ID_PCM_F32LE),
            (3, 8) => samples(CODEC_ID_PCM_F64LE),
            (6, 1) => samples(CODEC_ID_PCM_ALAW),
            (7, 1) => samples(CODEC_ID_PCM_MULAW),
            (2, _) => adpcm(CODEC_ID_ADPCM_MS, 7, 2),
            (0x11, _) => adpcm(CODEC_ID_ADPCM_IMA_WAV, 4, 1),
            (0x31, _) => Coding { codec: CODEC_ID_GSM_MS, rate_hz, channels, block_bytes: 65, block_frames: 320 },
            (0x50 | 0x55, _) => return Ok(Self::Mpeg),
            (1 | 3, _) => return Err(DecodeError::UnsupportedProfile(format!("PCM with {bits} bits per sample"))),
            (tag, _) => return Err(DecodeError::UnsupportedCodec(wave_tag(tag))),
        }))
    }
}

/// Bytes of one sample: those that a block holds for each channel, or those that the bits need if the byte rate agrees
/// with them.
fn sample_bytes(block_align: u16, channels: u16, bits: u16, (rate_hz, byte_rate): (u32, u32)) -> u64 {
    let needed = u64::from(bits.div_ceil(8)).max(1);
    // Two of three fields agree.
    if u64::from(byte_rate) == u64::from(rate_hz) * u64::from(channels) * needed {
        return needed;
    }
    match (block_align / channels.max(1), block_align % channels.max(1)) {
        (each, 0) if u64::from(each) >= needed => u64::from(each),
        _ => needed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(tag: u16, channels: u16, rate_hz: u32, block_align: u16, bits: u16) -> Vec<u8> {
        let words = [tag.to_le_bytes(), channels.to_le_bytes()].concat();
        let rates = [rate_hz.to_le_bytes(), 0u32.to_le_bytes()].concat();
        [words, rates, [block_align.to_le_bytes(), bits.to_le_bytes()].concat()].concat()
    }

    #[test]
    fn wave_format_gives_the_size_of_a_block() {
        let block = |chunk: &[u8]| match Format::read(chunk).unwrap() {
            Format::Blocks(coding) => (coding.codec, coding.block_bytes, coding.block_frames),
            Format::Mpeg => panic!("not MPEG"),
        };
        assert_eq!(block(&chunk(1, 2, 8_000, 4, 16)), (CODEC_ID_PCM_S16LE, 4, 1));
        assert_eq!(block(&chunk(1, 1, 8_000, 4, 24)), (CODEC_ID_PCM_S32LE, 4, 1));
        assert_eq!(block(&chunk(1, 2, 8_000, 0, 24)), (CODEC_ID_PCM_S24LE, 6, 1));
        assert_eq!(block(&chunk(0x11, 1, 8_000, 256, 4)), (CODEC_ID_ADPCM_IMA_WAV, 256, 505));
        assert_eq!(block(&chunk(2, 2, 8_000, 512, 4)), (CODEC_ID_ADPCM_MS, 512, 500));
    }

    #[test]
    fn wave_format_names_the_codec_that_it_refuses() {
        let refused = |tag| Format::read(&chunk(tag, 1, 8_000, 0, 0)).unwrap_err().to_string();
        assert!(refused(0x45).contains("G.726"));
        assert!(refused(0x1234).contains("0x1234"));
        assert!(matches!(Format::read(&[1, 0]), Err(DecodeError::TruncatedHeader)));
    }
}
