//! Loops on the widest vectors of the CPU. Neither Rust nor LLVM reorders or fuses floating-point operations, so that
//! results are the same bits on every CPU.

/// Sums that are added side by side: four vectors of eight.
const LANES: usize = 32;

/// Defines functions whose loops are compiled for each set of vector instructions; a call uses the widest that the CPU has.
/// Arguments that are references need a named lifetime. What the body calls must be inlined (`#[inline(always)]`), or it is
/// compiled for the narrowest. Closures cannot be forced to be.
///
/// ```
/// dsp::vectorized! {
///     /// Doubles samples.
///     fn double<'a>(samples: &'a mut [f32]) {
///         for sample in samples {
///             *sample *= 2.0;
///         }
///     }
/// }
///
/// let mut samples = [1.0, 2.0];
/// double(&mut samples);
/// assert_eq!(samples, [2.0, 4.0]);
/// ```
#[macro_export]
macro_rules! vectorized {
    ($(
        $(#[$attribute:meta])*
        $visibility:vis fn $name:ident $(<$lifetime:lifetime>)? ($($argument:ident: $type:ty),* $(,)?) $(-> $output:ty)? $body:block
    )+) => {$(
        $(#[$attribute])*
        $visibility fn $name $(<$lifetime>)? ($($argument: $type),*) $(-> $output)? {
            struct Work $(<$lifetime>)? { $($argument: $type),* }
            impl $(<$lifetime>)? $crate::NullaryFnOnce for Work $(<$lifetime>)? {
                #[allow(unused_parens, reason = "they make `()` of no type")]
                type Output = ($($output)?);
                #[inline(always)]
                fn call(self) -> Self::Output {
                    let Self { $($argument),* } = self;
                    $body
                }
            }
            $crate::dispatch(Work { $($argument),* })
        }
    )+};
}

/// Runs the body of a function of [`vectorized!`].
#[doc(hidden)]
#[inline]
pub fn dispatch<W: pulp::NullaryFnOnce>(work: W) -> W::Output {
    pulp::Arch::new().dispatch(work)
}

vectorized! {
    /// Sum of the products of two slices, as far as both go.
    ///
    /// ```
    /// assert_eq!(dsp::dot(&[1.0, 2.0, 3.0], &[4.0, 5.0]), 14.0);
    /// ```
    #[must_use]
    pub fn dot<'a>(a: &'a [f32], b: &'a [f32]) -> f32 {
        dot_inline(a, b)
    }

    /// Sum of the samples.
    #[must_use]
    pub fn sum<'a>(samples: &'a [f32]) -> f32 {
        sum_inline(samples)
    }
}

/// [`dot`] for the loops of [`vectorized!`].
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
    let mut rest = 0.0;
    for (a, b) in rest_a.iter().zip(rest_b) {
        rest += a * b;
    }
    total(sums) + rest
}

/// [`sum`] for the loops of [`vectorized!`].
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
    let mut sum = 0.0;
    for x in rest {
        sum += x;
    }
    total(sums) + sum
}

#[inline(always)]
fn total(sums: [f32; LANES]) -> f32 {
    let mut eight = [0.0f32; 8];
    for n in 0..8 {
        eight[n] = (sums[n] + sums[n + 8]) + (sums[n + 16] + sums[n + 24]);
    }
    let mut four = [0.0f32; 4];
    for n in 0..4 {
        four[n] = eight[n] + eight[n + 4];
    }
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
