//! Softmax: converts scores to attention weights, in the formats of the two products.

use std::f32::consts::LOG2_E;

use crate::Isa;
use crate::isa::multiversion;
use crate::math::{exp, exp2_to_bf16};
use crate::precision::bf16_of_normal;
use crate::reduce::{LANES, fold_lanes, for_each_chunk, higher, highest};
use crate::rows::{Quantized, to_bf16, to_int8};
use crate::tile::{Bf16, F32, Format, Int8};
use crate::weights::ZERO;

/// A format of the product of queries and keys.
pub(crate) trait Scored: Format {
    /// The element that represents zero in a panel.
    const FILL: Self::Column;

    /// Converts a query or a key to the format of rows.
    fn convert(isa: Isa, row: &[f32], out: &mut [Self::Row]) -> Quantized;

    /// Converts an element of a row to an element of a panel.
    fn column(element: Self::Row) -> Self::Column;

    /// Reinterprets the buffer of scores as a buffer of sums.
    fn sums(scores: &mut [f32]) -> &mut [Self::Sum];

    /// Converts a query's sums to scores in place and returns the highest. `scales` are those of the keys, if the
    /// format has scales.
    fn top(isa: Isa, sums: &mut [f32], query: Quantized, scales: &[f32]) -> f32;
}

/// A format of the product of attention weights and values.
pub(crate) trait Attended: Format<Sum = f32, Row = <Self as Format>::Column> {
    /// Converts a value to the format.
    fn convert(isa: Isa, row: &[f32], out: &mut [Self::Row]);

    /// Writes exp(score - top) for every score, and zeros up to the end of `out`. Returns the sum.
    fn exponentials(isa: Isa, scores: &[f32], top: f32, out: &mut [Self::Row]) -> f32;
}

impl Scored for F32 {
    const FILL: f32 = 0.0;

    fn convert(_: Isa, row: &[f32], out: &mut [f32]) -> Quantized {
        out.copy_from_slice(row);
        Quantized::default()
    }

    fn column(element: f32) -> f32 {
        element
    }

    fn sums(scores: &mut [f32]) -> &mut [f32] {
        scores
    }

    fn top(isa: Isa, sums: &mut [f32], _: Quantized, _: &[f32]) -> f32 {
        highest(isa, sums)
    }
}

impl Scored for Bf16 {
    const FILL: u16 = 0;

    fn convert(isa: Isa, row: &[f32], out: &mut [u16]) -> Quantized {
        to_bf16(isa, row, out);
        Quantized::default()
    }

    fn column(element: u16) -> u16 {
        element
    }

    fn sums(scores: &mut [f32]) -> &mut [f32] {
        scores
    }

    fn top(isa: Isa, sums: &mut [f32], _: Quantized, _: &[f32]) -> f32 {
        highest(isa, sums)
    }
}

impl Scored for Int8 {
    const FILL: u8 = ZERO;

    fn convert(isa: Isa, row: &[f32], out: &mut [i8]) -> Quantized {
        to_int8(isa, row, out)
    }

    fn column(element: i8) -> u8 {
        element.cast_unsigned() ^ ZERO
    }

    fn sums(scores: &mut [f32]) -> &mut [i32] {
        // SAFETY: both types have the same size and alignment, and every bit pattern is valid for both.
        unsafe { std::slice::from_raw_parts_mut(scores.as_mut_ptr().cast(), scores.len()) }
    }

    fn top(isa: Isa, sums: &mut [f32], query: Quantized, scales: &[f32]) -> f32 {
        dequantize(isa, sums, query, scales)
    }
}

impl Attended for F32 {
    fn convert(_: Isa, row: &[f32], out: &mut [f32]) {
        out.copy_from_slice(row);
    }

    fn exponentials(isa: Isa, scores: &[f32], top: f32, out: &mut [f32]) -> f32 {
        out[scores.len()..].fill(0.0);
        single_exponentials(isa, scores, top, out)
    }
}

impl Attended for Bf16 {
    fn convert(isa: Isa, row: &[f32], out: &mut [u16]) {
        to_bf16(isa, row, out);
    }

    fn exponentials(isa: Isa, scores: &[f32], top: f32, out: &mut [u16]) -> f32 {
        out[scores.len()..].fill(0);
        brain_exponentials(isa, scores, top, out)
    }
}

multiversion! {
    /// Converts the integers in the bits of `sums` to scores and returns the highest.
    fn dequantize(sums: &mut [f32], query: Quantized, scales: &[f32]) -> f32 {
        let offset = i32::from(ZERO) * query.sum;
        let score = |sum: f32, scale: f32| (sum.to_bits().cast_signed() - offset) as f32 * (query.scale * scale);
        let scales = &scales[..sums.len()];
        sums.iter_mut().zip(scales).for_each(|(sum, scale)| *sum = score(*sum, *scale));
        let mut lanes = [f32::NEG_INFINITY; LANES];
        for_each_chunk(sums, f32::NEG_INFINITY, |chunk| {
            lanes.iter_mut().zip(chunk).for_each(|(lane, score)| *lane = higher(*lane, *score));
        });
        fold_lanes(lanes, higher)
    }
}

multiversion! {
    fn single_exponentials(scores: &[f32], top: f32, out: &mut [f32]) -> f32 {
        exponentials(scores, out, |score| exp(score - top), |weight| weight)
    }
}

multiversion! {
    fn brain_exponentials(scores: &[f32], top: f32, out: &mut [u16]) -> f32 {
        let top = top * LOG2_E;
        exponentials(scores, out, |score| exp2_to_bf16(score * LOG2_E - top), bf16_of_normal)
    }
}

/// Writes the weight of every score to `out` and returns their sum.
#[inline(always)]
fn exponentials<T: Copy + Default>(
    scores: &[f32],
    out: &mut [T],
    weight: impl Fn(f32) -> f32,
    element: impl Fn(f32) -> T,
) -> f32 {
    let mut sums = [0.0f32; LANES];
    let mut each = |scores: &[f32; LANES], out: &mut [T; LANES]| {
        for ((sum, score), out) in sums.iter_mut().zip(scores).zip(out) {
            let weight = weight(*score);
            *out = element(weight);
            *sum += weight;
        }
    };
    let ((whole, rest), (out_whole, _)) = (scores.as_chunks(), out.as_chunks_mut());
    whole.iter().zip(out_whole).for_each(|(scores, out)| each(scores, out));
    if !rest.is_empty() {
        let (mut last, mut last_out) = ([f32::NEG_INFINITY; LANES], [T::default(); LANES]);
        last[..rest.len()].copy_from_slice(rest);
        each(&last, &mut last_out);
        out[whole.len() * LANES..][..rest.len()].copy_from_slice(&last_out[..rest.len()]);
    }
    fold_lanes(sums, |a, b| a + b)
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
        for isa in Isa::combinations() {
            let (mut in_f32, mut in_bf16) = ([9.0; 192], [9; 192]);
            let totals = [
                F32::exponentials(isa, &scores, 9.0, &mut in_f32),
                Bf16::exponentials(isa, &scores, 9.0, &mut in_bf16),
            ];
            assert!(totals.iter().all(|sum| (sum / total - 1.0).abs() < 2e-5), "{totals:?} is not {total}");
            for (index, expected) in expected.iter().enumerate() {
                assert!((in_f32[index] - expected).abs() <= 1e-6 * expected + 1e-37);
                assert!((from_bf16(in_bf16[index]) - expected).abs() <= 4e-3 * expected + 1e-37);
            }
            assert!(in_f32[150..].iter().all(|x| *x == 0.0) && in_bf16[150..].iter().all(|x| *x == 0));
        }
    }

    #[test]
    fn weights_with_nan_have_nan_as_their_sum() {
        let mut scores = [0.5; 100];
        scores[70] = f32::NAN;
        for isa in Isa::combinations() {
            let top = highest(isa, &scores);
            assert!(F32::exponentials(isa, &scores, top, &mut [0.0; 100]).is_nan());
            assert!(Bf16::exponentials(isa, &scores, top, &mut [0; 100]).is_nan());
        }
    }

    #[test]
    fn scores_of_integers_are_those_of_their_numbers() {
        let (query, keys): (Vec<f32>, Vec<f32>) =
            ((0..8).map(|i| i as f32 - 3.3).collect(), (0..800).map(|i| (i as f32 * 0.7).sin()).collect());
        for isa in Isa::combinations() {
            let mut levels = [0i8; 8];
            let of_query = to_int8(isa, &query, &mut levels);
            let query: Vec<i32> = levels.iter().map(|level| i32::from(*level)).collect();
            let mut scales = Vec::new();
            let mut sums = Vec::new();
            let mut expected = Vec::new();
            for key in keys.chunks_exact(8) {
                let of_key = to_int8(isa, key, &mut levels);
                let products = query.iter().zip(&levels).map(|(a, b)| a * i32::from(Int8::column(*b)));
                sums.push(f32::from_bits(products.sum::<i32>().cast_unsigned()));
                let exact: i32 = query.iter().zip(&levels).map(|(a, b)| a * i32::from(*b)).sum();
                expected.push(exact as f32 * of_query.scale * of_key.scale);
                scales.push(of_key.scale);
            }
            let top = Int8::top(isa, &mut sums, of_query, &scales);
            assert!(sums.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-5 * b.abs().max(1.0)));
            assert_eq!(top, sums.iter().copied().fold(f32::NEG_INFINITY, f32::max));
        }
    }

    #[test]
    fn weights_and_scores_are_bitwise_equal_on_every_instruction_set() {
        for len in [1, 5, 63, 64, 65, 150, 1500] {
            let scores: Vec<f32> = (0..len).map(|i| (i as f32 * 0.37).sin() * 60.0 - (i % 9) as f32 * 3.0).collect();
            let query = Quantized { scale: 0.031, zero: 0, sum: -77 };
            let weigh = |isa: Isa| {
                let (mut in_f32, mut in_bf16) = (vec![9.0; len + 3], vec![9; len + 3]);
                let top = highest(isa, &scores);
                let totals = [
                    F32::exponentials(isa, &scores, top, &mut in_f32),
                    Bf16::exponentials(isa, &scores, top, &mut in_bf16),
                ];
                let integer = |score: &f32| f32::from_bits((*score as i32).cast_unsigned());
                let mut integers: Vec<f32> = scores.iter().map(integer).collect();
                let best = Int8::top(isa, &mut integers, query, &scores);
                let bits = |row: Vec<f32>| row.into_iter().map(f32::to_bits).collect::<Vec<_>>();
                (totals, bits(in_f32), in_bf16, best, bits(integers))
            };
            let portable = weigh(Isa::portable());
            Isa::combinations().for_each(|isa| assert_eq!(weigh(isa), portable, "{isa:?}, {len} scores"));
        }
    }
}
