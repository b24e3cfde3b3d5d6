//! Formats numbers for reading.

use crate::table::clock;

/// `12,345`.
pub(super) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `0.31 s`, `42.0 s` or `1:02:03`; `0 s` for zero.
pub(super) fn duration(seconds: f64) -> String {
    match seconds {
        s if s <= 0.0 => "0 s".to_owned(),
        s if s < 10.0 => format!("{s:.2} s"),
        s if s < 60.0 => format!("{s:.1} s"),
        s => clock(s),
    }
}

/// `0.25 s`, or `3.1 ms` below a tenth of a second.
pub(super) fn short(seconds: f64) -> String {
    if seconds < 0.1 { format!("{:.1} ms", seconds * 1e3) } else { format!("{seconds:.2} s") }
}

/// A time on an axis with a tick every `step_s` seconds: `0.25 s`, `45 s`, `1:30` or `2:00:00`.
pub(super) fn axis_time(seconds: f64, step_s: f64) -> String {
    match step_s {
        step if step < 0.1 => format!("{seconds:.2} s"),
        step if step < 1.0 => format!("{seconds:.1} s"),
        step if step < 15.0 && seconds < 60.0 => format!("{seconds:.0} s"),
        _ => clock(seconds),
    }
}

/// `93 %`, or `0.4 %` for small values. `share` is from 0 to 1.
pub(super) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent > 0.0 && percent < 1.0 { format!("{percent:.1} %") } else { format!("{percent:.0} %") }
}

/// `123x`, or `1.2x` for small values.
pub(super) fn times(factor: f64) -> String {
    match factor {
        f if f < 10.0 => format!("{f:.1}×"),
        f => format!("{}×", count(f.round() as u64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_formatted_for_people() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0.0, 0.314, 42.04, 61.0, 3_723.0].map(duration), ["0 s", "0.31 s", "42.0 s", "1:01", "1:02:03"]);
        assert_eq!([0.0031, 0.254].map(short), ["3.1 ms", "0.25 s"]);
        assert_eq!([0.0, 0.004, 0.934, 1.0].map(percent), ["0 %", "0.4 %", "93 %", "100 %"]);
        assert_eq!([1.25, 9.97, 1234.4].map(times), ["1.2×", "10.0×", "1,234×"]);
        assert_eq!(axis_time(0.25, 0.05), "0.25 s");
        assert_eq!(axis_time(90.0, 30.0), "1:30");
    }
}
