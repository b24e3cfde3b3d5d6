//! Half-open intervals of time.

use serde::{Deserialize, Serialize};

/// A half-open interval `[start_s, end_s)` in seconds from the start of the recording.
///
/// ```
/// use stage_core::Span;
///
/// let (turn, answer) = (Span::new(1.0, 2.5), Span::new(2.0, 4.0));
/// assert_eq!(turn.duration_s(), 1.5);
/// assert_eq!(turn.overlap_s(&answer), 0.5);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Span {
    /// First instant, in seconds.
    pub start_s: f64,
    /// First instant after the span, in seconds.
    pub end_s: f64,
}

impl Span {
    /// A span from `start_s` to `end_s`. An end before the start is set to the start.
    #[must_use]
    pub fn new(start_s: f64, end_s: f64) -> Self {
        Self { start_s, end_s: end_s.max(start_s) }
    }

    /// Length in seconds, never negative.
    #[must_use]
    pub fn duration_s(&self) -> f64 {
        (self.end_s - self.start_s).max(0.0)
    }

    /// Duration of the overlap of both spans, in seconds.
    #[must_use]
    pub fn overlap_s(&self, other: &Self) -> f64 {
        (self.end_s.min(other.end_s) - self.start_s.max(other.start_s)).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlap_is_symmetric_and_never_negative() {
        let (a, b) = (Span::new(0.0, 2.0), Span::new(1.5, 3.0));
        assert!((a.overlap_s(&b) - 0.5).abs() < 1e-12);
        assert!((b.overlap_s(&a) - 0.5).abs() < 1e-12);
        assert_eq!(a.overlap_s(&Span::new(5.0, 6.0)), 0.0);
        assert_eq!(Span::new(2.0, 1.0).duration_s(), 0.0);
    }
}
