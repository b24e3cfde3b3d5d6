//! Detects spectral band replication that the header does not signal (implicit signaling).
//!
//! An HE-AAC encoder writes the SBR data of a frame into a fill element right before the end marker (ISO/IEC 14496-3,
//! 4.4.2.1 and 4.5.2.8). Parsing forward to that element would require parsing all spectral data before it, so the
//! search starts at the end of the frame: it looks for a fill element with extension type SBR whose length leads
//! exactly to the end marker and the padding. A single frame matches by chance in about 1 % of cases, three of four
//! frames never do.

use super::profile::Bits;

const ID_FIL: u32 = 6;
const ID_END: u32 = 7;
/// Extension types EXT_SBR_DATA and EXT_SBR_DATA_CRC.
const EXTENSION_SBR: std::ops::RangeInclusive<u32> = 0xd..=0xe;
/// Number of frames that are inspected, and the minimum number for a decision.
const FRAMES: u32 = 64;
const FRAMES_MIN: u32 = 8;
/// Shorter frames contain silence and are not inspected.
const FRAME_BYTES_MIN: usize = 12;

/// Counts frames with SBR data among the first frames of an AAC stream.
#[derive(Debug, Default)]
pub(super) struct SbrDetector {
    frames: u32,
    with_sbr: u32,
}

impl SbrDetector {
    /// Inspects one frame (a raw data block). `doubled` means that the frame's duration in the container is twice the
    /// duration of the decoded samples, because SBR doubles the sample rate.
    pub(super) fn inspect(&mut self, frame: &[u8], doubled: bool) {
        if self.frames < FRAMES && frame.len() >= FRAME_BYTES_MIN {
            self.frames += 1;
            self.with_sbr += u32::from(doubled || ends_in_sbr(frame));
        }
    }

    /// Whether the stream is HE-AAC. The caller checks this after each frame, to decide early.
    pub(super) const fn found(&self) -> bool {
        self.frames >= FRAMES_MIN && self.with_sbr * 4 >= self.frames * 3
    }
}

/// Whether an SBR fill element ends at the end marker. One fill element with padding may follow it.
fn ends_in_sbr(frame: &[u8]) -> bool {
    let bits = frame.len() * 8;
    // Zeros follow the end marker up to the end of the byte.
    (0..8).any(|padding| {
        let end = bits - padding;
        let aligned = Bits::at(frame, end).read(padding) == Some(0);
        let marker = end - 3;
        aligned
            && Bits::at(frame, marker).read(3) == Some(ID_END)
            && (fill_ending_at(frame, marker, true).is_some()
                || fill_ending_at(frame, marker, false)
                    .is_some_and(|start| fill_ending_at(frame, start, true).is_some()))
    })
}

/// First bit of a fill element that ends at bit `end`. `sbr` selects elements with or without SBR data.
fn fill_ending_at(frame: &[u8], end: usize, sbr: bool) -> Option<usize> {
    (1..=269).find_map(|count: usize| {
        let header = if count < 15 { 7 } else { 15 };
        let start = end.checked_sub(header + count * 8)?;
        let mut bits = Bits::at(frame, start);
        let matches = bits.read(3)? == ID_FIL
            && bits.read(4)? == count.min(15) as u32
            && (count < 15 || bits.read(8)? as usize == count - 14)
            && EXTENSION_SBR.contains(&bits.read(4)?) == sbr;
        matches.then_some(start)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Builds a frame: `head`, a fill element of `count` bytes that begins with `extension`, and the end marker.
    fn frame(head: &str, count: usize, extension: u32) -> Vec<u8> {
        let mut bits = head.to_owned();
        bits += "110";
        bits += &if count < 15 { format!("{count:04b}") } else { format!("1111{:08b}", count - 14) };
        bits += &format!("{extension:04b}");
        bits += &"01101001".repeat(count)[4..];
        bits += "111";
        bits += &"0".repeat(bits.len().next_multiple_of(8) - bits.len());
        bits.as_bytes().chunks(8).map(|byte| byte.iter().fold(0, |value, bit| value << 1 | (bit - b'0'))).collect()
    }

    #[test]
    fn sbr_is_found_before_the_end_marker_at_every_alignment() {
        for length in 100..116 {
            let head = &"0100110101".repeat(20)[..length];
            for count in [1, 9, 14, 15, 16, 60, 269] {
                assert!(ends_in_sbr(&frame(head, count, 0xd)), "{length} {count}");
                assert!(ends_in_sbr(&frame(head, count, 0xe)), "{length} {count}");
            }
        }
    }

    #[test]
    fn sbr_is_not_found_in_padding() {
        let plain = (100..200).map(|length| frame(&"0100110101".repeat(20)[..length], 20, 0x0));
        assert!(plain.filter(|frame| ends_in_sbr(frame)).count() < 10);
    }

    #[test]
    fn sbr_is_not_found_in_noise() {
        let mut detector = SbrDetector::default();
        let mut random = testkit::Random(1);
        for _ in 0..FRAMES {
            detector.inspect(&(0..200).map(|_| random.below(256) as u8).collect::<Vec<_>>(), false);
            assert!(!detector.found());
        }
    }
}
