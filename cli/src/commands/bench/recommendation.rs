//! Recommends one of the measured combinations.

use super::combination::Combination;
use super::measurement::Measurement;

/// Speeds within this many percent of each other count as equal.
pub(super) const MARGIN_PERCENT: f64 = 2.0;

/// The combination with the least memory among those within the margin of the fastest; the faster one on a tie.
pub(super) fn recommended<'a>(
    measured: impl Iterator<Item = (&'a Combination, &'a Measurement)>,
) -> Option<(&'a Combination, &'a Measurement)> {
    let figures = |of: &(&Combination, &Measurement)| (of.1.times_real_time(), of.1.peak_mib);
    let measured: Vec<_> = measured.collect();
    let best = choose(&measured.iter().map(figures).collect::<Vec<_>>())?;
    measured.get(best).copied()
}

/// Index of the best of (times real time, MiB); unknown memory counts as the largest.
fn choose(figures: &[(f64, Option<f64>)]) -> Option<usize> {
    let fastest = figures.iter().map(|(times, _)| *times).max_by(f64::total_cmp)?;
    let near = |(_, (times, _)): &(usize, &(f64, Option<f64>))| *times >= fastest * (1.0 - MARGIN_PERCENT / 100.0);
    let mib = |mib: Option<f64>| mib.unwrap_or(f64::INFINITY);
    let order = |(_, a): &(usize, &(f64, Option<f64>)), (_, b): &(usize, &(f64, Option<f64>))| {
        mib(a.1).total_cmp(&mib(b.1)).then(b.0.total_cmp(&a.0))
    };
    figures.iter().enumerate().filter(near).min_by(order).map(|(place, _)| place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recommendation_is_the_smallest_of_the_fastest() {
        assert_eq!(choose(&[(10.0, Some(300.0)), (9.9, Some(200.0)), (9.7, Some(100.0))]), Some(1));
        assert_eq!(choose(&[(9.9, Some(200.0)), (10.0, Some(200.0))]), Some(1));
        assert_eq!(choose(&[(10.0, None), (9.9, Some(900.0))]), Some(1));
        assert_eq!(choose(&[(10.0, None), (5.0, None)]), Some(0));
        assert_eq!(choose(&[]), None);
    }
}
