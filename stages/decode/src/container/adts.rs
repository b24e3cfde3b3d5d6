//! Raw ADTS, the stream format of AAC (ISO/IEC 14496-3, 1.A.2.2).

use symphonia::core::codecs::audio::well_known::CODEC_ID_AAC;

use super::frames::FrameHeader;

const RATES_HZ: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

/// Reads the header of an ADTS frame. Channels are 0 if a program configuration element in the frame states them.
pub(super) fn read_header(bytes: &[u8]) -> Option<FrameHeader> {
    let &[a, b, c, d, e, f, g, ..] = bytes else { return None };
    if a != 0xff || b & 0xf6 != 0xf0 {
        return None;
    }
    let rate_hz = *RATES_HZ.get(usize::from(c >> 2 & 0xf))?;
    let channels = match (c & 1) << 2 | d >> 6 {
        7 => 8,
        channels => u16::from(channels),
    };
    let len = u64::from(d & 3) << 11 | u64::from(e) << 3 | u64::from(f >> 5);
    let skip = if b & 1 == 1 { 7 } else { 9 };
    let blocks = u64::from(g & 3) + 1;
    (len > skip).then_some(FrameHeader { codec: CODEC_ID_AAC, len, skip, frames: 1024 * blocks, rate_hz, channels })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adts_header_states_length_rate_and_channels() {
        // AAC-LC, 44.1 kHz, stereo, 371 bytes, without a checksum.
        let header = read_header(&[0xff, 0xf1, 0x50, 0x80, 0x2e, 0x7f, 0xfc]).unwrap();
        assert_eq!((header.len, header.skip, header.frames), (371, 7, 1024));
        assert_eq!((header.rate_hz, header.channels), (44_100, 2));
        assert_eq!(read_header(&[0xff, 0xf1, 0x7c, 0x80, 0x2e, 0x7f, 0xfc]), None, "no such rate");
        assert_eq!(read_header(&[0xff, 0xf1, 0x50, 0x80, 0, 0x1f, 0xfc]), None, "shorter than its header");
        assert_eq!(read_header(&[0xff, 0xf1]), None);
    }
}
