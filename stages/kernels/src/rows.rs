//! Rows of f32 on their way into a product: layer norm, then the format that the product takes.

use rayon::prelude::*;

use crate::Isa;
use crate::isa::multiversion;
use crate::math;
use crate::precision::bf16;

/// Independent partial results of a reduction: what fills a vector.
const LANES: usize = 16;

/// A layer norm over the rows of a matrix.
#[derive(Debug, Clone)]
pub struct Norm {
    /// A factor for each column.
    pub weight: Vec<f32>,
    /// A summand for each column.
    pub bias: Vec<f32>,
    /// Added to the variance.
    pub epsilon: f32,
}

impl Norm {
    /// Writes the normed row into `out`, of the same length.
    pub(crate) fn apply(&self, isa: Isa, row: &[f32], out: &mut [f32]) {
        normalise(isa, row, &self.weight, &self.bias, self.epsilon, out);
    }
}

/// The sum of f(x) over a row.
#[inline(always)]
fn sum_of(row: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let chunks = row.chunks_exact(LANES);
    let rest: f32 = chunks.remainder().iter().map(|x| f(*x)).sum();
    for chunk in chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane += f(*x);
        }
    }
    lanes.iter().sum::<f32>() + rest
}

multiversion! {
    fn normalise(row: &[f32], weight: &[f32], bias: &[f32], epsilon: f32, out: &mut [f32]) {
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

/// Elements that one thread takes at a time.
const CHUNK: usize = 1 << 14;

/// The GELU of every number, in its place.
pub(crate) fn gelu(values: &mut [f32]) {
    values.par_chunks_mut(CHUNK).for_each(|chunk| gelu_here(Isa::detect(), chunk));
}

multiversion! {
    /// The GELU of every number, in its place, on this thread.
    pub(crate) fn gelu_here(values: &mut [f32]) {
        values.iter_mut().for_each(|x| *x = math::gelu(*x));
    }
}

/// The nearest bf16 of every number.
pub(crate) fn to_bf16(isa: Isa, row: &[f32], out: &mut [u16]) {
    match isa {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: this set of instructions is only chosen where the processor has it.
        Isa::Avx512 => unsafe { avx512::to_bf16(row, out) },
        _ => to_bf16_in_loops(isa, row, out),
    }
}

multiversion! {
    fn to_bf16_in_loops(row: &[f32], out: &mut [u16]) {
        out.iter_mut().zip(row).for_each(|(out, x)| *out = bf16(*x));
    }
}

/// A row in int8: a number is `scale * (level - zero)`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Quantised {
    pub(crate) scale: f32,
    pub(crate) zero: i32,
    /// The sum of the levels.
    pub(crate) sum: i32,
}

/// The nearest of 255 levels of every number, with the row's largest magnitude at 127 and zero at 0. A row with a number
/// that is none has a scale that is none.
pub(crate) fn to_int8(isa: Isa, row: &[f32], out: &mut [i8]) -> Quantised {
    let Extremes { largest, .. } = extremes(isa, row);
    let factor = if largest > 0.0 { 127.0 / largest } else { 0.0 };
    Quantised { scale: largest / 127.0, zero: 0, sum: levels(isa, row, factor, 0.0, out) }
}

/// As [`to_int8`], with all 256 levels between the row's lowest and highest number (or zero): half the error where
/// nearly all have one sign, as behind a GELU.
pub(crate) fn to_int8_with_zero(isa: Isa, row: &[f32], out: &mut [i8]) -> Quantised {
    let Extremes { largest, lowest, highest } = extremes(isa, row);
    if !(largest > 0.0 && largest.is_finite()) {
        out.fill(0);
        return Quantised { scale: largest, zero: 0, sum: 0 };
    }
    let span = highest - lowest;
    let factor = 255.0 / span;
    let zero = (-128.0 - lowest * factor).round_ties_even();
    Quantised { scale: span / 255.0, zero: zero as i32, sum: levels(isa, row, factor, zero, out) }
}

/// What levels must reach.
struct Extremes {
    /// The largest magnitude; none if a number is none.
    largest: f32,
    /// The lowest number, or zero.
    lowest: f32,
    /// The highest number, or zero.
    highest: f32,
}

fn extremes(isa: Isa, row: &[f32]) -> Extremes {
    match isa {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: this set of instructions is only chosen where the processor has it.
        Isa::Avx512 => unsafe { avx512::extremes(row) },
        _ => extremes_in_loops(isa, row),
    }
}

multiversion! {
    fn extremes_in_loops(row: &[f32]) -> Extremes {
        let (mut largest, mut lowest, mut highest) = ([0; LANES], [0.0f32; LANES], [0.0f32; LANES]);
        let mut take = |lane: usize, x: f32| {
            // Without its sign, the bits of a number that is none are the largest integer.
            largest[lane] = largest[lane].max(x.abs().to_bits());
            lowest[lane] = if x < lowest[lane] { x } else { lowest[lane] };
            highest[lane] = if x > highest[lane] { x } else { highest[lane] };
        };
        let chunks = row.chunks_exact(LANES);
        chunks.remainder().iter().enumerate().for_each(|(lane, x)| take(lane, *x));
        for chunk in chunks {
            chunk.iter().enumerate().for_each(|(lane, x)| take(lane, *x));
        }
        Extremes {
            largest: f32::from_bits(largest.into_iter().max().unwrap_or(0)),
            lowest: lowest.into_iter().fold(0.0, f32::min),
            highest: highest.into_iter().fold(0.0, f32::max),
        }
    }
}

/// Writes the nearest level of `x * factor + zero` for every number and sums them up.
fn levels(isa: Isa, row: &[f32], factor: f32, zero: f32, out: &mut [i8]) -> i32 {
    match isa {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: this set of instructions is only chosen where the processor has it.
        Isa::Avx512 => unsafe { avx512::levels(row, factor, zero, out) },
        _ => levels_in_loops(isa, row, factor, zero, out),
    }
}

multiversion! {
    fn levels_in_loops(row: &[f32], factor: f32, zero: f32, out: &mut [i8]) -> i32 {
        let level = |x: &f32| math::round((x * factor + zero).clamp(-128.0, 127.0)) as i8;
        out.iter_mut().zip(row).map(|(out, x)| (*out = level(x), i32::from(*out)).1).sum()
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
    /// The processor has AVX-512 with BF16.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
    pub(super) unsafe fn to_bf16(row: &[f32], out: &mut [u16]) {
        for (start, mask) in vectors(row.len().min(out.len())) {
            // SAFETY: nothing outside the mask is touched, and that lies within both slices.
            unsafe {
                let x = _mm512_maskz_loadu_ps(mask, row.as_ptr().add(start));
                let brain = std::mem::transmute::<__m256bh, __m256i>(_mm512_cvtneps_pbh(x));
                _mm256_mask_storeu_epi16(out.as_mut_ptr().add(start).cast(), mask, brain);
            }
        }
    }

    /// # Safety
    /// The processor has AVX-512.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    pub(super) unsafe fn extremes(row: &[f32]) -> Extremes {
        let (mut largest, mut lowest, mut highest) = (_mm512_setzero_si512(), _mm512_setzero_ps(), _mm512_setzero_ps());
        for (start, mask) in vectors(row.len()) {
            // SAFETY: nothing outside the mask is touched, and that lies within the row.
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
    /// The processor has AVX-512.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    pub(super) unsafe fn levels(row: &[f32], factor: f32, zero: f32, out: &mut [i8]) -> i32 {
        let (factor, zero) = (_mm512_set1_ps(factor), _mm512_set1_ps(zero));
        let (lowest, highest) = (_mm512_set1_epi32(-128), _mm512_set1_epi32(127));
        let mut sum = _mm512_setzero_si512();
        for (start, mask) in vectors(row.len().min(out.len())) {
            // SAFETY: nothing outside the mask is touched, and that lies within both slices.
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
    fn a_normed_row_has_the_norms_mean_and_spread() {
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
        for (isa, row) in Isa::available().flat_map(|isa| [(isa, row()), (isa, one_sided())]) {
            for quantise in [to_int8, to_int8_with_zero] {
                let mut out = vec![0i8; 77];
                let Quantised { scale, zero, sum } = quantise(isa, &row, &mut out);
                let value = |level: &i8| scale * (i32::from(*level) - zero) as f32;
                assert!(row.iter().zip(&out).all(|(x, level)| (x - value(level)).abs() <= scale * 0.51));
                assert_eq!(sum, out.iter().map(|level| i32::from(*level)).sum::<i32>());
                assert_eq!(quantise(isa, &[0.0; 5], &mut out[..5]), Quantised { scale: 0.0, zero: 0, sum: 0 });
            }
        }
    }

    #[test]
    fn a_row_of_one_sign_has_all_levels_for_it() {
        let row: Vec<f32> = row().iter().map(|x| x.abs()).collect();
        let mut out = vec![0i8; 77];
        let (plain, with_zero) =
            (to_int8(Isa::detect(), &row, &mut out), to_int8_with_zero(Isa::detect(), &row, &mut out));
        assert!((with_zero.scale / plain.scale - 127.0 / 255.0).abs() < 1e-6);
    }

    #[test]
    fn bf16_is_the_nearest_and_what_is_no_number_stays_none() {
        let row: Vec<f32> = (0..37).map(|i| (i as f32 * 0.7).sin() * 3.0).chain([f32::NAN, f32::INFINITY]).collect();
        let brain = |isa: Isa| {
            let mut out = vec![0u16; row.len()];
            to_bf16(isa, &row, &mut out);
            out
        };
        let portable = brain(Isa::Portable);
        for out in Isa::available().map(brain) {
            assert_eq!(portable[..37], out[..37]);
            assert!(
                crate::precision::from_bf16(out[37]).is_nan() && crate::precision::from_bf16(out[38]).is_infinite()
            );
        }
    }

    #[test]
    fn int8_of_what_is_no_number_stays_none() {
        let mut out = [0i8; 20];
        let mut row = [1.0f32; 20];
        row[3] = f32::NAN;
        for quantise in [to_int8, to_int8_with_zero] {
            assert!(quantise(Isa::detect(), &row, &mut out).scale.is_nan());
        }
    }
}
