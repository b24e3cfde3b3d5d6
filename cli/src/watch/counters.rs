//! The counters of a run, shared by progress, metrics and report.

use std::collections::BTreeMap;

use scheduler::coordinator::{Event, WorkerId};
use scheduler::protocol::{Lane, TaskSpan};
use scheduler::store::{IncidentKind, RecordingEntry};
use stage_core::{StageName, StageSpec};

use super::pace::Pace;
use super::work::Work;
use super::workers::{CurrentWork, Workers};
use crate::stages;

/// Counters of a run. Memory is a few numbers per recording and does not grow over time.
#[derive(Debug)]
pub(crate) struct Counters {
    pub(crate) work: Work,
    pub(crate) pace: Pace,
    pub(crate) files: Files,
    pub(crate) stages: CountersByStage,
    pub(crate) workers: Workers,
    pub(crate) incidents: BTreeMap<IncidentKind, u64>,
    /// Lane time per recording, in microseconds. Device time shared by several recordings is split evenly.
    worked_us: Vec<u64>,
    lengths_s: Vec<f64>,
}

/// Recordings by result.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Files {
    /// All recordings that were found.
    pub(crate) planned: usize,
    pub(crate) done: usize,
    pub(crate) failed: usize,
}

/// Counters of one stage.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(crate) struct StageCounters {
    /// Artifacts that this run computed.
    pub(crate) committed: u64,
    /// Cached artifacts, counted per recording.
    pub(crate) reused: u64,
    /// Window checkpoints that this run computed.
    pub(crate) checkpoints: u64,
    /// Audio of the committed artifacts, in seconds.
    pub(crate) audio_s: f64,
    /// Thread time of the CPU lanes, in microseconds.
    pub(crate) cpu_us: u64,
    /// Time of the device lanes, in microseconds, including model loading.
    pub(crate) device_us: u64,
    /// Time from the start of the first phase to the end of the last one, including waits, summed over recordings, in
    /// seconds.
    pub(crate) duration_s: f64,
}

/// The stages that have counts, in the order of the data flow.
#[derive(Debug, Default)]
pub(crate) struct CountersByStage(BTreeMap<(usize, StageName), StageCounters>);

impl CountersByStage {
    /// The counters of a stage.
    fn of(&mut self, stage: StageName) -> &mut StageCounters {
        self.0.entry((rank(stage), stage)).or_default()
    }

    /// All stages with their counters.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (StageName, &StageCounters)> {
        self.0.iter().map(|((_, stage), counters)| (*stage, counters))
    }
}

/// Position of a stage in the data flow. Stages that this program does not have come last.
fn rank(stage: StageName) -> usize {
    stages::specs().position(|spec| spec.name == stage).unwrap_or(usize::MAX)
}

impl Counters {
    /// Initial counters for a run of these stages on `items`; `unreadable` other files have already failed.
    pub(crate) fn new(stages: impl Iterator<Item = StageSpec>, items: &[RecordingEntry], unreadable: usize) -> Self {
        Self {
            work: Work::new(stages, items.iter().map(|item| item.audio_s)),
            pace: Pace::default(),
            files: Files { planned: items.len() + unreadable, done: 0, failed: unreadable },
            stages: CountersByStage::default(),
            workers: Workers::default(),
            incidents: BTreeMap::new(),
            worked_us: vec![0; items.len()],
            lengths_s: items.iter().map(|item| item.audio_s).collect(),
        }
    }

    /// Counts an event that happened `at_s` seconds after the start of the run.
    pub(crate) fn observe(&mut self, event: &Event, at_s: f64) {
        match event {
            Event::Reused { index, stage } => {
                self.stages.of(*stage).reused += 1;
                self.work.reuse(*index, *stage);
            }
            Event::WorkerUp { worker, pid } => self.workers.come_up(worker, *pid, at_s),
            Event::WorkerProgress { worker, progress } => self.workers.progress(worker, *progress),
            Event::Incident(incident) => {
                *self.incidents.entry(incident.kind).or_default() += 1;
                self.workers.incident(incident);
            }
            Event::Spans { worker, spans } => spans.iter().for_each(|(span, indices)| self.span(worker, span, indices)),
            Event::StageStarted { indices, stage, phase, worker } => {
                if let Some(&index) = indices.first() {
                    self.workers.entry(worker).current_work = Some(CurrentWork { index, stage: *stage, phase: *phase });
                }
            }
            Event::CheckpointCommitted { indices, stage, worker, audio_s } => {
                self.stages.of(*stage).checkpoints += 1;
                let added_s = indices.iter().map(|index| self.work.checkpoint(*index, *stage, *audio_s)).sum::<f64>();
                self.workers.entry(worker).audio_s += added_s;
            }
            Event::StageCommitted { indices, stage, worker, duration_s } => {
                self.committed(indices, *stage, *duration_s);
                let added_s = indices.iter().map(|index| self.work.stage(*index, *stage)).sum::<f64>();
                self.workers.entry(worker).audio_s += added_s;
            }
            Event::ItemDone { .. } => self.files.done += 1,
            Event::ItemFailed { index, .. } => self.failed(*index),
            _ => {}
        }
        if self.workers.any_came_up() {
            self.pace.record(at_s, self.work.computed_s());
        }
    }

    /// Counts a recording that failed in the pipeline or while its results were written.
    pub(crate) fn failed(&mut self, index: usize) {
        self.files.failed += 1;
        self.work.give_up(index);
    }

    /// Estimated seconds until the run is complete; `None` without an estimate.
    pub(crate) fn eta_s(&self) -> Option<f64> {
        self.pace.eta_s(self.work.remaining_s())
    }

    /// The slowest recordings, at most `most`, by lane time per second of audio, slowest first: index in the list, and
    /// that time in seconds. Recordings without work or with unknown length are left out.
    pub(crate) fn slowest(&self, most: usize) -> Vec<(usize, f64)> {
        let ratio = |index: usize| self.worked_us[index] as f64 / 1e6 / self.lengths_s[index];
        let mut places: Vec<_> =
            (0..self.worked_us.len()).filter(|&i| self.worked_us[i] > 0 && self.lengths_s[i] > 0.0).collect();
        places.sort_by(|&a, &b| ratio(b).total_cmp(&ratio(a)).then(a.cmp(&b)));
        places.truncate(most);
        places.into_iter().map(|index| (index, self.worked_us[index] as f64 / 1e6)).collect()
    }

    fn committed(&mut self, indices: &[usize], stage: StageName, duration_s: f64) {
        let audio_s = indices.first().map_or(0.0, |&index| self.lengths_s[index]);
        let counters = self.stages.of(stage);
        counters.committed += 1;
        counters.duration_s += duration_s;
        counters.audio_s += audio_s;
    }

    fn span(&mut self, worker: &WorkerId, span: &TaskSpan, indices: &[usize]) {
        let busy_us = span.end_us.saturating_sub(span.start_us);
        let stage = self.stages.of(span.stage);
        match span.lane {
            Lane::Cpu => stage.cpu_us += busy_us,
            Lane::Device => stage.device_us += busy_us,
        }
        self.workers.entry(worker).lane_mut(span.lane).count(span, busy_us);
        let of_each_us = busy_us / span.items.len().max(1) as u64;
        indices.iter().for_each(|&index| self.worked_us[index] += of_each_us);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::samples::{self, DECODE, TRANSCRIBE, incident, item, span, worker};

    #[test]
    fn device_time_for_two_recordings_counts_half_for_each() {
        let mut counters = samples::counters(&[item("a", 10.0), item("b", 100.0), item("c", 0.0)], 0);
        let call = span(Lane::Device, 0, TRANSCRIBE, 2, 8, 0..4_000_000);
        let spans = vec![(call, vec![0, 1]), (span(Lane::Cpu, 0, DECODE, 1, 0, 0..1_000_000), vec![2])];
        counters.observe(&Event::Spans { worker: worker(0), spans }, 4.0);
        assert_eq!(counters.slowest(5), [(0, 2.0), (1, 2.0)], "c has no known length");
        assert_eq!(counters.slowest(1), [(0, 2.0)]);
        assert_eq!(counters.stages.of(TRANSCRIBE).device_us, 4_000_000);
        assert_eq!(counters.stages.of(DECODE).cpu_us, 1_000_000);
    }

    #[test]
    fn recordings_that_are_equal_are_computed_once_and_done_twice() {
        let mut counters = samples::counters(&[item("a", 10.0), item("copy", 10.0)], 1);
        let (indices, worker) = (vec![0, 1], worker(0));
        counters.observe(&Event::StageCommitted { indices, stage: DECODE, worker, duration_s: 0.5 }, 1.0);
        counters.observe(&Event::ItemDone { index: 0 }, 1.0);
        let decode = *counters.stages.of(DECODE);
        assert_eq!((decode.committed, decode.audio_s, decode.duration_s), (1, 10.0, 0.5));
        assert_eq!(counters.work.computed_s(), 1.0);
        assert_eq!(counters.files, Files { planned: 3, done: 1, failed: 1 });
    }

    #[test]
    fn eta_leaves_out_cached_work() {
        let mut counters = samples::counters(&[item("old", 1000.0), item("new", 100.0)], 0);
        samples::specs().for_each(|spec| counters.observe(&Event::Reused { index: 0, stage: spec.name }, 0.0));
        counters.observe(&Event::WorkerUp { worker: worker(0), pid: 7 }, 5.0);
        assert_eq!(counters.eta_s(), None);
        let checkpoint =
            Event::CheckpointCommitted { indices: vec![1], stage: TRANSCRIBE, worker: worker(0), audio_s: 50.0 };
        counters.observe(&checkpoint, 10.0);
        assert_eq!(counters.eta_s(), Some((100.0 - 37.5) / (37.5 / 5.0)));
    }

    #[test]
    fn incidents_are_counted_by_kind() {
        let mut counters = samples::counters(&[], 0);
        for kind in [IncidentKind::Retried, IncidentKind::WorkerLost, IncidentKind::Retried] {
            counters.observe(&Event::Incident(incident(kind, Some("cpu:0"), "gone")), 1.0);
        }
        assert_eq!(counters.incidents[&IncidentKind::Retried], 2);
    }
}
