//! The numeric type of the products.

/// The numeric type that weights are kept in and products are computed in; sums are f32 (of int8: i32).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum CpuPrecision {
    /// Single precision: the reference's numbers up to rounding.
    #[default]
    F32,
    /// 8 bits of mantissa in weights and activations.
    Bf16,
    /// Weights in 8 bits with a scale for each output, activations in 8 bits with a scale for each row, found on the
    /// way; attention weights with their values and the first convolution in bf16.
    Int8,
}

/// The nearest bf16 (ties to even), as its bits. NaN stays NaN; a subnormal number becomes zero, as in the BF16
/// instructions.
#[inline(always)]
pub(crate) fn bf16(x: f32) -> u16 {
    const SIGN: u32 = 1 << 31;
    let bits = x.to_bits();
    let bits = if x.abs() < f32::MIN_POSITIVE { bits & SIGN } else { bits };
    if x.is_nan() { (bits >> 16) as u16 | 0x40 } else { bf16_of_normal(f32::from_bits(bits)) }
}

/// As [`bf16`], of zero or a normal number: for loops that need not check.
#[inline(always)]
pub(crate) const fn bf16_of_normal(x: f32) -> u16 {
    let bits = x.to_bits();
    (bits.wrapping_add(0x7FFF + ((bits >> 16) & 1)) >> 16) as u16
}

/// The f32 of a bf16's bits.
#[inline(always)]
pub(crate) const fn from_bf16(bits: u16) -> f32 {
    f32::from_bits((bits as u32) << 16)
}
