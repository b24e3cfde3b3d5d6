//! The range of an excerpt. It is extended to the whole turns of all speakers that touch it, so that no sentence of either
//! party is torn apart.

use super::times;
use super::turns::Turn;

/// An interval of a recording, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Interval {
    pub(super) from_s: f64,
    pub(super) to_s: f64,
}

impl Interval {
    /// Whether something is in the interval, or partly.
    pub(super) fn touches(self, start_s: f64, end_s: f64) -> bool {
        // A mark without length, such as that of text that ends early, is at one time.
        start_s < self.to_s && (end_s > self.from_s || start_s >= self.from_s)
    }

    /// The interval with the whole turns that touch it. An end that moves is rounded to a tenth of a second.
    ///
    /// Turns of others that touch what was added do not extend it again: in a lively call that would lead to its ends.
    pub(super) fn extended(self, turns: &[Turn], duration_s: f64) -> Self {
        let touching = || turns.iter().filter(|turn| self.touches(turn.start_s, turn.end_s));
        let first_s = touching().map(|turn| turn.start_s).fold(self.from_s, f64::min);
        let last_s = touching().map(|turn| turn.end_s).fold(self.to_s, f64::max);
        Self {
            from_s: if first_s < self.from_s { times::floor_s(first_s) } else { self.from_s },
            to_s: if last_s > self.to_s { times::ceil_s(last_s).min(duration_s.max(self.to_s)) } else { self.to_s },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(channel: u16, start_s: f64, end_s: f64) -> Turn {
        Turn { channel, speaker: None, start_s, end_s, items: Vec::new() }
    }

    fn extended(from_s: f64, to_s: f64) -> (f64, f64) {
        let turns = [turn(0, 0.0, 4.0), turn(1, 3.95, 6.02), turn(0, 6.5, 8.0), turn(1, 9.0, 9.97)];
        let range = Interval { from_s, to_s }.extended(&turns, 10.0);
        (range.from_s, range.to_s)
    }

    #[test]
    fn range_is_extended_to_the_whole_turns_that_touch_it() {
        assert_eq!(extended(5.0, 7.0), (3.9, 8.0));
        assert_eq!(extended(8.25, 8.75), (8.25, 8.75), "silence is not extended");
        assert_eq!(extended(6.25, 8.5), (6.25, 8.5), "whole turns need no more");
        assert_eq!(extended(9.5, 10.0), (9.0, 10.0));
        assert_eq!(extended(4.0, 5.0), (3.9, 6.1), "the turn before only ends where the range begins");
    }

    #[test]
    fn range_touches_what_is_partly_in_it() {
        let range = Interval { from_s: 1.0, to_s: 2.0 };
        let inside = [(0.0, 1.0), (0.0, 1.1), (1.9, 3.0), (2.0, 3.0), (1.5, 1.5), (1.0, 1.0)];
        let touches = inside.map(|(start_s, end_s)| range.touches(start_s, end_s));
        assert_eq!(touches, [false, true, true, false, true, true]);
    }
}
