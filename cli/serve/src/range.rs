//! Range requests (RFC 9110, section 14).

use std::ops::Range;

/// What a `Range` header selects of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Selection {
    /// All of it: there is no range, it is not valid, or there are several, which a server may answer with the whole.
    Whole,
    /// These bytes, at least one.
    Part(Range<u64>),
    /// A valid range without any byte of the file.
    Unsatisfiable,
}

/// What the value of a `Range` header selects of `length` bytes.
pub(crate) fn select(value: &str, length: u64) -> Selection {
    let Some((first, last)) = single_range(value).and_then(|range| range.split_once('-')) else {
        return Selection::Whole;
    };
    if !first.is_empty() && !last.is_empty() && order(last) < order(first) {
        return Selection::Whole;
    }
    match position(first).zip(position(last)) {
        Some((Some(first), None)) => part(first, length, length),
        Some((Some(first), Some(last))) => part(first, last.saturating_add(1), length),
        Some((None, Some(0))) => Selection::Unsatisfiable,
        Some((None, Some(_))) if length == 0 => Selection::Whole,
        Some((None, Some(count))) => Selection::Part(length.saturating_sub(count)..length),
        _ => Selection::Whole,
    }
}

/// The only range of a header in bytes.
fn single_range(value: &str) -> Option<&str> {
    let (unit, ranges) = value.split_once('=')?;
    let range = ranges.trim_matches([' ', '\t']);
    (unit.eq_ignore_ascii_case("bytes") && !range.contains(',')).then_some(range)
}

/// A position, which may be left out. Numbers above the largest are beyond the end of any file. The outer `None` is
/// text that is not a number.
#[expect(clippy::option_option, reason = "an absent number is not a wrong one")]
fn position(text: &str) -> Option<Option<u64>> {
    match text {
        "" => Some(None),
        _ if text.bytes().all(|byte| byte.is_ascii_digit()) => Some(Some(text.parse().unwrap_or(u64::MAX))),
        _ => None,
    }
}

/// What orders numbers of any length.
fn order(digits: &str) -> (usize, &str) {
    let significant = digits.trim_start_matches('0');
    (significant.len(), significant)
}

fn part(first: u64, end: u64, length: u64) -> Selection {
    if first < length { Selection::Part(first..end.min(length)) } else { Selection::Unsatisfiable }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn range_of_each_form() {
        for (value, expected) in [
            ("bytes=0-0", Selection::Part(0..1)),
            ("bytes=0-", Selection::Part(0..10)),
            ("Bytes=3-5", Selection::Part(3..6)),
            ("bytes= 3-5 ", Selection::Part(3..6)),
            ("bytes=3-99", Selection::Part(3..10)),
            ("bytes=3-99999999999999999999999", Selection::Part(3..10)),
            ("bytes=-4", Selection::Part(6..10)),
            ("bytes=-40", Selection::Part(0..10)),
            ("bytes=-0", Selection::Unsatisfiable),
            ("bytes=10-", Selection::Unsatisfiable),
            ("bytes=99999999999999999999999-", Selection::Unsatisfiable),
            ("bytes=5-4", Selection::Whole),
            ("bytes=0-1,3-4", Selection::Whole),
            ("bytes=-", Selection::Whole),
            ("bytes=+1-2", Selection::Whole),
            ("bytes=1 -2", Selection::Whole),
            ("bytes", Selection::Whole),
            ("lines=0-1", Selection::Whole),
            ("", Selection::Whole),
        ] {
            assert_eq!(select(value, 10), expected, "{value:?}");
        }
    }

    #[test]
    fn range_of_an_empty_file() {
        assert_eq!(select("bytes=0-", 0), Selection::Unsatisfiable);
        assert_eq!(select("bytes=-5", 0), Selection::Whole);
        assert_eq!(select("bytes=-0", 0), Selection::Unsatisfiable);
    }

    /// The same by the definition: the bytes of a file that a valid range names.
    fn named(first: Option<u64>, last: Option<u64>, length: u64) -> Vec<u64> {
        let is_named = |at: &u64| match (first, last) {
            (Some(first), last) => *at >= first && last.is_none_or(|last| *at <= last),
            (None, Some(count)) => length - at <= count,
            (None, None) => false,
        };
        (0..length).filter(is_named).collect()
    }

    proptest! {
        #[test]
        fn range_never_leaves_the_file(value in ".*", length in any::<u64>()) {
            if let Selection::Part(part) = select(&value, length) {
                prop_assert!(part.start < part.end && part.end <= length);
            }
        }

        #[test]
        fn range_selects_what_it_names(
            first in proptest::option::of(0..60u64),
            last in proptest::option::of(0..60u64),
            length in 0..50u64,
        ) {
            let number = |value: Option<u64>| value.map(|value| value.to_string()).unwrap_or_default();
            let value = format!("bytes={}-{}", number(first), number(last));
            let valid = match (first, last) {
                (None, None) => false,
                (Some(first), Some(last)) => first <= last,
                _ => true,
            };
            let expected = named(first, last, length);
            match select(&value, length) {
                Selection::Part(part) => prop_assert_eq!(part.collect::<Vec<_>>(), expected),
                Selection::Unsatisfiable => prop_assert!(valid && expected.is_empty()),
                Selection::Whole => prop_assert!(!valid || length == 0),
            }
        }

        #[test]
        fn range_of_digits_is_read(text in "bytes=[0-9]{0,30}-[0-9]{0,30}", length in 1..u64::MAX) {
            let number = |digits: &str| digits.parse::<u128>().ok();
            let selected = select(&text, length);
            let (first, last) = text.trim_start_matches("bytes=").split_once('-').unwrap();
            match (number(first), number(last)) {
                (Some(first), None) if first < u128::from(length) => {
                    prop_assert!(matches!(selected, Selection::Part(_)));
                }
                (Some(first), Some(last)) if first > last => prop_assert_eq!(selected, Selection::Whole),
                (None, None) => prop_assert_eq!(selected, Selection::Whole),
                _ => {}
            }
        }
    }
}
