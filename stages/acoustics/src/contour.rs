//! The F0 contour of one chunk of speech, for the measures that follow its periods.

use std::ops::Range;

/// F0 at equally spaced times. Times are in seconds from the start of the chunk's samples.
#[derive(Debug, Clone, Copy)]
pub struct Contour<'a> {
    /// Time of the first frame.
    pub first_s: f64,
    /// Interval between two frames.
    pub step_s: f64,
    /// F0 in Hz; `None` where a frame is unvoiced.
    pub f0_hz: &'a [Option<f64>],
}

impl Contour<'_> {
    /// Time of a frame.
    #[must_use]
    pub fn time_s(&self, frame: usize) -> f64 {
        self.first_s + frame as f64 * self.step_s
    }

    /// The runs of voiced frames.
    #[must_use]
    pub fn voiced(&self) -> Vec<Range<usize>> {
        let mut runs: Vec<Range<usize>> = Vec::new();
        for (frame, _) in self.f0_hz.iter().enumerate().filter(|(_, f0)| f0.is_some()) {
            match runs.last_mut() {
                Some(run) if run.end == frame => run.end += 1,
                _ => runs.push(frame..frame + 1),
            }
        }
        runs
    }

    /// F0 at a time inside a run of voiced frames, by linear interpolation. Outside, it is that of the nearest frame.
    #[must_use]
    pub fn f0_at(&self, time_s: f64, run: &Range<usize>) -> Option<f64> {
        let last = run.end.checked_sub(1)?;
        let place = ((time_s - self.first_s) / self.step_s).clamp(run.start as f64, last as f64);
        let left = place.floor() as usize;
        let (a, b) = (self.f0_hz[left]?, self.f0_hz[(left + 1).min(last)]?);
        Some(a + (place - left as f64) * (b - a))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contour_finds_runs_and_interpolates_inside_them() {
        let f0_hz = [None, Some(100.0), Some(110.0), None, Some(200.0)];
        let contour = Contour { first_s: 1.0, step_s: 0.01, f0_hz: &f0_hz };
        let runs = contour.voiced();
        assert_eq!(runs, [1..3, 4..5]);
        assert!((contour.f0_at(1.015, &runs[0]).unwrap() - 105.0).abs() < 1e-9);
        assert_eq!(contour.f0_at(0.9, &runs[0]), Some(100.0));
        assert_eq!(contour.f0_at(1.5, &runs[1]), Some(200.0));
    }
}
