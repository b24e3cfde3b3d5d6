//! Reading single bits, most significant first.

/// A cursor over the bits of a byte slice. Reading beyond the end gives `None`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Bits<'a> {
    pub(super) const fn at(bytes: &'a [u8], position: usize) -> Self {
        Self { bytes, position }
    }

    /// The next `count` bits (at most 32).
    pub(super) fn read(&mut self, count: usize) -> Option<u32> {
        let end = self.position + count;
        if end > self.bytes.len() * 8 {
            return None;
        }
        let value = (self.position..end).fold(0, |value, bit| value << 1 | self.bit(bit));
        self.position = end;
        Some(value)
    }

    pub(super) const fn left(&self) -> usize {
        self.bytes.len() * 8 - self.position
    }

    fn bit(&self, position: usize) -> u32 {
        u32::from(self.bytes[position / 8] >> (7 - position % 8) & 1)
    }
}
