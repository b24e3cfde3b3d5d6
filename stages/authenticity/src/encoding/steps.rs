//! How near the coefficients of a frame are to the values that AAC and MP3 can give: a step, a power of the fourth root
//! of two for each scale factor band, times whole numbers to the power of 4/3 (ISO/IEC 14496-3, 4.6.2.3.3; ISO/IEC 11172-3,
//! 2.4.3.4.7.1).
//!
//! For each band and step it is computed how near the coefficients, to the power of 3/4, are to multiples of the step. For
//! any smooth and wide distribution the sum is near zero. Dynamic programming then chooses a step for each band, where a
//! change of the step from band to band costs a constant.

/// Steps that are tried, from `2^(LOWEST / 4)` up. The least is twice the rounding to 16 bit.
const STEPS: usize = 64;
const LOWEST: f32 = -60.0;
/// Logarithm (base 2) of the factor between steps, for coefficients to the power of 3/4.
const LOG2_RATIO: f32 = 0.1875;
/// Whole numbers that the largest coefficient of a band may be, and the steps that gives at most: `log2(40 / 0.8)` by the ratio.
const LARGEST: (f32, f32) = (0.8, 40.0);
const TRIED: usize = 32;
/// Coefficients of a frame.
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
    factors: [f32; STEPS + TRIED],
    powers: [f32; LONGEST],
}

impl Steps {
    pub(super) fn new(band_ends: &'static [usize]) -> Self {
        Self {
            band_ends,
            factors: std::array::from_fn(|step| (-LOG2_RATIO * (LOWEST + step as f32)).exp2()),
            powers: [0.0; LONGEST],
        }
    }

    /// The sum for the best steps, less the cost of changes.
    pub(super) fn of(&mut self, coefficients: &[f32]) -> f32 {
        sum_for_best_steps(self, coefficients)
    }
}

dsp::vectorized! {
    fn sum_for_best_steps<'a>(steps: &'a mut Steps, coefficients: &'a [f32]) -> f32 {
        for (power, x) in steps.powers.iter_mut().zip(coefficients) {
            let root = x.abs().sqrt();
            *power = root * root.sqrt();
        }
        let mut best = [0i16; STEPS];
        let mut start = 0;
        for &end in steps.band_ends {
            let powers = &steps.powers[start..end];
            let largest = maximum(powers);
            let (first, after) = range(largest);
            if first < after {
                let change = largest_of(&best) - CHANGE;
                for best in &mut best {
                    *best = if *best > change { *best } else { change };
                }
                let sums = sums(powers, largest, &steps.factors[first..]);
                for (best, sum) in best[first..after].iter_mut().zip(&sums) {
                    *best += sum;
                }
            }
            start = end;
        }
        f32::from(largest_of(&best)) / f32::from(ONE)
    }
}

/// For each of the first steps the sum of `1 - 12 * d^2` over the coefficients of a band, where `d` is the distance of
/// their multiple from a whole number, in units of `1 / ONE`. The mean of a term is zero if `d` is uniform. A fixed number of
/// steps stays in registers.
#[inline(always)]
fn sums(powers: &[f32], largest: f32, factors: &[f32]) -> [i16; TRIED] {
    // The product of a scaled power and a scaled factor is the multiple of the step in units of 2^-16.
    let (scale, factor_scale) = (POWER_MAX / largest, largest * 65_536.0 / POWER_MAX);
    let mut scaled_factors = [0i16; TRIED];
    for (scaled, factor) in scaled_factors.iter_mut().zip(factors) {
        *scaled = to_nearest(factor * factor_scale);
    }
    let mut squares = [0i16; TRIED];
    for power in powers {
        let power = to_nearest(power * scale);
        for (sum, factor) in squares.iter_mut().zip(&scaled_factors) {
            // The whole part falls off, and the fraction is from -1/2 to 1/2.
            let fraction = i32::from(power.wrapping_mul(*factor));
            // The upper half of a product is one instruction.
            let upper = ((fraction * fraction) >> 16) as i16;
            *sum += upper >> 8;
        }
    }
    let all = ONE * powers.len() as i16;
    for square in &mut squares {
        *square = all - *square;
    }
    squares
}

/// The steps of which a coefficient to the power of 3/4 is a multiple in the range of [`LARGEST`].
#[inline(always)]
fn range(power: f32) -> (usize, usize) {
    // The logarithm is linear between powers of two, which is near enough.
    let log2 = power.max(1e-9).to_bits() as f32 / (1 << 23) as f32 - 127.0;
    let below = |multiple: f32| (((log2 - multiple.log2()) / LOG2_RATIO - LOWEST).max(0.0) as usize).min(STEPS);
    (below(LARGEST.1), below(LARGEST.0))
}

#[inline(always)]
fn maximum(values: &[f32]) -> f32 {
    let (lanes, rest) = values.as_chunks::<4>();
    let mut most = [0.0f32; 4];
    for lanes in lanes {
        for (most, x) in most.iter_mut().zip(lanes) {
            *most = if *x > *most { *x } else { *most };
        }
    }
    let mut largest = 0.0;
    for x in most.iter().chain(rest) {
        largest = if *x > largest { *x } else { largest };
    }
    largest
}

#[inline(always)]
fn largest_of(values: &[i16]) -> i16 {
    let mut largest = 0;
    for x in values {
        largest = if *x > largest { *x } else { largest };
    }
    largest
}

/// The nearest whole number of one from 0 to `i16::MAX`: after 1.5 * 2^23 is added, it is in the lowest bits.
#[inline(always)]
fn to_nearest(x: f32) -> i16 {
    (x + 12_582_912.0).to_bits() as i16
}
