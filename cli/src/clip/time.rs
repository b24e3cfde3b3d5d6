//! Times of a clip: exact to the nanosecond, so that the frames of a range do not depend on rounding.

use std::fmt;
use std::str::FromStr;

/// Nanoseconds in a second.
pub(super) const SECOND_NS: u64 = 1_000_000_000;
/// Number of decimals of a time.
const DECIMALS: usize = 9;

/// A time in a recording, with the text that it was read from: `83.5`, `1:23.5` or `1:02:03.250`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Time {
    ns: u64,
    text: String,
}

/// The text is not a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ParseTimeError {
    #[error("a time in a recording is not negative")]
    Negative,
    #[error("minutes and seconds after a colon are below 60")]
    Sixty,
    #[error("a time has at most {DECIMALS} decimals")]
    Decimals,
    #[error("a time is expected: seconds such as 83.5, or 1:23.5, or 1:02:03.250")]
    Malformed,
}

impl Time {
    /// Nanoseconds from the start of the recording.
    pub(super) const fn ns(&self) -> u64 {
        self.ns
    }

    /// Seconds from the start of the recording.
    pub(crate) fn seconds(&self) -> f64 {
        self.ns as f64 / SECOND_NS as f64
    }

    /// The time as a part of a file name: `00-01-23.500`.
    pub(crate) fn in_name(&self) -> String {
        let (s, decimals) = (self.ns / SECOND_NS, decimals(self.ns, 3));
        format!("{:02}-{:02}-{:02}.{decimals}", s / 3600, s / 60 % 60, s % 60)
    }
}

/// The text as it was given.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Time {
    type Err = ParseTimeError;

    fn from_str(text: &str) -> Result<Self, ParseTimeError> {
        if text.starts_with('-') {
            return Err(ParseTimeError::Negative);
        }
        let (whole, decimals) = match text.split_once('.') {
            Some((_, "")) => return Err(ParseTimeError::Malformed),
            Some((whole, decimals)) => (whole, decimals),
            None => (text, ""),
        };
        let ns = whole_seconds(whole)?.checked_mul(SECOND_NS).and_then(|ns| ns.checked_add(nanoseconds(decimals)?));
        match ns {
            Some(ns) => Ok(Self { ns, text: text.to_owned() }),
            None if decimals.len() > DECIMALS && is_number(decimals) => Err(ParseTimeError::Decimals),
            None => Err(ParseTimeError::Malformed),
        }
    }
}

/// Whole seconds of `S`, `M:S` or `H:M:S`.
fn whole_seconds(text: &str) -> Result<u64, ParseTimeError> {
    let numbers: Vec<&str> = text.split(':').collect();
    if numbers.len() > 3 {
        return Err(ParseTimeError::Malformed);
    }
    let mut seconds = 0_u64;
    for (index, digits) in numbers.iter().enumerate() {
        let number: u64 = is_number(digits).then(|| digits.parse().ok()).flatten().ok_or(ParseTimeError::Malformed)?;
        if index > 0 && number >= 60 {
            return Err(ParseTimeError::Sixty);
        }
        let sum = seconds.checked_mul(60).and_then(|seconds| seconds.checked_add(number));
        seconds = sum.ok_or(ParseTimeError::Malformed)?;
    }
    Ok(seconds)
}

/// Nanoseconds of the decimals of a second. `None` if they are too many or not digits.
fn nanoseconds(decimals: &str) -> Option<u64> {
    if decimals.is_empty() {
        return Some(0);
    }
    (decimals.len() <= DECIMALS && is_number(decimals))
        .then(|| format!("{decimals:0<DECIMALS$}").parse().ok())
        .flatten()
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Seconds with as many decimals as they need: `9.983`, `12`.
pub(super) fn seconds_text(ns: u64) -> String {
    let (s, decimals) = (ns / SECOND_NS, decimals(ns, 0));
    if decimals.is_empty() { s.to_string() } else { format!("{s}.{decimals}") }
}

/// The decimals of a second without zeros at the end, at least `least` of them.
fn decimals(ns: u64, least: usize) -> String {
    let mut digits = format!("{:0DECIMALS$}", ns % SECOND_NS);
    let needed = digits.trim_end_matches('0').len();
    digits.truncate(needed.max(least));
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Time {
        text.parse().unwrap()
    }

    #[test]
    fn time_is_read_in_every_form() {
        for (text, ns) in [
            ("0", 0),
            ("83.5", 83_500_000_000),
            ("1:23.5", 83_500_000_000),
            ("0:01:23.500", 83_500_000_000),
            ("1:02:03.250", 3_723_250_000_000),
            ("90:00", 5_400_000_000_000),
            ("0.000000001", 1),
            ("007", 7_000_000_000),
        ] {
            assert_eq!((time(text).ns(), time(text).to_string()), (ns, text.to_owned()));
        }
    }

    #[test]
    fn time_that_is_none_is_refused_with_the_reason() {
        use ParseTimeError::{Decimals, Malformed, Negative, Sixty};
        for (text, error) in [
            ("-5", Negative),
            ("-", Negative),
            ("1:60", Sixty),
            ("1:60:00", Sixty),
            ("1.0000000001", Decimals),
            ("", Malformed),
            ("abc", Malformed),
            ("1,5", Malformed),
            ("5.", Malformed),
            (".5", Malformed),
            ("+5", Malformed),
            ("1e3", Malformed),
            ("NaN", Malformed),
            ("inf", Malformed),
            ("1:2:3:4", Malformed),
            ("1::2", Malformed),
            ("1:-2", Malformed),
            ("1.5:2", Malformed),
            ("1.5.2", Malformed),
            ("٣", Malformed),
            ("99999999999999999999", Malformed),
            ("18446744073709551615", Malformed),
            ("18446744073709551615:59:59", Malformed),
        ] {
            assert_eq!(text.parse::<Time>(), Err(error), "{text}");
        }
    }

    #[test]
    fn time_in_a_name_has_milliseconds_or_as_many_decimals_as_it_needs() {
        let named = |text: &str| time(text).in_name();
        assert_eq!((named("83.5"), named("1:40")), ("00-01-23.500".to_owned(), "00-01-40.000".to_owned()));
        assert_eq!(named("100:00:00.00012"), "100-00-00.00012");
    }

    #[test]
    fn seconds_have_the_decimals_that_they_need() {
        assert_eq!(
            ["9.983", "12", "0.000000001"].map(|text| seconds_text(time(text).ns())),
            ["9.983", "12", "0.000000001"]
        );
    }
}
