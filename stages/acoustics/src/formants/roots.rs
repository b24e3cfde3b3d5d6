//! Roots of a polynomial, all at once (O. Aberth, "Iteration methods for finding all zeros of a polynomial simultaneously",
//! Mathematics of Computation 27, 1973).

use realfft::num_complex::Complex;

pub(super) type Root = Complex<f64>;

/// Steps are this small relative to 1 when the roots are found.
const PRECISION: f64 = 1e-9;
const ITERATIONS: usize = 60;
/// Angle by which earlier roots are turned, because an iteration from real numbers alone would never leave them.
const TURN: f64 = 0.01;

/// The roots of successive polynomials. Each search begins at the roots before.
#[derive(Debug, Clone, Default)]
pub(super) struct Roots(Vec<Root>);

impl Roots {
    pub(super) fn found(&self) -> &[Root] {
        &self.0
    }

    /// Finds the roots of `x^n + c[1] x^(n-1) + ... + c[n]`; `coefficients[0]` is 1. Returns false if they are not found.
    pub(super) fn solve(&mut self, coefficients: &[f64]) -> bool {
        let degree = coefficients.len() - 1;
        if self.0.len() == degree {
            let turn = Complex::from_polar(1.0, TURN);
            self.0.iter_mut().for_each(|root| *root *= turn);
            if self.iterate(coefficients) {
                return true;
            }
        }
        // On a circle inside the unit circle, and not symmetric to the real axis.
        let start = |i: usize| Complex::from_polar(0.9, 0.3 + std::f64::consts::TAU * i as f64 / degree as f64);
        self.0 = (0..degree).map(start).collect();
        let found = self.iterate(coefficients);
        if !found {
            self.0.clear();
        }
        found
    }

    fn iterate(&mut self, coefficients: &[f64]) -> bool {
        for _ in 0..ITERATIONS {
            let mut largest = 0.0_f64;
            for at in 0..self.0.len() {
                let root = self.0[at];
                let (value, slope) = evaluate(coefficients, root);
                if value.norm_sqr() < 1e-30 {
                    continue;
                }
                let others = self.0.iter().enumerate().filter(|(other, _)| *other != at);
                let repulsion: Root = others.map(|(_, other)| (root - other).inv()).sum();
                let step = (slope / value - repulsion).inv();
                if !step.is_finite() {
                    return false;
                }
                self.0[at] = root - step;
                largest = largest.max(step.norm_sqr());
            }
            if largest < PRECISION * PRECISION {
                return true;
            }
        }
        false
    }
}

/// Value and slope of the polynomial.
fn evaluate(coefficients: &[f64], x: Root) -> (Root, Root) {
    let (mut value, mut slope) = (Complex::new(coefficients[0], 0.0), Complex::default());
    for coefficient in &coefficients[1..] {
        slope = slope * x + value;
        value = value * x + coefficient;
    }
    (value, slope)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The polynomial with these roots.
    fn polynomial(roots: &[Root]) -> Vec<f64> {
        let mut coefficients = vec![Complex::new(1.0, 0.0)];
        for root in roots {
            let shifted: Vec<Root> = coefficients.iter().map(|c| -c * root).collect();
            coefficients.push(Complex::default());
            coefficients[1..].iter_mut().zip(shifted).for_each(|(c, add)| *c += add);
        }
        coefficients.into_iter().map(|c| c.re).collect()
    }

    #[test]
    fn roots_are_found_also_after_others() {
        let pairs = |angles: [f64; 4]| -> Vec<Root> {
            let pair = |(i, angle): (usize, f64)| {
                let root = Complex::from_polar(0.98 - 0.03 * i as f64, angle);
                [root, root.conj()]
            };
            let pairs = angles.into_iter().enumerate().flat_map(pair);
            pairs.chain([Complex::new(0.9, 0.0), Complex::new(-0.6, 0.0)]).collect()
        };
        let mut roots = Roots::default();
        for angles in [[0.3, 0.9, 1.5, 2.2], [0.31, 0.88, 1.55, 2.3], [0.1, 0.2, 2.9, 3.0]] {
            let known = pairs(angles);
            assert!(roots.solve(&polynomial(&known)));
            for root in known {
                let near = roots.found().iter().map(|found| (found - root).norm()).fold(f64::INFINITY, f64::min);
                assert!(near < 1e-7, "{root} is {near} away");
            }
        }
    }
}
