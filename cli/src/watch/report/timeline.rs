//! Busy time of each lane over time, by stage, in constant memory.

use std::collections::BTreeMap;

use scheduler::coordinator::WorkerId;
use scheduler::protocol::{Lane, TaskSpan};
use stage_core::{StageName, StageSpec};

use crate::stages;
use crate::watch::workers::is_load;

/// Maximum number of bins per row; beyond it, pairs of bins are merged.
const BINS: u64 = 2048;
/// Initial length of a bin, in microseconds.
const FIRST_BIN_US: u64 = 1000;
/// Number of stage colors. With more stages, colors are reused from the first one.
const COLORS: usize = 8;

/// What a lane can be busy with: a stage, or loading models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kind {
    /// CSS class, which sets the color.
    pub(super) class: String,
    pub(super) name: &'static str,
}

/// The stages in order, then loading of models.
pub(super) fn kinds() -> Vec<Kind> {
    let stage = |spec: StageSpec| Kind { class: color_class(spec.name), name: spec.name.as_str() };
    let load = Kind { class: "load".to_owned(), name: "model loading" };
    stages::specs().map(stage).chain([load]).collect()
}

/// CSS class for the color of a stage.
pub(super) fn color_class(stage: StageName) -> String {
    format!("stage-{}", kind_of(stage) % COLORS)
}

/// Index of a stage among the kinds. A stage that this program does not have gets an index after all kinds and is not
/// drawn.
fn kind_of(stage: StageName) -> usize {
    stages::specs().position(|spec| spec.name == stage).unwrap_or(load() + 1)
}

/// Index of model loading among the kinds.
fn load() -> usize {
    stages::specs().count()
}

/// Busy time in bins of equal length, one row per lane.
#[derive(Debug)]
pub(super) struct Timeline {
    began_us: u64,
    bin_us: u64,
    rows: BTreeMap<(WorkerId, LaneOrder), Row>,
}

/// Sorts the device lane before the CPU lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum LaneOrder {
    Device,
    Cpu,
}

/// One lane of a worker.
#[derive(Debug, Default)]
pub(super) struct Row {
    /// Number of threads that reported work.
    pub(super) threads: u32,
    /// Microseconds of all threads per bin, by kind of work.
    pub(super) bins: Vec<Vec<f32>>,
}

impl Timeline {
    /// An empty timeline. `began_us` is the start of the run, in microseconds since 1970.
    pub(super) const fn new(began_us: u64) -> Self {
        Self { began_us, bin_us: FIRST_BIN_US, rows: BTreeMap::new() }
    }

    /// Length of a bin in microseconds.
    pub(super) const fn bin_us(&self) -> u64 {
        self.bin_us
    }

    /// The lanes, worker by worker.
    pub(super) fn rows(&self) -> impl Iterator<Item = (&WorkerId, LaneOrder, &Row)> {
        self.rows.iter().map(|((worker, lane), row)| (worker, *lane, row))
    }

    /// Adds a span of a thread. Time before the start of the run, or later than `now_us` microseconds after it, is left
    /// out, so that a change of the system clock does not distort the timeline.
    pub(super) fn add(&mut self, worker: &WorkerId, span: &TaskSpan, now_us: u64) {
        let start_us = span.start_us.saturating_sub(self.began_us);
        let end_us = span.end_us.saturating_sub(self.began_us).min(now_us);
        while end_us.div_ceil(self.bin_us) > BINS {
            self.halve();
        }
        let lane = match span.lane {
            Lane::Device => LaneOrder::Device,
            Lane::Cpu => LaneOrder::Cpu,
        };
        let row = self.rows.entry((worker.clone(), lane)).or_default();
        row.threads = row.threads.max(span.thread + 1);
        row.add(if is_load(span) { load() } else { kind_of(span.stage) }, start_us, end_us, self.bin_us);
    }

    fn halve(&mut self) {
        self.bin_us *= 2;
        for row in self.rows.values_mut() {
            row.bins = row.bins.chunks(2).map(sum).collect();
        }
    }
}

impl Row {
    fn add(&mut self, kind: usize, start_us: u64, end_us: u64, bin_us: u64) {
        let kinds = load() + 1;
        let mut at_us = start_us;
        while at_us < end_us {
            let bin = at_us / bin_us;
            let until_us = ((bin + 1) * bin_us).min(end_us);
            let bin = bin as usize;
            if self.bins.len() <= bin {
                self.bins.resize(bin + 1, vec![0.0; kinds]);
            }
            if let Some(busy_us) = self.bins[bin].get_mut(kind) {
                *busy_us += (until_us - at_us) as f32;
            }
            at_us = until_us;
        }
    }
}

/// Adds up bins.
pub(super) fn sum(bins: &[Vec<f32>]) -> Vec<f32> {
    (0..=load()).map(|kind| bins.iter().map(|bin| bin[kind]).sum()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::watch::samples::{TRANSCRIBE, span, worker};

    proptest! {
        #[test]
        fn timeline_keeps_all_busy_time_in_a_limited_number_of_bins(
            spans in prop::collection::vec((0_u64..100_000_000_000, 0_u64..1_000_000_000, 0_usize..5), 1..50),
        ) {
            let mut timeline = Timeline::new(1_000);
            let mut expected_us = vec![0_u64; load() + 1];
            for (start, length, stage) in spans {
                let us = 1_000 + start..1_000 + start + length;
                timeline.add(&worker(0), &span(Lane::Cpu, 0, stages::specs().nth(stage).unwrap().name, 1, 0, us), u64::MAX);
                expected_us[stage] += length;
            }
            let (_, _, row) = timeline.rows().next().unwrap();
            prop_assert!(row.bins.len() <= BINS as usize);
            let found_us = sum(&row.bins);
            for (found, expected) in found_us.iter().zip(expected_us) {
                prop_assert!((f64::from(*found) - expected as f64).abs() <= 1e-4 * expected as f64 + 1.0);
            }
        }
    }

    #[test]
    fn timeline_ignores_a_clock_that_is_set_forward() {
        let mut timeline = Timeline::new(0);
        timeline.add(&worker(0), &span(Lane::Device, 0, TRANSCRIBE, 1, 1, 500..u64::MAX), 1_500);
        assert_eq!(timeline.bin_us(), FIRST_BIN_US);
        assert_eq!(sum(&timeline.rows().next().unwrap().2.bins)[kind_of(TRANSCRIBE)], 1_000.0);
    }

    #[test]
    fn timeline_shows_model_loading_as_its_own_kind() {
        let mut timeline = Timeline::new(0);
        timeline.add(&worker(0), &span(Lane::Device, 0, TRANSCRIBE, 0, 0, 0..700), 1_000);
        let (_, lane, row) = timeline.rows().next().unwrap();
        assert_eq!((lane, row.bins[0][load()], row.bins[0][kind_of(TRANSCRIBE)]), (LaneOrder::Device, 700.0, 0.0));
    }
}
