//! The largest values of a series.

/// Where a value is above `floor` and not below any of the `before` values before it and the `after` values after it.
pub(crate) fn maxima(values: &[f32], floor: f32, [before, after]: [usize; 2]) -> impl Iterator<Item = (usize, f32)> {
    let is_maximum = move |(at, value): &(usize, f32)| {
        let near = &values[at.saturating_sub(before)..(at + after + 1).min(values.len())];
        *value > floor && near.iter().all(|other| other <= value)
    };
    values.iter().copied().enumerate().filter(is_maximum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maximum_is_the_largest_of_both_sides_and_above_the_floor() {
        let values = [1.0, 3.0, 2.0, 0.5, 4.0, 4.0, 0.2];
        let places = |floor, reach| maxima(&values, floor, reach).map(|(at, _)| at).collect::<Vec<_>>();
        assert_eq!(places(0.0, [1, 1]), [1, 4, 5]);
        assert_eq!(places(3.0, [1, 1]), [4, 5]);
        assert_eq!(places(0.0, [3, 0]), [0, 1, 4, 5]);
        assert_eq!(places(0.0, [0, 3]), [4, 5, 6]);
    }
}
