//! Draws the timeline as SVG paths: each column stacks a lane's busy threads by stage.

use std::fmt::Write;

use super::format;
use super::timeline::{Row, Timeline, kinds, sum};

/// Approximate number of columns in all rows together. It limits the file size.
const COLUMNS: usize = 6000;
/// The height of a row, in units of the drawing.
const HEIGHT: u32 = 100;
/// Possible intervals between two ticks of the time axis, in seconds.
const STEPS_S: [f64; 24] = [
    0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0,
    7200.0, 14_400.0, 21_600.0, 43_200.0, 86_400.0,
];
/// Maximum number of ticks on the time axis.
const MARKS: f64 = 9.0;

/// Maps bins to columns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    bins_each: usize,
    bin_us: u64,
    /// Number of columns in a row.
    pub(super) columns: usize,
}

/// A tick of the time axis.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Mark {
    /// Position from the left, in percent.
    pub(super) left: String,
    pub(super) text: String,
}

/// The area of one kind of work in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Area {
    /// Its CSS class, which sets the color.
    pub(super) class: String,
    /// SVG path data.
    pub(super) path: String,
}

impl Scale {
    /// Creates the scale for a run of `wall_s` seconds.
    pub(super) fn new(timeline: &Timeline, wall_s: f64) -> Self {
        let bins = ((wall_s * 1e6 / timeline.bin_us() as f64).ceil() as usize).max(1);
        let columns = (COLUMNS / timeline.rows().count().max(1)).clamp(100, 1000);
        let bins_each = bins.div_ceil(columns);
        Self { bins_each, bin_us: timeline.bin_us(), columns: bins.div_ceil(bins_each) }
    }

    /// Length of the time axis, in seconds.
    pub(super) fn length_s(&self) -> f64 {
        self.columns as f64 * self.column_us() / 1e6
    }

    /// The position of a time, in percent from the left.
    pub(super) fn left(&self, at_s: f64) -> String {
        format!("{:.2}", (100.0 * at_s / self.length_s()).clamp(0.0, 100.0))
    }

    /// The ticks of the time axis.
    pub(super) fn marks(&self) -> Vec<Mark> {
        let enough = |step: &f64| self.length_s() / step <= MARKS;
        let step_s = STEPS_S.into_iter().find(enough).unwrap_or_else(|| (self.length_s() / MARKS).ceil());
        let marks = (self.length_s() / step_s) as usize;
        let mark = |i| i as f64 * step_s;
        (0..=marks).map(|i| Mark { left: self.left(mark(i)), text: format::axis_time(mark(i), step_s) }).collect()
    }

    /// The areas of a row, in stacking order.
    pub(super) fn areas(&self, row: &Row) -> Vec<Area> {
        let columns: Vec<_> = row.bins.chunks(self.bins_each).map(|bins| self.levels(bins, row.threads)).collect();
        let kinds = kinds().into_iter().enumerate();
        let areas = kinds.map(|(index, kind)| Area { class: kind.class, path: path(&columns, index) });
        areas.filter(|area| !area.path.is_empty()).collect()
    }

    /// The upper edge of each kind of work in a column.
    fn levels(&self, bins: &[Vec<f32>], threads: u32) -> Vec<u32> {
        let whole_us = self.column_us() * f64::from(threads.max(1));
        let mut below_us = 0.0;
        let level = |us: f32| {
            below_us += f64::from(us);
            ((below_us / whole_us * f64::from(HEIGHT)).round() as u32).min(HEIGHT)
        };
        sum(bins).into_iter().map(level).collect()
    }

    fn column_us(&self) -> f64 {
        (self.bins_each as u64 * self.bin_us) as f64
    }
}

/// Merges equal neighboring columns into one rectangle.
fn path(columns: &[Vec<u32>], kind: usize) -> String {
    let edges = |levels: &Vec<u32>| (if kind == 0 { 0 } else { levels[kind - 1] }, levels[kind]);
    let mut path = String::new();
    let mut at = 0;
    for run in columns.chunk_by(|a, b| edges(a) == edges(b)) {
        let (low, high) = edges(&run[0]);
        if high > low {
            let (width, height) = (run.len(), high - low);
            // Writing to a string cannot fail.
            let _ = write!(path, "M{at} {}h{width}v{height}h-{width}z", HEIGHT - high);
        }
        at += run.len();
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::report::timeline::color_class;
    use crate::watch::samples::{ALIGN, DECODE, TRANSCRIBE, span, worker};
    use scheduler::protocol::Lane;

    #[test]
    fn areas_of_a_busy_lane_are_full_and_equal_columns_are_one_rectangle() {
        let mut timeline = Timeline::new(0);
        for (start, end) in [(0, 400_000), (400_000, 500_000)] {
            timeline.add(&worker(0), &span(Lane::Device, 0, TRANSCRIBE, 1, 8, start..end), 1_000_000);
        }
        let scale = Scale::new(&timeline, 1.0);
        let (_, _, row) = timeline.rows().next().unwrap();
        assert_eq!(scale.areas(row), [Area { class: color_class(TRANSCRIBE), path: "M0 0h500v100h-500z".to_owned() }]);
    }

    #[test]
    fn areas_of_stages_in_one_column_are_stacked() {
        let mut timeline = Timeline::new(0);
        timeline.add(&worker(0), &span(Lane::Cpu, 0, DECODE, 1, 0, 0..500), 1_000);
        timeline.add(&worker(0), &span(Lane::Cpu, 1, ALIGN, 1, 0, 0..1_000), 1_000);
        let (_, _, row) = timeline.rows().next().unwrap();
        let areas = Scale::new(&timeline, 0.001).areas(row);
        assert_eq!(areas[0], Area { class: color_class(DECODE), path: "M0 75h1v25h-1z".to_owned() });
        assert_eq!(areas[1], Area { class: color_class(ALIGN), path: "M0 25h1v50h-1z".to_owned() });
    }

    #[test]
    fn axis_has_few_round_marks_at_any_length() {
        for wall_s in [0.001, 0.3, 7.0, 61.0, 3_000.0, 93_600.0, 9e6] {
            let mut timeline = Timeline::new(0);
            let us = (wall_s * 1e6) as u64;
            timeline.add(&worker(0), &span(Lane::Cpu, 0, DECODE, 1, 0, 0..us), us);
            let marks = Scale::new(&timeline, wall_s).marks();
            assert!((1..=10).contains(&marks.len()), "{wall_s}: {marks:?}");
            assert_eq!(marks[0].left, "0.00");
        }
    }
}
