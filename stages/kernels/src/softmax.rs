//! Scores into attention weights, in the formats that scores come in and weights are taken in.

use crate::Isa;
use crate::isa::multiversion;
use crate::math::exp;
use crate::pack::ZERO;
use crate::precision::bf16;
use crate::reduce::{LANES, highest, highest_of};
use crate::rows::{Quantised, to_bf16, to_int8};
use crate::tile::{Brain, Byte, Format, Single};

/// A format that queries and keys are multiplied in.
pub(crate) trait Scored: Format {
    /// What stands for zero in a panel.
    const FILL: Self::Column;

    /// Brings a query or a key into the format of rows.
    fn convert(isa: Isa, row: &[f32], out: &mut [Self::Row]) -> Quantised;

    /// The same number in a panel.
    fn column(element: Self::Row) -> Self::Column;

    /// Room for scores as room for sums.
    fn sums(scores: &mut [f32]) -> &mut [Self::Sum];

    /// Makes scores of a query's sums, where they lie; gives the highest. `scales` are those of the keys, where the
    /// format has any.
    fn top(isa: Isa, sums: &mut [f32], query: Quantised, scales: &[f32]) -> f32;
}

/// A format that weights and values are multiplied in.
pub(crate) trait Attended: Format<Sum = f32, Row = <Self as Format>::Column> {
    /// Brings a value into the format.
    fn convert(isa: Isa, row: &[f32], out: &mut [Self::Row]);

    /// exp(score - top) of every score, and zeros to the end of `out`. Gives their sum.
    fn exponentials(isa: Isa, scores: &[f32], top: f32, out: &mut [Self::Row]) -> f32;
}

impl Scored for Single {
    const FILL: f32 = 0.0;

    fn convert(_: Isa, row: &[f32], out: &mut [f32]) -> Quantised {
        out.copy_from_slice(row);
        Quantised::default()
    }

    fn column(element: f32) -> f32 {
        element
    }

    fn sums(scores: &mut [f32]) -> &mut [f32] {
        scores
    }

    fn top(isa: Isa, sums: &mut [f32], _: Quantised, _: &[f32]) -> f32 {
        highest(isa, sums)
    }
}

impl Scored for Brain {
    const FILL: u16 = 0;

    fn convert(isa: Isa, row: &[f32], out: &mut [u16]) -> Quantised {
        to_bf16(isa, row, out);
        Quantised::default()
    }

    fn column(element: u16) -> u16 {
        element
    }

    fn sums(scores: &mut [f32]) -> &mut [f32] {
        scores
    }

    fn top(isa: Isa, sums: &mut [f32], _: Quantised, _: &[f32]) -> f32 {
        highest(isa, sums)
    }
}

impl Scored for Byte {
    const FILL: u8 = ZERO;

    fn convert(isa: Isa, row: &[f32], out: &mut [i8]) -> Quantised {
        to_int8(isa, row, out)
    }

    fn column(element: i8) -> u8 {
        element.cast_unsigned() ^ ZERO
    }

    fn sums(scores: &mut [f32]) -> &mut [i32] {
        // SAFETY: of the same size and alignment, and every bit pattern is a number of either.
        unsafe { std::slice::from_raw_parts_mut(scores.as_mut_ptr().cast(), scores.len()) }
    }

    fn top(isa: Isa, sums: &mut [f32], query: Quantised, scales: &[f32]) -> f32 {
        dequantise(isa, sums, query, scales)
    }
}

impl Attended for Single {
    fn convert(_: Isa, row: &[f32], out: &mut [f32]) {
        out.copy_from_slice(row);
    }

    fn exponentials(isa: Isa, scores: &[f32], top: f32, out: &mut [f32]) -> f32 {
        out[scores.len()..].fill(0.0);
        single_exponentials(isa, scores, top, out)
    }
}

impl Attended for Brain {
    fn convert(isa: Isa, row: &[f32], out: &mut [u16]) {
        to_bf16(isa, row, out);
    }

    fn exponentials(isa: Isa, scores: &[f32], top: f32, out: &mut [u16]) -> f32 {
        out[scores.len()..].fill(0);
        match isa {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: this set of instructions is only chosen where the processor has it.
            Isa::Avx512 => unsafe { avx512::exponentials(scores, top, &mut out[..scores.len()]) },
            _ => brain_exponentials(isa, scores, top, out),
        }
    }
}

multiversion! {
    /// Integers, as the bits of `sums`, into scores; gives the highest.
    fn dequantise(sums: &mut [f32], query: Quantised, scales: &[f32]) -> f32 {
        let offset = i32::from(ZERO) * query.sum;
        let score = |sum: f32, scale: f32| (sum.to_bits().cast_signed() - offset) as f32 * (query.scale * scale);
        let mut lanes = [f32::NEG_INFINITY; LANES];
        let scales = &scales[..sums.len()];
        let (whole, rest) = sums.split_at_mut(sums.len() / LANES * LANES);
        for (sums, scales) in whole.chunks_exact_mut(LANES).zip(scales.chunks_exact(LANES)) {
            for ((lane, sum), scale) in lanes.iter_mut().zip(sums).zip(scales) {
                *sum = score(*sum, *scale);
                *lane = if *sum > *lane { *sum } else { *lane };
            }
        }
        rest.iter_mut().zip(&scales[whole.len()..]).for_each(|(sum, scale)| *sum = score(*sum, *scale));
        highest_of(&lanes, rest)
    }
}

multiversion! {
    fn single_exponentials(scores: &[f32], top: f32, out: &mut [f32]) -> f32 {
        exponentials(scores, top, out, |weight| weight)
    }
}

multiversion! {
    fn brain_exponentials(scores: &[f32], top: f32, out: &mut [u16]) -> f32 {
        exponentials(scores, top, out, bf16)
    }
}

#[inline(always)]
fn exponentials<T>(scores: &[f32], top: f32, out: &mut [T], element: impl Fn(f32) -> T) -> f32 {
    let mut sums = [0.0f32; LANES];
    let chunks = scores.chunks_exact(LANES);
    let (rest, whole) = (chunks.remainder(), scores.len() / LANES * LANES);
    for (chunk, out) in chunks.zip(out.chunks_exact_mut(LANES)) {
        for ((sum, x), out) in sums.iter_mut().zip(chunk).zip(out) {
            let weight = exp(*x - top);
            *out = element(weight);
            *sum += weight;
        }
    }
    let rest = rest.iter().zip(&mut out[whole..]).fold(0.0, |sum, (x, out)| {
        let weight = exp(*x - top);
        *out = element(weight);
        sum + weight
    });
    sums.iter().sum::<f32>() + rest
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    use std::arch::x86_64::{
        __m256bh, __m256i, _mm256_mask_storeu_epi16, _mm512_add_ps, _mm512_cvtneps_pbh, _mm512_fmadd_ps,
        _mm512_fmsub_ps, _mm512_mask_add_ps, _mm512_maskz_loadu_ps, _mm512_reduce_add_ps, _mm512_roundscale_ps,
        _mm512_scalef_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_sub_ps,
    };
    use std::f32::consts::{LN_2, LOG2_E};

    use crate::isa::vectors;

    /// As [`super::Attended::exponentials`] in bf16: 2^n by the exponent, the rest by a polynomial whose error (4e-6) is
    /// far below half a unit of bf16 (2e-3).
    ///
    /// # Safety
    /// The processor has AVX-512 with BF16.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
    pub(super) unsafe fn exponentials(scores: &[f32], top: f32, out: &mut [u16]) -> f32 {
        // 2^f = e^(f ln 2), by Taylor's series on [-1/2, 1/2].
        let c = [1.0, LN_2, LN_2 * LN_2 / 2.0, LN_2.powi(3) / 6.0, LN_2.powi(4) / 24.0].map(|c| _mm512_set1_ps(c));
        let (log2_e, top) = (_mm512_set1_ps(LOG2_E), _mm512_set1_ps(top * LOG2_E));
        let mut sums = [_mm512_setzero_ps(); 2];
        for (index, (start, mask)) in vectors(scores.len().min(out.len())).enumerate() {
            // SAFETY: nothing outside the mask is touched, and that lies within both slices.
            unsafe {
                let x = _mm512_maskz_loadu_ps(mask, scores.as_ptr().add(start));
                let x = _mm512_fmsub_ps(x, log2_e, top);
                let n = _mm512_roundscale_ps::<0>(x);
                let f = _mm512_sub_ps(x, n);
                let p = _mm512_fmadd_ps(c[4], f, c[3]);
                let p = _mm512_fmadd_ps(p, f, c[2]);
                let p = _mm512_fmadd_ps(p, f, c[1]);
                let p = _mm512_fmadd_ps(p, f, c[0]);
                let weight = _mm512_scalef_ps(p, n);
                sums[index % 2] = _mm512_mask_add_ps(sums[index % 2], mask, sums[index % 2], weight);
                let brain = std::mem::transmute::<__m256bh, __m256i>(_mm512_cvtneps_pbh(weight));
                _mm256_mask_storeu_epi16(out.as_mut_ptr().add(start).cast(), mask, brain);
            }
        }
        _mm512_reduce_add_ps(_mm512_add_ps(sums[0], sums[1]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::precision::from_bf16;

    #[test]
    fn weights_are_the_exponentials_in_every_format() {
        let scores: Vec<f32> = (0..150).map(|i| (i as f32 * 0.37).sin() * 9.0 - i as f32 * 0.6).collect();
        let expected: Vec<f32> = scores.iter().map(|score| (score - 9.0).exp()).collect();
        let total: f32 = expected.iter().sum();
        for isa in Isa::available() {
            let (mut single, mut brain) = ([9.0; 192], [9; 192]);
            let totals = [
                Single::exponentials(isa, &scores, 9.0, &mut single),
                Brain::exponentials(isa, &scores, 9.0, &mut brain),
            ];
            assert!(totals.iter().all(|sum| (sum / total - 1.0).abs() < 2e-5), "{totals:?} is not {total}");
            for (index, expected) in expected.iter().enumerate() {
                assert!((single[index] - expected).abs() <= 1e-6 * expected + 1e-37);
                assert!((from_bf16(brain[index]) - expected).abs() <= 4e-3 * expected + 1e-37);
            }
            assert!(single[150..].iter().all(|x| *x == 0.0) && brain[150..].iter().all(|x| *x == 0));
        }
    }

    #[test]
    fn what_is_no_number_makes_the_sum_none() {
        let mut scores = [0.5; 100];
        scores[70] = f32::NAN;
        for isa in Isa::available() {
            let top = highest(isa, &scores);
            assert!(Single::exponentials(isa, &scores, top, &mut [0.0; 100]).is_nan());
            assert!(Brain::exponentials(isa, &scores, top, &mut [0; 100]).is_nan());
        }
    }

    #[test]
    fn integers_become_the_scores_of_their_numbers() {
        let (query, keys): (Vec<f32>, Vec<f32>) =
            ((0..8).map(|i| i as f32 - 3.3).collect(), (0..800).map(|i| (i as f32 * 0.7).sin()).collect());
        for isa in Isa::available() {
            let mut levels = [0i8; 8];
            let of_query = to_int8(isa, &query, &mut levels);
            let query: Vec<i32> = levels.iter().map(|level| i32::from(*level)).collect();
            let mut scales = Vec::new();
            let mut sums = Vec::new();
            let mut expected = Vec::new();
            for key in keys.chunks_exact(8) {
                let of_key = to_int8(isa, key, &mut levels);
                let products = query.iter().zip(&levels).map(|(a, b)| a * i32::from(Byte::column(*b)));
                sums.push(f32::from_bits(products.sum::<i32>().cast_unsigned()));
                let exact: i32 = query.iter().zip(&levels).map(|(a, b)| a * i32::from(*b)).sum();
                expected.push(exact as f32 * of_query.scale * of_key.scale);
                scales.push(of_key.scale);
            }
            let top = Byte::top(isa, &mut sums, of_query, &scales);
            assert!(sums.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-5 * b.abs().max(1.0)));
            assert_eq!(top, sums.iter().copied().fold(f32::NEG_INFINITY, f32::max));
        }
    }
}
