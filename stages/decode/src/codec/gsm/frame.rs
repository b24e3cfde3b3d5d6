//! The parameters of a frame, as they are transmitted (EN 300 961, table 1.1).

/// Number of subframes of a frame.
pub(super) const SUBFRAMES: usize = 4;
/// Number of reflection coefficients.
pub(super) const ORDER: usize = 8;
/// Number of pulses of a subframe.
pub(super) const PULSES: usize = 13;

/// Bits of each coded log area ratio.
const RATIO_BITS: [u32; ORDER] = [6, 6, 5, 5, 4, 4, 3, 3];

/// The coded parameters of 20 ms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    /// Log area ratios (LARc).
    pub(super) ratios: [i16; ORDER],
    pub(super) subframes: [Subframe; SUBFRAMES],
}

/// The coded excitation of 5 ms.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Subframe {
    /// Lag of the long-term predictor in samples (Nc).
    pub(super) lag: i16,
    /// Index of its gain (bc).
    pub(super) gain: usize,
    /// Position of the first pulse (Mc).
    pub(super) grid: usize,
    /// Logarithmic size of the largest pulse (xmaxc).
    pub(super) largest: i16,
    /// The pulses, relative to the largest (xMc).
    pub(super) pulses: [i16; PULSES],
}

impl Frame {
    /// Bits of a frame without a signature.
    pub(super) const BITS: usize = 260;

    /// Reads the next frame.
    pub(super) fn read(bits: &mut Bits<'_>) -> Self {
        let ratios = RATIO_BITS.map(|count| bits.take(count) as i16);
        let subframes = std::array::from_fn(|_| Subframe {
            lag: bits.take(7) as i16,
            gain: bits.take(2).into(),
            grid: bits.take(2).into(),
            largest: bits.take(6) as i16,
            pulses: std::array::from_fn(|_| bits.take(3) as i16),
        });
        Self { ratios, subframes }
    }
}

/// Which bit of a byte, and of a parameter, comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    MostSignificantFirst,
    LeastSignificantFirst,
}

/// Reads bits in order. Bits after the end are 0.
#[derive(Debug)]
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    order: Order,
    at: usize,
}

impl<'a> Bits<'a> {
    pub(super) const fn new(bytes: &'a [u8], order: Order) -> Self {
        Self { bytes, order, at: 0 }
    }

    /// The next `count` bits as a number; at most 16.
    pub(super) fn take(&mut self, count: u32) -> u16 {
        (0..count).fold(0, |value, index| match self.order {
            Order::MostSignificantFirst => value << 1 | self.next(),
            Order::LeastSignificantFirst => value | self.next() << index,
        })
    }

    fn next(&mut self) -> u16 {
        let (byte, bit) = (self.at / 8, self.at % 8);
        self.at += 1;
        let byte = self.bytes.get(byte).copied().unwrap_or(0);
        let shift = if self.order == Order::MostSignificantFirst { 7 - bit } else { bit };
        u16::from(byte >> shift & 1)
    }
}
