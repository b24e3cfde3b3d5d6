//! The filter banks of AAC and MP3 at any offset, and their scale factor bands.

use crate::hybrid::{GRANULE, Hybrid, SPAN};
use crate::mdct::{Mdct, N};

/// Samples of a block: a frame of either bank fits at each offset.
pub(super) const BLOCK: usize = 3 * N;
const _: () = assert!(SPAN + GRANULE <= BLOCK);

/// Upper ends of the scale factor bands of long AAC windows (ISO/IEC 14496-3, 4.5.4) and of MP3 (ISO/IEC 11172-3, table B.8;
/// ISO/IEC 13818-3 for the lower rates).
#[rustfmt::skip]
mod ends {
    pub(super) const AAC_8: &[usize] = &[
        12, 24, 36, 48, 60, 72, 84, 96, 108, 120, 132, 144, 156, 172, 188, 204, 220, 236, 252, 268, 288, 308, 328, 348,
        372, 396, 420, 448, 476, 508, 544, 580, 620, 664, 712, 764, 820, 880, 944, 1024,
    ];
    pub(super) const AAC_16: &[usize] = &[
        8, 16, 24, 32, 40, 48, 56, 64, 72, 80, 88, 100, 112, 124, 136, 148, 160, 172, 184, 196, 212, 228, 244, 260, 280,
        300, 320, 344, 368, 396, 424, 456, 492, 532, 572, 616, 664, 716, 772, 832, 896, 960, 1024,
    ];
    pub(super) const AAC_24: &[usize] = &[
        4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 52, 60, 68, 76, 84, 92, 100, 108, 116, 124, 136, 148, 160, 172, 188, 204,
        220, 240, 260, 284, 308, 336, 364, 396, 432, 468, 508, 552, 600, 652, 704, 768, 832, 896, 960, 1024,
    ];
    /// Its last band ends at 960 and 992 too at 32 kHz.
    pub(super) const AAC_48: &[usize] = &[
        4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 48, 56, 64, 72, 80, 88, 96, 108, 120, 132, 144, 160, 176, 196, 216, 240, 264,
        292, 320, 352, 384, 416, 448, 480, 512, 544, 576, 608, 640, 672, 704, 736, 768, 800, 832, 864, 896, 928, 1024,
    ];
    pub(super) const MP3_8: &[usize] = &[
        12, 24, 36, 48, 60, 72, 88, 108, 132, 160, 192, 232, 280, 336, 400, 476, 566, 568, 570, 572, 574, 576,
    ];
    pub(super) const MP3_16: &[usize] = &[
        6, 12, 18, 24, 30, 36, 44, 54, 66, 80, 96, 116, 140, 168, 200, 238, 284, 336, 396, 464, 522, 576,
    ];
    pub(super) const MP3_24: &[usize] = &[
        6, 12, 18, 24, 30, 36, 44, 54, 66, 80, 96, 114, 136, 162, 194, 232, 278, 332, 394, 464, 540, 576,
    ];
    pub(super) const MP3_32: &[usize] = &[
        4, 8, 12, 16, 20, 24, 30, 36, 44, 54, 66, 82, 102, 126, 156, 194, 240, 296, 364, 448, 550, 576,
    ];
    pub(super) const MP3_44: &[usize] = &[
        4, 8, 12, 16, 20, 24, 30, 36, 44, 52, 62, 74, 90, 110, 134, 162, 196, 238, 288, 342, 418, 576,
    ];
    pub(super) const MP3_48: &[usize] = &[
        4, 8, 12, 16, 20, 24, 30, 36, 42, 50, 60, 72, 88, 106, 128, 156, 190, 230, 276, 330, 384, 576,
    ];
}

/// A codec's filter bank.
pub(super) trait Bank {
    /// Samples between frames.
    fn period(&self) -> usize;

    /// Ends of the scale factor bands.
    fn band_ends(&self) -> &'static [usize];

    /// Gives the coefficients of the frames of a block that begin at `offsets` to `each`, with the place of each in
    /// `offsets`. White noise has coefficients about as large as its samples.
    fn frames(&mut self, block: &[f32], offsets: &[usize], each: &mut dyn FnMut(usize, &[f32]));
}

/// AAC with one shape of window.
pub(super) struct Aac {
    mdct: Mdct,
    band_ends: &'static [usize],
    coefficients: Vec<f32>,
}

impl Aac {
    pub(super) fn new(window: &[f32], rate_hz: u32) -> Self {
        let band_ends = match rate_hz {
            ..=9_390 => ends::AAC_8,
            9_391..=18_782 => ends::AAC_16,
            18_783..=27_712 => ends::AAC_24,
            _ => ends::AAC_48,
        };
        Self { mdct: Mdct::new(window), band_ends, coefficients: vec![0.0; N] }
    }
}

impl Bank for Aac {
    fn period(&self) -> usize {
        N
    }

    fn band_ends(&self) -> &'static [usize] {
        self.band_ends
    }

    fn frames(&mut self, block: &[f32], offsets: &[usize], each: &mut dyn FnMut(usize, &[f32])) {
        let scale = (2.0 / N as f32).sqrt();
        for (index, offset) in offsets.iter().enumerate() {
            let coefficients = self.mdct.transform(&block[*offset..offset + 2 * N]);
            for (scaled, x) in self.coefficients.iter_mut().zip(coefficients) {
                *scaled = scale * x;
            }
            each(index, &self.coefficients);
        }
    }
}

/// MP3 with long blocks.
pub(super) struct Mp3 {
    hybrid: Hybrid,
    band_ends: &'static [usize],
}

impl Mp3 {
    pub(super) fn new(rate_hz: u32) -> Self {
        let band_ends = match rate_hz {
            ..=9_500 => ends::MP3_8,
            22_600..=28_000 => ends::MP3_24,
            28_001..=38_000 => ends::MP3_32,
            38_001..=46_000 => ends::MP3_44,
            46_001.. => ends::MP3_48,
            9_501..=22_599 => ends::MP3_16,
        };
        Self { hybrid: Hybrid::new(), band_ends }
    }
}

impl Bank for Mp3 {
    fn period(&self) -> usize {
        GRANULE
    }

    fn band_ends(&self) -> &'static [usize] {
        self.band_ends
    }

    fn frames(&mut self, block: &[f32], offsets: &[usize], each: &mut dyn FnMut(usize, &[f32])) {
        self.hybrid.granules(block, offsets, each);
    }
}
