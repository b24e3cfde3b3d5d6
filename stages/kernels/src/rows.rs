//! Preparation of f32 rows for a product: layer norm, then conversion to the format of the product.

use rayon::prelude::*;

use crate::Isa;
use crate::isa::multiversion;
use crate::math;
use crate::precision::bf16;
use crate::reduce::{LANES, fold_lanes, for_each_chunk, higher};

/// A layer norm over the rows of a matrix.
///
/// ```
/// use kernels::{Norm, Then};
///
/// let norm = Norm { weight: vec![1.0; 2], bias: vec![0.0; 2], epsilon: 1e-5 };
/// let mut x = [3.0, 5.0];
/// norm.rows(&mut x, Then::Nothing);
/// assert!((x[0] + 1.0).abs() < 1e-3 && (x[1] - 1.0).abs() < 1e-3);
/// ```
#[derive(Debug, Clone)]
pub struct Norm {
    /// A factor for each column.
    pub weight: Vec<f32>,
    /// A bias for each column.
    pub bias: Vec<f32>,
    /// A constant that is added to the variance.
    pub epsilon: f32,
}

impl Norm {
    /// Writes the normalized row into `out`.
    ///
    /// # Panics
    /// The row, `out`, and the norm differ in width.
    pub(crate) fn apply(&self, isa: Isa, row: &[f32], out: &mut [f32]) {
        self.check_width(row.len());
        assert_eq!(row.len(), out.len(), "a norm's output is as wide as its input");
        normalize(isa, row, &self.weight, &self.bias, self.epsilon, out);
    }

    /// Panics if the norm has another width.
    pub(crate) fn check_width(&self, width: usize) {
        let widths = (self.weight.len(), self.bias.len());
        assert_eq!(widths, (width, width), "a norm has a weight and a bias for each column");
    }
}

/// The sum of f(x) over a row, where f(0) is 0.
#[inline(always)]
fn sum_of(row: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0f32; LANES];
    for_each_chunk(row, 0.0, |chunk| lanes.iter_mut().zip(chunk).for_each(|(lane, x)| *lane += f(*x)));
    fold_lanes(lanes, |a, b| a + b)
}

multiversion! {
    fn normalize(row: &[f32], weight: &[f32], bias: &[f32], epsilon: f32, out: &mut [f32]) {
        let count = row.len() as f32;
        let mean = sum_of(row, |x| x) / count;
        for (out, x) in out.iter_mut().zip(row) {
            *out = x - mean;
        }
        let variance = sum_of(out, |x| x * x) / count;
        let scale = 1.0 / (variance + epsilon).sqrt();
        for ((out, weight), bias) in out.iter_mut().zip(weight).zip(bias) {
            *out = *out * scale * weight + bias;
        }
    }
}

/// Elements per task of a thread.
const CHUNK: usize = 1 << 14;

/// Applies GELU to every number in place.
pub(crate) fn gelu(values: &mut [f32]) {
    values.par_chunks_mut(CHUNK).for_each(|chunk| gelu_here(Isa::detect(), chunk));
}

multiversion! {
    /// Applies GELU to every number in place, on this thread.
    pub(crate) fn gelu_here(values: &mut [f32]) {
        values.iter_mut().for_each(|x| *x = math::gelu(*x));
    }
}

/// Converts every number to the nearest bf16. Panics if `out` has another length.
pub(crate) fn to_bf16(isa: Isa, row: &[f32], out: &mut [u16]) {
    assert_eq!(row.len(), out.len(), "a row has one length in every format");
    #[cfg(target_arch = "x86_64")]
    if isa.has_avx512() && isa.has_avx512_bf16() {
        // SAFETY: an `Isa` contains only instructions of this CPU.
        return unsafe { avx512::to_bf16(row, out) };
    }
    to_bf16_in_loops(isa, row, out);
}

multiversion! {
    fn to_bf16_in_loops(row: &[f32], out: &mut [u16]) {
        out.iter_mut().zip(row).for_each(|(out, x)| *out = bf16(*x));
    }
}

/// The parameters of a row in int8: a number is `scale * (level - zero)`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Quantized {
    pub(crate) scale: f32,
    pub(crate) zero: i32,
    /// The sum of the levels.
    pub(crate) sum: i32,
}

/// Quantizes every number to the nearest of 255 levels, with the row's largest magnitude at 127 and zero at 0. The
/// scale of a row with NaN or an infinity is NaN. Panics if `out` has another length.
pub(crate) fn to_int8(isa: Isa, row: &[f32], out: &mut [i8]) -> Quantized {
    let Extremes { largest, .. } = extremes(isa, row);
    if !largest.is_finite() {
        return not_finite(out);
    }
    let factor = if largest > 0.0 { 127.0 / largest } else { 0.0 };
    Quantized { scale: largest / 127.0, zero: 0, sum: levels(isa, row, factor, 0.0, out) }
}

/// As [`to_int8`], with all 256 levels between the row's lowest and highest number (or zero). This halves the error if
/// nearly all numbers have one sign, as after a GELU.
pub(crate) fn to_int8_with_zero(isa: Isa, row: &[f32], out: &mut [i8]) -> Quantized {
    let Extremes { largest, lowest, highest } = extremes(isa, row);
    let span = highest - lowest;
    if !(largest.is_finite() && span.is_finite()) {
        return not_finite(out);
    }
    if largest == 0.0 {
        out.fill(0);
        return Quantized::default();
    }
    let factor = 255.0 / span;
    let zero = (-128.0 - lowest * factor).round_ties_even();
    Quantized { scale: span / 255.0, zero: zero as i32, sum: levels(isa, row, factor, zero, out) }
}

/// The result for a row that cannot be quantized: every product with it is NaN.
fn not_finite(out: &mut [i8]) -> Quantized {
    out.fill(0);
    Quantized { scale: f32::NAN, zero: 0, sum: 0 }
}

/// The extremes of a row, which determine its scale.
struct Extremes {
    /// The largest magnitude; NaN if any number is NaN.
    largest: f32,
    /// The lowest number, or zero.
    lowest: f32,
    /// The highest number, or zero.
    highest: f32,
}

fn extremes(isa: Isa, row: &[f32]) -> Extremes {
    #[cfg(target_arch = "x86_64")]
    if isa.has_avx512() {
        // SAFETY: an `Isa` contains only instructions of this CPU.
        return unsafe { avx512::extremes(row) };
    }
    extremes_in_loops(isa, row)
}

multiversion! {
    fn extremes_in_loops(row: &[f32]) -> Extremes {
        let (mut largest, mut lowest, mut highest) = ([0; LANES], [0.0f32; LANES], [0.0f32; LANES]);
        for_each_chunk(row, 0.0, |chunk| {
            for (lane, x) in chunk.iter().enumerate() {
                // As an integer without its sign bit, NaN is larger than every number.
                largest[lane] = largest[lane].max(x.abs().to_bits());
                lowest[lane] = lower(lowest[lane], *x);
                highest[lane] = higher(highest[lane], *x);
            }
        });
        Extremes {
            largest: f32::from_bits(largest.into_iter().max().unwrap_or(0)),
            lowest: fold_lanes(lowest, lower),
            highest: fold_lanes(highest, higher),
        }
    }
}

/// The lower of two numbers; the first if the second is NaN.
#[inline(always)]
fn lower(a: f32, b: f32) -> f32 {
    if b < a { b } else { a }
}

/// Writes the nearest level of `x * factor + zero` for every number and returns their sum.
fn levels(isa: Isa, row: &[f32], factor: f32, zero: f32, out: &mut [i8]) -> i32 {
    assert_eq!(row.len(), out.len(), "a row has one length in every format");
    #[cfg(target_arch = "x86_64")]
    if isa.has_avx512() {
        // SAFETY: an `Isa` contains only instructions of this CPU.
        return unsafe { avx512::levels(row, factor, zero, out) };
    }
    levels_in_loops(isa, row, factor, zero, out)
}

multiversion! {
    fn levels_in_loops(row: &[f32], factor: f32, zero: f32, out: &mut [i8]) -> i32 {
        let mut sum = 0;
        for (out, x) in out.iter_mut().zip(row) {
            let level = math::round((x * factor + zero).clamp(-128.0, 127.0));
            *out = level as i8;
            sum += level;
        }
        sum
    }
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    use std::arch::x86_64::{
        __m256bh, __m256i, _mm_mask_storeu_epi8, _mm256_mask_storeu_epi16, _mm512_abs_ps, _mm512_add_ps,
        _mm512_castps_si512, _mm512_cvtneps_pbh, _mm512_cvtps_epi32, _mm512_cvtsepi32_epi8, _mm512_mask_add_epi32,
        _mm512_maskz_loadu_ps, _mm512_max_epi32, _mm512_max_epu32, _mm512_max_ps, _mm512_min_epi32, _mm512_min_ps,
        _mm512_mul_ps, _mm512_reduce_add_epi32, _mm512_reduce_max_epu32, _mm512_reduce_max_ps, _mm512_reduce_min_ps,
        _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps, _mm512_setzero_si512,
    };

    use super::Extremes;
    use crate::isa::vectors;

    /// # Safety
    /// The CPU has AVX-512 with BF16.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
    pub(super) unsafe fn to_bf16(row: &[f32], out: &mut [u16]) {
        for (start, mask) in vectors(row.len().min(out.len())) {
            // SAFETY: nothing outside the mask is touched, and that is within both slices.
            unsafe {
                let x = _mm512_maskz_loadu_ps(mask, row.as_ptr().add(start));
                let in_bf16 = std::mem::transmute::<__m256bh, __m256i>(_mm512_cvtneps_pbh(x));
                _mm256_mask_storeu_epi16(out.as_mut_ptr().add(start).cast(), mask, in_bf16);
            }
        }
    }

    /// # Safety
    /// The CPU has AVX-512.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    pub(super) unsafe fn extremes(row: &[f32]) -> Extremes {
        let (mut largest, mut lowest, mut highest) = (_mm512_setzero_si512(), _mm512_setzero_ps(), _mm512_setzero_ps());
        for (start, mask) in vectors(row.len()) {
            // SAFETY: nothing outside the mask is touched, and that is within the row.
            let x = unsafe { _mm512_maskz_loadu_ps(mask, row.as_ptr().add(start)) };
            largest = _mm512_max_epu32(largest, _mm512_castps_si512(_mm512_abs_ps(x)));
            lowest = _mm512_min_ps(lowest, x);
            highest = _mm512_max_ps(highest, x);
        }
        Extremes {
            largest: f32::from_bits(_mm512_reduce_max_epu32(largest)),
            lowest: _mm512_reduce_min_ps(lowest),
            highest: _mm512_reduce_max_ps(highest),
        }
    }

    /// # Safety
    /// The CPU has AVX-512.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    pub(super) unsafe fn levels(row: &[f32], factor: f32, zero: f32, out: &mut [i8]) -> i32 {
        let (factor, zero) = (_mm512_set1_ps(factor), _mm512_set1_ps(zero));
        let (lowest, highest) = (_mm512_set1_epi32(-128), _mm512_set1_epi32(127));
        let mut sum = _mm512_setzero_si512();
        for (start, mask) in vectors(row.len().min(out.len())) {
            // SAFETY: nothing outside the mask is touched, and that is within both slices.
            unsafe {
                let x = _mm512_maskz_loadu_ps(mask, row.as_ptr().add(start));
                let level = _mm512_cvtps_epi32(_mm512_add_ps(_mm512_mul_ps(x, factor), zero));
                let level = _mm512_min_epi32(_mm512_max_epi32(level, lowest), highest);
                sum = _mm512_mask_add_epi32(sum, mask, sum, level);
                _mm_mask_storeu_epi8(out.as_mut_ptr().add(start), mask, _mm512_cvtsepi32_epi8(level));
            }
        }
        _mm512_reduce_add_epi32(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;

    fn row() -> Vec<f32> {
        (0..77).map(|i| (i as f32 * 0.7).sin() * 3.0 - 0.5).collect()
    }

    #[test]
    fn norm_gives_rows_its_mean_and_spread() {
        let norm = Norm { weight: vec![2.0; 77], bias: vec![0.25; 77], epsilon: 1e-5 };
        for isa in Isa::available() {
            let mut out = vec![0.0; 77];
            norm.apply(isa, &row(), &mut out);
            let mean = out.iter().sum::<f32>() / 77.0;
            let spread = out.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / 77.0;
            assert!((mean - 0.25).abs() < 1e-5 && (spread - 4.0).abs() < 1e-3, "{mean} {spread}");
        }
    }

    #[test]
    fn int8_is_half_a_level_off_at_most() {
        let one_sided = || row().iter().map(|x| x.max(-0.17)).collect();
        for (isa, row) in Isa::combinations().flat_map(|isa| [(isa, row()), (isa, one_sided())]) {
            for quantize in [to_int8, to_int8_with_zero] {
                let mut out = vec![0i8; 77];
                let Quantized { scale, zero, sum } = quantize(isa, &row, &mut out);
                let value = |level: &i8| scale * (i32::from(*level) - zero) as f32;
                assert!(row.iter().zip(&out).all(|(x, level)| (x - value(level)).abs() <= scale * 0.51));
                assert_eq!(sum, out.iter().map(|level| i32::from(*level)).sum::<i32>());
                assert_eq!(quantize(isa, &[0.0; 5], &mut out[..5]), Quantized { scale: 0.0, zero: 0, sum: 0 });
            }
        }
    }

    #[test]
    fn int8_of_one_sign_has_all_levels_for_it() {
        let row: Vec<f32> = row().iter().map(|x| x.abs()).collect();
        let mut out = vec![0i8; 77];
        let (plain, with_zero) =
            (to_int8(Isa::detect(), &row, &mut out), to_int8_with_zero(Isa::detect(), &row, &mut out));
        assert!((with_zero.scale / plain.scale - 127.0 / 255.0).abs() < 1e-6);
    }

    /// Rows of many lengths that include a tie, an outlier, a subnormal number and zeros of both signs.
    fn rows() -> impl Iterator<Item = Vec<f32>> {
        let special = [0.5, -0.0, 1e-39, -40.0, 2.5, f32::MIN_POSITIVE, 1.0 + f32::EPSILON];
        [1, 7, 15, 16, 17, 64, 65, 100, 512, 777].into_iter().map(move |len| {
            let ordinary = |i: usize| (i as f32 * 0.7).sin() * 3.0 - 0.5;
            (0..len).map(|i| if i % 11 == 3 { special[i % 7] } else { ordinary(i) }).collect()
        })
    }

    #[test]
    fn rows_are_bitwise_equal_on_every_instruction_set() {
        for row in rows() {
            let norm = Norm { weight: vec![0.7; row.len()], bias: vec![0.1; row.len()], epsilon: 1e-5 };
            let convert = |isa: Isa| {
                let mut normed = vec![0.0; row.len()];
                norm.apply(isa, &row, &mut normed);
                let mut active = normed.clone();
                gelu_here(isa, &mut active);
                let mut in_bf16 = vec![0; row.len()];
                to_bf16(isa, &row, &mut in_bf16);
                let [mut plain, mut with_zero] = [vec![0; row.len()], vec![0; row.len()]];
                let scales = [to_int8(isa, &row, &mut plain), to_int8_with_zero(isa, &active, &mut with_zero)];
                let bits = |row: Vec<f32>| row.into_iter().map(f32::to_bits).collect::<Vec<_>>();
                (bits(normed), bits(active), in_bf16, scales, plain, with_zero)
            };
            let portable = convert(Isa::portable());
            Isa::combinations().for_each(|isa| assert_eq!(convert(isa), portable, "{isa:?}, {} numbers", row.len()));
        }
    }

    #[test]
    fn bf16_of_nan_and_infinity_stay_so_and_subnormal_numbers_become_zero() {
        let row = [f32::NAN, f32::INFINITY, 1e-39, -1e-39, f32::MIN_POSITIVE, f32::from_bits(0x7FFF_FFFF)];
        for isa in Isa::combinations() {
            let mut out = [0; 6];
            to_bf16(isa, &row, &mut out);
            let numbers = out.map(crate::precision::from_bf16);
            assert!(numbers[0].is_nan() && numbers[5].is_nan() && numbers[1] == f32::INFINITY, "{isa:?}: {numbers:?}");
            assert_eq!(out[2..5], [0, 0x8000, 0x0080], "{isa:?}");
        }
    }

    #[test]
    fn int8_of_what_is_not_finite_has_nan_as_its_scale() {
        let not_finite = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
        for (isa, bad) in Isa::combinations().flat_map(|isa| not_finite.map(|bad| (isa, bad))) {
            let (mut row, mut out) = ([1.0f32; 20], [1i8; 20]);
            row[3] = bad;
            for quantize in [to_int8, to_int8_with_zero] {
                let Quantized { scale, zero, sum } = quantize(isa, &row, &mut out);
                assert!(scale.is_nan() && (zero, sum) == (0, 0) && out == [0; 20], "{isa:?}, {bad}");
            }
        }
    }

    #[test]
    #[should_panic(expected = "a norm has a weight and a bias for each column")]
    fn norm_refuses_rows_of_another_width() {
        let norm = Norm { weight: vec![1.0; 8], bias: vec![0.0; 7], epsilon: 1e-5 };
        norm.apply(Isa::detect(), &[0.0; 8], &mut [0.0; 8]);
    }
}
