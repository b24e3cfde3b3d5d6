//! Times as a transcript writes them.

/// Milliseconds in a second, and in the steps to which the times of intervals are rounded.
const SECOND_MS: u64 = 1000;
const STEP_MS: u64 = 100;

/// The second in which something begins: `00:03:10`.
pub(super) fn clock(s: f64) -> String {
    of_ms(milliseconds(s) / SECOND_MS * SECOND_MS)
}

/// A time with the decimals that it needs, at most three: `00:03:10.25`.
pub(super) fn exact(s: f64) -> String {
    of_ms(milliseconds(s))
}

/// The last tenth of a second that is not after a time.
pub(super) fn floor_s(s: f64) -> f64 {
    seconds(milliseconds(s) / STEP_MS * STEP_MS)
}

/// The first tenth of a second that is not before a time.
pub(super) fn ceil_s(s: f64) -> f64 {
    seconds(milliseconds(s).div_ceil(STEP_MS) * STEP_MS)
}

fn milliseconds(s: f64) -> u64 {
    // Times of results are finite and not negative. A cast saturates if they are not.
    (s * SECOND_MS as f64).round() as u64
}

fn seconds(ms: u64) -> f64 {
    ms as f64 / SECOND_MS as f64
}

fn of_ms(ms: u64) -> String {
    let (s, decimals) = (ms / SECOND_MS, format!("{:03}", ms % SECOND_MS));
    let decimals = decimals.trim_end_matches('0');
    let point = if decimals.is_empty() { "" } else { "." };
    format!("{:02}:{:02}:{:02}{point}{decimals}", s / 3600, s / 60 % 60, s % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_the_decimals_that_they_need() {
        assert_eq!([0.0, 190.0, 190.25, 3723.5].map(exact), ["00:00:00", "00:03:10", "00:03:10.25", "01:02:03.5"]);
        assert_eq!([59.999, 61.9, f64::NAN, -1.0].map(clock), ["00:00:59", "00:01:01", "00:00:00", "00:00:00"]);
    }

    #[test]
    fn times_of_intervals_are_rounded_outwards() {
        assert_eq!(([1.25, 1.3, 0.0].map(floor_s), [1.25, 1.3, 0.0].map(ceil_s)), ([1.2, 1.3, 0.0], [1.3, 1.3, 0.0]));
    }
}
