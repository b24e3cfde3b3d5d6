//! How near the coefficients of a frame are to the values that AAC and MP3 can give: a step, a power of the fourth root
//! of two for each scale factor band, times whole numbers to the power of 4/3 (ISO/IEC 14496-3, 4.6.2.3.3; ISO/IEC 11172-3,
//! 2.4.3.4.7.1).
//!
//! For each band and step it is computed how near the coefficients, to the power of 3/4, are to multiples of the step. For
//! any smooth and wide distribution the sum is near zero. Dynamic programming then chooses a step for each band, where a
//! change of the step from band to band costs a constant.

use std::ops::Range;

/// Steps that are tried, from `2^(LOWEST / 4)` up. The least is twice the rounding to 16 bit.
const STEPS: usize = 64;
const LOWEST: f32 = -60.0;
/// Logarithm (base 2) of the factor between steps, for coefficients to the power of 3/4.
const LOG2_RATIO: f32 = 0.1875;
/// Whole numbers that the largest coefficient of a band may be.
const LARGEST: (f32, f32) = (0.8, 40.0);
/// Coefficients of the widest scale factor band, and of a frame.
const WIDEST: usize = 192;
const LONGEST: usize = 1024;
/// What the largest power of a band is scaled to: its rounding and that of the factors shift multiples by 0.03 at most.
const POWER_MAX: f32 = 2047.0;
/// What a coefficient at a multiple of its step counts, and the cost of another step than in the band below. The sum over a
/// frame fits in 16 bit.
const ONE: i16 = 21;
const CHANGE: i16 = 8 * ONE;

/// Measures frames.
pub(super) struct Steps {
    band_ends: &'static [usize],
    /// By which a coefficient to the power of 3/4 is multiplied, by step.
    factors: [f32; STEPS],
    powers: [f32; LONGEST],
    scaled_powers: [i16; WIDEST],
    scaled_factors: [i16; STEPS],
    sums: [i16; STEPS],
}

impl Steps {
    pub(super) fn new(band_ends: &'static [usize]) -> Self {
        Self {
            band_ends,
            factors: std::array::from_fn(|step| (-LOG2_RATIO * (LOWEST + step as f32)).exp2()),
            powers: [0.0; LONGEST],
            scaled_powers: [0; WIDEST],
            scaled_factors: [0; STEPS],
            sums: [0; STEPS],
        }
    }

    /// The sum for the best steps, less the cost of changes.
    #[inline(always)]
    pub(super) fn of(&mut self, coefficients: &[f32]) -> f32 {
        for (power, x) in self.powers.iter_mut().zip(coefficients) {
            let root = x.abs().sqrt();
            *power = root * root.sqrt();
        }
        let mut best = [0i16; STEPS];
        let mut start = 0;
        for &end in self.band_ends {
            let largest = maximum(&self.powers[start..end]);
            let (first, after) = range(largest);
            if first < after {
                let change = best.iter().copied().fold(0, i16::max) - CHANGE;
                best.iter_mut().for_each(|best| *best = (*best).max(change));
                self.sum(start..end, largest, first..after);
                best[first..after].iter_mut().zip(&self.sums).for_each(|(best, sum)| *best += sum);
            }
            start = end;
        }
        f32::from(best.iter().copied().fold(0, i16::max)) / f32::from(ONE)
    }

    /// For each step the sum of `1 - 12 * d^2` over the coefficients of a band, where `d` is the distance of their multiple
    /// from a whole number, in units of `1 / ONE`. The mean of a term is zero if `d` is uniform.
    #[inline(always)]
    fn sum(&mut self, band: Range<usize>, largest: f32, steps: Range<usize>) {
        // The product of a scaled power and a scaled factor is the multiple of the step in units of 2^-16.
        let powers = &mut self.scaled_powers[..band.len()];
        for (scaled, power) in powers.iter_mut().zip(&self.powers[band]) {
            *scaled = to_nearest(power * (POWER_MAX / largest));
        }
        // A whole number of vectors; the sums beyond the steps are not used.
        let count = steps.len().next_multiple_of(8);
        let (sums, factors) = (&mut self.sums[..count], &mut self.scaled_factors[..count]);
        for (scaled, factor) in factors.iter_mut().zip(&self.factors[steps]) {
            *scaled = to_nearest(factor * (largest * 65_536.0 / POWER_MAX));
        }
        sums.fill(0);
        add_terms(sums, powers, factors);
    }
}

/// Adds the terms of each power to the sums. References of their own let the compiler use vectors.
#[inline(always)]
fn add_terms(sums: &mut [i16], powers: &[i16], factors: &[i16]) {
    for power in powers {
        for (sum, factor) in sums.iter_mut().zip(factors) {
            // The whole part falls off, and the fraction is from -1/2 to 1/2.
            let fraction = i32::from(power.wrapping_mul(*factor));
            // The upper half of a product is one instruction.
            let upper = ((fraction * fraction) >> 16) as i16;
            *sum += ONE - (upper >> 8);
        }
    }
}

/// The steps of which a coefficient to the power of 3/4 is a multiple in the range of [`LARGEST`].
fn range(power: f32) -> (usize, usize) {
    // The logarithm is linear between powers of two, which is near enough.
    let log2 = power.max(1e-9).to_bits() as f32 / (1 << 23) as f32 - 127.0;
    let below = |multiple: f32| (((log2 - multiple.log2()) / LOG2_RATIO - LOWEST).max(0.0) as usize).min(STEPS);
    (below(LARGEST.1), below(LARGEST.0))
}

#[inline(always)]
fn maximum(values: &[f32]) -> f32 {
    let (lanes, rest) = values.as_chunks::<4>();
    let larger = |a: f32, b: f32| if a > b { a } else { b };
    let most = lanes.iter().fold([0.0f32; 4], |most, lane| std::array::from_fn(|at| larger(most[at], lane[at])));
    most.iter().chain(rest).copied().fold(0.0, larger)
}

/// The nearest whole number of one from 0 to `i16::MAX`: after 1.5 * 2^23 is added, it is in the lowest bits.
#[inline(always)]
fn to_nearest(x: f32) -> i16 {
    (x + 12_582_912.0).to_bits() as i16
}
