//! The frames of a clip.
//!
//! The time of a frame is its number divided by the sample rate, rounded to the nanosecond. A range from one time to
//! another holds the frames whose time is not before the first one and before the second one. So ranges that follow each
//! other have no frame in common and leave none out, and a time that this program states leads to the same frame again.

use super::time::{SECOND_NS, Time, seconds_text};

/// Consecutive frames of a recording, at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameRange {
    /// The first frame, from 0.
    pub(super) first: u64,
    /// The frame after the last one.
    pub(super) end: u64,
}

/// Why a range cannot be cut out of a recording.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(crate) enum RangeError {
    #[error("--from {from} is not before --to {to}")]
    Order { from: Time, to: Time },
    #[error(
        "{flag} {time} is beyond the end of the recording, which is {length} s long: nothing is added to a recording"
    )]
    Beyond { flag: &'static str, time: Time, length: String },
    #[error("no frame of the recording is in the range: at {rate_hz} Hz a frame takes {frame_us:.1} microseconds")]
    NoFrame { rate_hz: u32, frame_us: f64 },
}

impl FrameRange {
    /// The frames of a recording of `frames` frames from one time to another.
    ///
    /// # Errors
    /// The range is empty, or reaches beyond the end.
    pub(super) fn new(from: &Time, to: &Time, frames: u64, rate_hz: u32) -> Result<Self, RangeError> {
        check_order(from, to)?;
        let length = time_ns(frames, rate_hz);
        for (flag, time, is_beyond) in [("--from", from, from.ns() >= length), ("--to", to, to.ns() > length)] {
            if is_beyond {
                return Err(RangeError::Beyond { flag, time: time.clone(), length: seconds_text(length) });
            }
        }
        let range = Self { first: first_frame(from, rate_hz), end: first_frame(to, rate_hz) };
        if range.first == range.end {
            return Err(RangeError::NoFrame { rate_hz, frame_us: 1e6 / f64::from(rate_hz) });
        }
        Ok(range)
    }

    /// Number of frames.
    pub(super) const fn frames(self) -> u64 {
        self.end - self.first
    }
}

/// Checks what can be checked without the recording.
///
/// # Errors
/// The range does not begin before it ends.
pub(crate) fn check_order(from: &Time, to: &Time) -> Result<(), RangeError> {
    if from.ns() < to.ns() { Ok(()) } else { Err(RangeError::Order { from: from.clone(), to: to.clone() }) }
}

/// The first frame whose time is not before `time`.
fn first_frame(time: &Time, rate_hz: u32) -> u64 {
    // A time that was rounded up is at most half a nanosecond later than its frame.
    let half_ns = (2 * u128::from(time.ns())).saturating_sub(1);
    let frame = (half_ns * u128::from(rate_hz)).div_ceil(2 * u128::from(SECOND_NS));
    u64::try_from(frame).unwrap_or(u64::MAX)
}

/// The time of a frame, in nanoseconds.
fn time_ns(frame: u64, rate_hz: u32) -> u64 {
    let (twice, rate) = (2 * u128::from(frame) * u128::from(SECOND_NS), u128::from(rate_hz));
    u64::try_from((twice + rate) / (2 * rate)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn range(from: &str, to: &str, frames: u64, rate_hz: u32) -> Result<(u64, u64), RangeError> {
        let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
        FrameRange::new(&from, &to, frames, rate_hz).map(|range| (range.first, range.end))
    }

    #[test]
    fn range_begins_at_the_first_frame_that_is_not_before_it() {
        assert_eq!(range("0", "1", 8_000, 8_000), Ok((0, 8_000)));
        assert_eq!(range("0.5", "0.50025", 8_000, 8_000), Ok((4_000, 4_002)));
        assert_eq!(range("0.0001", "0.0002", 8_000, 8_000), Ok((1, 2)));
        assert_eq!(range("5.72", "6.855", 480_000, 44_100), Ok((252_252, 302_306)));
        // One third of a second is not a decimal number.
        assert_eq!(range("0.333333333", "0.666666667", 3, 3), Ok((1, 2)));
    }

    #[test]
    fn range_that_is_not_in_the_recording_is_refused() {
        let message = |from: &str, to: &str| range(from, to, 79_864, 8_000).unwrap_err().to_string();
        assert_eq!(message("2", "1"), "--from 2 is not before --to 1");
        assert_eq!(message("1:00", "60"), "--from 1:00 is not before --to 60");
        let beyond = "is beyond the end of the recording, which is 9.983 s long: nothing is added to a recording";
        assert_eq!(message("0", "9.984"), format!("--to 9.984 {beyond}"));
        assert_eq!(message("9.983", "0:09.984"), format!("--from 9.983 {beyond}"));
        assert!(message("1.00001", "1.00002").contains("at 8000 Hz a frame takes 125.0 microseconds"));
        assert_eq!(range("9.982875", "9.983", 79_864, 8_000), Ok((79_863, 79_864)));
        assert!(range("0", "1", 0, 8_000).is_err(), "a recording without sound has no range");
    }

    proptest! {
        #[test]
        fn range_of_times_that_were_stated_has_the_same_frames(
            rate_hz in 1u32..800_000,
            first in 0u64..4_000_000_000,
            frames in 1u64..1_000_000,
        ) {
            let end = first + frames;
            let text = |frame| seconds_text(time_ns(frame, rate_hz));
            prop_assert_eq!(range(&text(first), &text(end), end, rate_hz), Ok((first, end)));
        }

        #[test]
        fn range_and_the_next_one_meet(rate_hz in 1u32..800_000, ns in prop::array::uniform3(0u64..90_000_000_000)) {
            let mut ns = ns;
            ns.sort_unstable();
            let [a, b, c] = ns.map(seconds_text);
            if let (Ok(one), Ok(next)) = (range(&a, &b, 1 << 50, rate_hz), range(&b, &c, 1 << 50, rate_hz)) {
                prop_assert_eq!(one.1, next.0);
                prop_assert_eq!(range(&a, &c, 1 << 50, rate_hz), Ok((one.0, next.1)));
            }
        }
    }
}
