//! Numeric types of the CPU kernels.

/// The numeric type of weights and products; sums are f32 (i32 for int8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum CpuPrecision {
    /// Single precision: equals the reference up to rounding.
    #[default]
    F32,
    /// 8 bits of mantissa in weights and activations.
    Bf16,
    /// 8-bit weights with a scale for each output, and 8-bit activations with a scale for each row, computed
    /// dynamically. Attention weights, values and the first convolution are in bf16.
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

/// As [`bf16`], for zero and normal numbers only, without checks.
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
