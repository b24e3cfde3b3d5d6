//! Loops on the widest vectors of the CPU. Neither Rust nor LLVM reorders or fuses floating-point operations, so that
//! results are the same bits on every CPU.

/// Sums that are added side by side: four vectors of eight.
const LANES: usize = 32;

/// Runs a closure whose loops are compiled for AVX2 where the CPU has it. Functions that it calls are too if they are inlined.
///
/// ```
/// let doubled = dsp::vectorized(|| [1.0, 2.0].map(|x| 2.0 * x));
/// assert_eq!(doubled, [2.0, 4.0]);
/// ```
#[inline]
pub fn vectorized<R>(work: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(work)
}

/// Sum of the products of two slices, as far as both go.
///
/// ```
/// assert_eq!(dsp::dot(&[1.0, 2.0, 3.0], &[4.0, 5.0]), 14.0);
/// ```
#[must_use]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    vectorized(|| dot_inline(a, b))
}

/// [`dot`] to be inlined into a loop that is [`vectorized`] itself.
#[must_use]
#[inline(always)]
pub fn dot_inline(a: &[f32], b: &[f32]) -> f32 {
    let len = a.len().min(b.len());
    let (lanes_a, rest_a) = a[..len].as_chunks::<LANES>();
    let (lanes_b, rest_b) = b[..len].as_chunks::<LANES>();
    let mut sums = [0.0f32; LANES];
    for (a, b) in lanes_a.iter().zip(lanes_b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let (lanes_a, rest_a) = rest_a.as_chunks::<8>();
    let (lanes_b, rest_b) = rest_b.as_chunks::<8>();
    for (a, b) in lanes_a.iter().zip(lanes_b) {
        for lane in 0..8 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    total(sums) + rest_a.iter().zip(rest_b).map(|(a, b)| a * b).sum::<f32>()
}

/// Sum of the samples.
#[must_use]
#[inline(always)]
pub fn sum_inline(samples: &[f32]) -> f32 {
    let (lanes, rest) = samples.as_chunks::<LANES>();
    let mut sums = [0.0f32; LANES];
    for lanes in lanes {
        for lane in 0..LANES {
            sums[lane] += lanes[lane];
        }
    }
    total(sums) + rest.iter().sum::<f32>()
}

#[inline(always)]
fn total(sums: [f32; LANES]) -> f32 {
    let eight: [f32; 8] = std::array::from_fn(|n| (sums[n] + sums[n + 8]) + (sums[n + 16] + sums[n + 24]));
    let four: [f32; 4] = std::array::from_fn(|n| eight[n] + eight[n + 4]);
    (four[0] + four[2]) + (four[1] + four[3])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dot_of_any_length_is_that_of_its_definition() {
        let a: Vec<f32> = (0..150).map(|n| (n as f32 * 0.7).sin()).collect();
        let b: Vec<f32> = (0..150).map(|n| (n as f32 * 0.3).cos()).collect();
        for len in [0, 1, 9, 31, 32, 33, 90, 150] {
            let expected: f64 = (0..len).map(|n| f64::from(a[n]) * f64::from(b[n])).sum();
            assert!((f64::from(dot(&a[..len], &b)) - expected).abs() < 1e-5, "{len}");
            let ones = vec![1.0; len];
            assert!((dot(&a, &ones) - sum_inline(&a[..len])).abs() < 1e-6, "{len}");
        }
    }
}
