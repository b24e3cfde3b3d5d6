//! Burg's method of linear prediction (J. P. Burg, "Maximum entropy spectral analysis", 1975). The sums of forward and
//! backward errors are quadratic forms of the signal's covariances, so that no error signal is computed for each order
//! (K. Vos, "A fast implementation of Burg's method", 2013).

/// Coefficients of the prediction error filter, from 1 at index 0 on. `None` for silence.
pub(super) fn prediction<const ORDER: usize>(x: &[f64]) -> Option<Vec<f64>> {
    if x.len() <= 2 * ORDER {
        return None;
    }
    let correlation: Vec<f64> = (0..=ORDER).map(|lag| dot(x, &x[lag..])).collect();
    if correlation[0] <= f64::MIN_POSITIVE {
        return None;
    }
    let mut filter = vec![1.0];
    for order in 1..=ORDER {
        let covariance = covariances(x, &correlation, order);
        let reflection = reflection(&filter, &covariance, order)?;
        let reversed: Vec<f64> = std::iter::once(0.0).chain(filter.iter().rev().copied()).collect();
        filter.push(0.0);
        filter.iter_mut().zip(reversed).for_each(|(a, b)| *a += reflection * b);
    }
    Some(filter)
}

/// Sums over n from `order` on of `x[n - p] * x[n - q]`, at `p * (order + 1) + q`.
fn covariances(x: &[f64], correlation: &[f64], order: usize) -> Vec<f64> {
    let (size, last) = (order + 1, x.len() - 1);
    let mut sums = vec![0.0; size * size];
    for lag in 0..=order {
        // For p = lag and q = 0 the whole correlation but its first terms, and from there along the diagonal.
        let mut sum = correlation[lag] - (lag..order).map(|n| x[n] * x[n - lag]).sum::<f64>();
        for q in 0..=order - lag {
            let p = q + lag;
            (sums[p * size + q], sums[q * size + p]) = (sum, sum);
            if p < order {
                sum += x[order - 1 - p] * x[order - 1 - q] - x[last - p] * x[last - q];
            }
        }
    }
    sums
}

/// The reflection coefficient that minimizes the sum of forward and backward errors.
fn reflection(filter: &[f64], covariance: &[f64], order: usize) -> Option<f64> {
    let size = order + 1;
    let (mut product, mut energy) = (0.0, 0.0);
    for (j, a) in filter.iter().enumerate() {
        for (l, b) in filter.iter().enumerate() {
            let weight = a * b;
            product += weight * covariance[j * size + order - l];
            energy += weight * (covariance[j * size + l] + covariance[(order - j) * size + order - l]);
        }
    }
    (energy > 0.0).then(|| -2.0 * product / energy)
}

dsp::vectorized! {
    /// Sum of the products of two signals, as far as both go.
    fn dot<'a>(a: &'a [f64], b: &'a [f64]) -> f64 {
        let mut sums = [0.0; 16];
        let len = b.len().min(a.len());
        let (whole_a, rest_a) = a[..len].as_chunks::<16>();
        let (whole_b, rest_b) = b[..len].as_chunks::<16>();
        for (a, b) in whole_a.iter().zip(whole_b) {
            for i in 0..16 {
                sums[i] += a[i] * b[i];
            }
        }
        let mut sum = 0.0;
        for lane in sums {
            sum += lane;
        }
        let mut rest = 0.0;
        for (a, b) in rest_a.iter().zip(rest_b) {
            rest += a * b;
        }
        sum + rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Burg's recursion as it is defined, with error signals.
    fn by_errors(x: &[f64], order: usize) -> Vec<f64> {
        let (mut forward, mut backward, mut filter) = (x.to_vec(), x.to_vec(), vec![1.0]);
        for _ in 0..order {
            let (f, b) = (&forward[1..], &backward[..backward.len() - 1]);
            let product: f64 = f.iter().zip(b).map(|(f, b)| f * b).sum();
            let energy: f64 = f.iter().zip(b).map(|(f, b)| f * f + b * b).sum();
            let k = -2.0 * product / energy;
            let next: Vec<(f64, f64)> = f.iter().zip(b).map(|(f, b)| (f + k * b, b + k * f)).collect();
            (forward, backward) = next.into_iter().unzip();
            let reversed: Vec<f64> = std::iter::once(0.0).chain(filter.iter().rev().copied()).collect();
            filter.push(0.0);
            filter.iter_mut().zip(reversed).for_each(|(a, b)| *a += k * b);
        }
        filter
    }

    #[test]
    fn prediction_equals_that_of_error_signals() {
        let noise = testkit::Random(7).noise(551, 1.0);
        let x: Vec<f64> = noise.windows(3).map(|w| f64::from(w[0] + 1.7 * w[1] + 0.9 * w[2])).collect();
        let (fast, slow) = (prediction::<10>(&x).unwrap(), by_errors(&x, 10));
        for (a, b) in fast.iter().zip(&slow) {
            assert!((a - b).abs() < 1e-9, "{fast:?} and {slow:?}");
        }
        assert_eq!(prediction::<10>(&[0.0; 100]), None);
        assert_eq!(prediction::<10>(&[1.0; 5]), None);
    }
}
