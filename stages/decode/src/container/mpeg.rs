//! Raw MPEG audio, layers 1 to 3 (ISO/IEC 11172-3, 13818-3 and the extension to low rates), and the frames at its start
//! that state its length: Xing (also "Info", with the encoder's delay as LAME writes it) and VBRI.

use symphonia::core::codecs::audio::well_known::{CODEC_ID_MP1, CODEC_ID_MP2, CODEC_ID_MP3};

use super::frames::FrameHeader;

/// Bit rates in kbit/s: layers 1 to 3 of MPEG 1, then layer 1 and layers 2 and 3 of MPEG 2.
const RATES_KBIT: [[u64; 15]; 5] = [
    [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
    [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
    [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
    [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
    [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];
/// Delay of the decoder, which a player removes in addition to the encoder's delay.
const DECODER_DELAY: u64 = 529;

/// Reads the header of a frame. Frames of "free format" are not supported.
pub(super) fn read_header(bytes: &[u8]) -> Option<FrameHeader> {
    let &[a, b, c, d, ..] = bytes else { return None };
    let (version, layer) = (b >> 3 & 3, 4 - (b >> 1 & 3));
    let (rate_index, hz_index) = (usize::from(c >> 4), usize::from(c >> 2 & 3));
    if a != 0xff || b & 0xe0 != 0xe0 || version == 1 || layer == 4 || hz_index == 3 {
        return None;
    }
    let is_mpeg1 = version == 3;
    let table = match (is_mpeg1, layer) {
        (true, layer) => usize::from(layer) - 1,
        (false, 1) => 3,
        (false, _) => 4,
    };
    let bit_rate = RATES_KBIT[table].get(rate_index).filter(|&&rate| rate > 0)? * 1000;
    let rate_hz = [44_100, 48_000, 32_000][hz_index] >> (3 - version.max(1)).min(2);
    let padding = u64::from(c >> 1 & 1);
    let (codec, frames, len) = match (layer, is_mpeg1) {
        (1, _) => (CODEC_ID_MP1, 384, (12 * bit_rate / u64::from(rate_hz) + padding) * 4),
        (2, _) => (CODEC_ID_MP2, 1152, 144 * bit_rate / u64::from(rate_hz) + padding),
        (_, true) => (CODEC_ID_MP3, 1152, 144 * bit_rate / u64::from(rate_hz) + padding),
        (_, false) => (CODEC_ID_MP3, 576, 72 * bit_rate / u64::from(rate_hz) + padding),
    };
    let channels = if d >> 6 == 3 { 1 } else { 2 };
    (len > 4).then_some(FrameHeader { codec, len, skip: 0, frames, rate_hz, channels })
}

/// What the first frame of a stream states about it, if it is not sound.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct StreamInfo {
    /// The encoder that it names (`LAME3.100`, `Lavf`).
    pub(super) encoder: Option<String>,
    /// Number of frames of the codec, without this one.
    pub(super) frames: Option<u64>,
    /// Samples to remove at the start of the decoder's output.
    pub(super) delay: u64,
    /// Samples to remove at its end.
    pub(super) padding: u64,
}

impl StreamInfo {
    /// Reads a whole frame. Returns `None` if it holds sound.
    pub(super) fn of_frame(frame: &[u8]) -> Option<Self> {
        let header = read_header(frame).filter(|header| header.codec == CODEC_ID_MP3)?;
        let number = |at: usize| Some(u64::from(u32::from_be_bytes(frame.get(at..at + 4)?.try_into().ok()?)));
        if frame.get(36..40)? == b"VBRI" {
            return Some(Self { frames: number(50).filter(|&frames| frames > 0), ..Self::default() });
        }
        let at = 4 + match (header.frames, header.channels) {
            (1152, 1) => 17,
            (1152, _) => 32,
            (_, 1) => 9,
            _ => 17,
        };
        if !matches!(frame.get(at..at + 4)?, b"Xing" | b"Info") {
            return None;
        }
        let flags = number(at + 4)?;
        let has = |flag: u64| flags & flag != 0;
        let frames = if has(1) { number(at + 8) } else { None };
        let size_of = |flag, size| if has(flag) { size } else { 0 };
        let lame = at + 8 + size_of(1, 4) + size_of(2, 4) + size_of(4, 100) + size_of(8, 4);
        let extension = frame.get(lame..).unwrap_or_default();
        let (delay, padding) = lame_delays(extension).unwrap_or((0, 0));
        Some(Self { encoder: encoder(extension), frames: frames.filter(|&frames| frames > 0), delay, padding })
    }
}

/// The encoder's name, which is padded to nine bytes.
fn encoder(extension: &[u8]) -> Option<String> {
    let name = extension.get(..9)?.split(|byte| *byte == 0).next()?;
    let name = name.trim_ascii();
    let is_name = name.len() >= 4
        && name.iter().take(4).all(u8::is_ascii_alphabetic)
        && name.iter().all(|byte| (0x20..0x7f).contains(byte));
    is_name.then(|| String::from_utf8_lossy(name).into_owned())
}

/// Samples to remove at start and end, from the extension that LAME and Lavc write.
fn lame_delays(extension: &[u8]) -> Option<(u64, u64)> {
    if !matches!(extension.get(..4)?, b"LAME" | b"Lavf" | b"Lavc") {
        return None;
    }
    let &[a, b, c] = extension.get(21..24)? else { return None };
    let (delay, padding) = (u64::from(a) << 4 | u64::from(b >> 4), u64::from(b & 0xf) << 8 | u64::from(c));
    Some((delay + DECODER_DELAY, padding.saturating_sub(DECODER_DELAY)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mpeg_header_states_length_rate_and_channels() {
        let header = |bytes: [u8; 4]| read_header(&bytes).map(|h| (h.len, h.frames, h.rate_hz, h.channels));
        // Layer 3: MPEG 1 at 128 kbit/s, MPEG 2 at 64 kbit/s, MPEG 2.5 at 8 kbit/s.
        assert_eq!(header([0xff, 0xfb, 0x90, 0x00]), Some((417, 1152, 44_100, 2)));
        assert_eq!(header([0xff, 0xf3, 0x80, 0xc0]), Some((208, 576, 22_050, 1)));
        assert_eq!(header([0xff, 0xe3, 0x18, 0xc0]), Some((72, 576, 8_000, 1)));
        // Layers 2 and 1.
        assert_eq!(header([0xff, 0xfd, 0x84, 0x00]), Some((384, 1152, 48_000, 2)));
        assert_eq!(header([0xff, 0xff, 0x44, 0x00]), Some((128, 384, 48_000, 2)));
        // Version 1, layer 0, bit rate 0 and 15, rate 3.
        for bytes in [[0xff, 0xeb, 0x90, 0], [0xff, 0xf9, 0x90, 0], [0xff, 0xfb, 0, 0], [0xff, 0xfb, 0xf0, 0]] {
            assert_eq!(header(bytes), None, "{bytes:x?}");
        }
        assert_eq!(header([0xff, 0xfb, 0x9c, 0x00]), None);
    }

    #[test]
    fn stream_info_is_read_from_the_first_frame() {
        let mut frame = vec![0; 417];
        frame[..4].copy_from_slice(&[0xff, 0xfb, 0x90, 0xc0]);
        assert_eq!(StreamInfo::of_frame(&frame), None, "sound");
        frame[21..25].copy_from_slice(b"Xing");
        frame[28] = 1;
        frame[32] = 77;
        frame[33..37].copy_from_slice(b"LAME");
        frame[54..57].copy_from_slice(&[0x24, 0x05, 0x00]);
        let encoder = Some("LAME".to_owned());
        let info = StreamInfo { encoder, frames: Some(77), delay: 576 + 529, padding: 1280 - 529 };
        assert_eq!(StreamInfo::of_frame(&frame), Some(info));
        frame[32] = 0;
        assert_eq!(StreamInfo::of_frame(&frame).unwrap().frames, None, "a placeholder that was never filled in");
    }
}
