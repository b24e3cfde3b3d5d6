//! How weights in 8 bits are stored in safetensors: `weight` as u8 with 128 for zero, `weight_scale` (f32) for each row.

/// The name of a weight's scales, beside `weight`.
pub const SCALE: &str = "weight_scale";

/// What is stored for zero.
pub const ZERO: u8 = 128;

/// The level that a stored number (0 to 255) stands for.
#[must_use]
pub fn level(stored: f32) -> i8 {
    (stored as i16 - ZERO as i16) as i8
}

/// What is stored for a level.
#[must_use]
pub const fn stored(level: i8) -> u8 {
    level.cast_unsigned() ^ ZERO
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_comes_back() {
        assert!((i8::MIN..=i8::MAX).all(|wanted| level(f32::from(stored(wanted))) == wanted));
        assert_eq!(stored(0), ZERO);
    }
}
