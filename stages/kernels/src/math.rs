//! Scalar functions without branches, so that the compiler can vectorize the loops around them.

/// Adding this to a number of magnitude below 2^22 rounds it to an integer (ties to even) in the low bits of the sum.
const ROUND: f32 = 12_582_912.0;

/// The nearest integer (ties to even) of a number of magnitude below 2^22.
#[inline(always)]
pub(crate) fn round(x: f32) -> i32 {
    (x + ROUND).to_bits().cast_signed() - ROUND.to_bits().cast_signed()
}

/// e^x with an error of 2 units in the last place for x in [-87, 88]; 0 below, e^88 above.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    const LN2_HI: f32 = 0.693_359_4;
    const LN2_LO: f32 = -2.121_944_4e-4;
    let clamped = x.clamp(-87.0, 88.0);
    let shifted = clamped * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = clamped - n * LN2_HI - n * LN2_LO;
    // Taylor series on [-ln 2 / 2, ln 2 / 2].
    let tail = ((1.0 / 720.0 * r + 1.0 / 120.0) * r + 1.0 / 24.0) * r + 1.0 / 6.0;
    let p = ((tail * r + 0.5) * r + 1.0) * r + 1.0;
    let scale = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23);
    if x < -87.0 { 0.0 } else { p * scale }
}

/// 2^x with a relative error of 3e-6, far below half a unit of bf16 (2e-3), for x in [-125, 127]; 0 below, never
/// subnormal.
#[inline(always)]
pub(crate) fn exp2_to_bf16(x: f32) -> f32 {
    const LOWEST: f32 = -125.0;
    // The minimax polynomial of degree 4 for the relative error on [-1/2, 1/2].
    const C: [f32; 5] = [0.999_999_3, 0.693_121_8, 0.240_247_44, 0.055_917_86, 0.009_570_102];
    // Not `max`, which would turn NaN into a number.
    let clamped = if x < LOWEST { LOWEST } else { x };
    let shifted = clamped + ROUND;
    let f = clamped - (shifted - ROUND);
    let p = (((C[4] * f + C[3]) * f + C[2]) * f + C[1]) * f + C[0];
    let scale = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23);
    if x < LOWEST { 0.0 } else { p * scale }
}

/// The exact GELU, x * Phi(x), with an error of 2e-6.
#[inline(always)]
pub(crate) fn gelu(x: f32) -> f32 {
    0.5 * x * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2))
}

/// The error function as a rational function of degree 13 over 8 on [-4, 4], with Eigen's coefficients; at 4 it is 1 in
/// f32.
#[inline(always)]
fn erf(x: f32) -> f32 {
    const P: [f32; 7] =
        [-2.726_142_3e-10, 2.770_681_4e-8, -2.101_024e-6, -5.692_506_4e-5, -7.349_906e-4, -2.954_6e-3, -1.609_603_3e-2];
    const Q: [f32; 5] = [-1.456_607_2e-5, -2.133_740_5e-4, -1.682_827e-3, -7.373_329_2e-3, -1.426_473_9e-2];
    let x = x.clamp(-4.0, 4.0);
    let x2 = x * x;
    let horner = |coefficients: &[f32]| coefficients.iter().fold(0.0, |sum, c| sum * x2 + c);
    x * horner(&P) / horner(&Q)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_agrees_with_the_double_precision_one() {
        for i in -870_000..880_000 {
            let x = i as f32 * 1e-4;
            let exact = f64::from(x).exp();
            assert!((f64::from(exp(x)) / exact - 1.0).abs() < 3e-7, "{x}");
        }
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp(-200.0), 0.0);
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn exp2_to_bf16_agrees_with_the_double_precision_one() {
        for i in -124_999..127_000 {
            let x = i as f32 * 1e-3;
            assert!((f64::from(exp2_to_bf16(x)) / f64::from(x).exp2() - 1.0).abs() < 5e-6, "{x}");
        }
        assert_eq!([f32::NEG_INFINITY, -126.0, -125.1].map(exp2_to_bf16), [0.0; 3]);
        assert!(exp2_to_bf16(f32::NAN).is_nan());
    }

    #[test]
    fn ties_go_to_the_even_integer() {
        for x in [-128.0, -2.5, -1.5, -0.5, -0.49, 0.0, 0.5, 1.5, 2.5, 126.6] {
            assert_eq!(round(x), x.round_ties_even() as i32, "{x}");
        }
    }

    #[test]
    fn gelu_keeps_its_tails() {
        assert!((gelu(1.0) - 0.841_344_7).abs() < 2e-6);
        assert!((gelu(10.0) - 10.0).abs() < 1e-5);
        assert!(gelu(-10.0).abs() < 1e-5);
        assert!(gelu(f32::NAN).is_nan());
    }
}
