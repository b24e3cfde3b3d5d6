//! State of each worker: whether it is working, its current work, and how busy its lanes are.

use std::collections::BTreeMap;

use scheduler::coordinator::WorkerId;
use scheduler::protocol::{Lane, TaskSpan, WorkerProgress};
use scheduler::store::{Incident, IncidentKind};
use stage_core::{Phase, StageName};

/// The workers of a run.
#[derive(Debug, Default)]
pub(crate) struct Workers(BTreeMap<WorkerId, WorkerCounters>);

/// One worker. Several processes may run as this worker in succession.
#[derive(Debug, Default)]
pub(crate) struct WorkerCounters {
    pub(crate) state: State,
    /// PID of the current or last process; `None` before the first one is ready.
    pub(crate) pid: Option<u32>,
    /// When the first process was ready, in seconds after the start of the run.
    pub(crate) up_at_s: f64,
    /// Work done by this worker, in seconds of audio.
    pub(crate) audio_s: f64,
    /// The stage phase that started last.
    pub(crate) current_work: Option<CurrentWork>,
    pub(crate) device: LaneCounters,
    pub(crate) cpu: LaneCounters,
    /// The last progress message.
    pub(crate) progress: WorkerProgress,
}

/// State of a worker.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Not ready yet, or between two processes.
    #[default]
    Down,
    Up,
    /// Not admitted: too much memory in use, too warm, or not readable.
    Held,
    /// Warm; gets no new batch.
    Throttled,
    /// Too hot; stopped.
    Paused,
    /// Gets no more work in this run.
    Retired,
}

/// The start of a stage phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CurrentWork {
    /// Index of the recording in the list.
    pub(crate) index: usize,
    pub(crate) stage: StageName,
    pub(crate) phase: Phase,
}

/// Totals over the spans of one lane.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LaneCounters {
    /// Number of threads that have reported work.
    pub(crate) threads: u32,
    /// Time of all threads, in microseconds.
    pub(crate) busy_us: u64,
    /// Windows that the device finished.
    pub(crate) inputs: u64,
    /// Device time multiplied by the windows in flight, in microseconds.
    pub(crate) input_us: u64,
    /// Time with windows in flight, in microseconds, without model loading.
    with_inputs_us: u64,
}

impl Workers {
    /// All workers, ordered by device.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&WorkerId, &WorkerCounters)> {
        self.0.iter()
    }

    /// Whether any worker was ready at any time.
    pub(crate) fn any_came_up(&self) -> bool {
        self.came_up() > 0
    }

    /// Number of workers that were ready at any time.
    pub(crate) fn came_up(&self) -> usize {
        self.0.values().filter(|worker| worker.pid.is_some()).count()
    }

    /// Number of workers that can work now.
    pub(crate) fn up(&self) -> usize {
        self.0.values().filter(|worker| worker.state.is_up()).count()
    }

    pub(super) fn entry(&mut self, worker: &WorkerId) -> &mut WorkerCounters {
        self.0.entry(worker.clone()).or_default()
    }

    pub(super) fn come_up(&mut self, worker: &WorkerId, pid: u32, at_s: f64) {
        let worker = self.entry(worker);
        if worker.pid.is_none() {
            worker.up_at_s = at_s;
        }
        worker.pid = Some(pid);
        worker.state = State::Up;
        worker.current_work = None;
    }

    pub(super) fn progress(&mut self, worker: &WorkerId, progress: WorkerProgress) {
        self.entry(worker).progress = progress;
    }

    /// Updates the state. A lost worker is one process; the other incidents matched here concern all workers of a
    /// device.
    pub(super) fn incident(&mut self, incident: &Incident) {
        let Some((label, state)) = incident.worker.as_deref().zip(State::after(incident.kind)) else { return };
        for (id, worker) in &mut self.0 {
            let exactly = id.to_string() == label;
            if exactly || (incident.kind != IncidentKind::WorkerLost && id.place.to_string() == label) {
                worker.state = state;
            }
        }
    }
}

impl WorkerCounters {
    pub(super) const fn lane_mut(&mut self, lane: Lane) -> &mut LaneCounters {
        match lane {
            Lane::Cpu => &mut self.cpu,
            Lane::Device => &mut self.device,
        }
    }

    pub(crate) const fn lane(&self, lane: Lane) -> &LaneCounters {
        match lane {
            Lane::Cpu => &self.cpu,
            Lane::Device => &self.device,
        }
    }

    /// Seconds of audio per second since the worker was first ready.
    pub(crate) fn speed(&self, now_s: f64) -> f64 {
        self.audio_s / (now_s - self.up_at_s).max(1e-3)
    }
}

impl State {
    const fn after(kind: IncidentKind) -> Option<Self> {
        Some(match kind {
            IncidentKind::WorkerLost => Self::Down,
            IncidentKind::DeviceRetired => Self::Retired,
            IncidentKind::DeviceHeld | IncidentKind::DeviceLost => Self::Held,
            IncidentKind::DeviceThrottled => Self::Throttled,
            IncidentKind::DevicePaused => Self::Paused,
            IncidentKind::DeviceResumed => Self::Up,
            _ => return None,
        })
    }

    /// Whether a process is ready to compute.
    pub(crate) const fn is_up(self) -> bool {
        matches!(self, Self::Up | Self::Throttled | Self::Paused)
    }

    /// The name in text and JSON output.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Up => "up",
            Self::Held => "held",
            Self::Throttled => "throttled",
            Self::Paused => "paused",
            Self::Retired => "retired",
        }
    }
}

impl LaneCounters {
    pub(super) fn count(&mut self, span: &TaskSpan, busy_us: u64) {
        self.threads = self.threads.max(span.thread + 1);
        self.busy_us += busy_us;
        self.inputs += u64::from(span.inputs);
        self.input_us += u64::from(span.at_once) * busy_us;
        self.with_inputs_us += if span.at_once > 0 { busy_us } else { 0 };
    }

    /// Mean number of windows in flight while there were any; `None` if there were none.
    pub(crate) fn inputs_at_once(&self) -> Option<f64> {
        (self.with_inputs_us > 0).then(|| self.input_us as f64 / self.with_inputs_us as f64)
    }

    /// Share of `wall_s` seconds in which the lane's threads were busy, 0 to 1; `None` if the lane reported nothing.
    pub(crate) fn busy_share(&self, wall_s: f64) -> Option<f64> {
        let threads_s = f64::from(self.threads) * wall_s;
        (threads_s > 0.0).then(|| (self.busy_us as f64 / 1e6 / threads_s).min(1.0))
    }
}

/// Whether a span is loading of models, which belongs to no recording.
pub(crate) fn is_load(span: &TaskSpan) -> bool {
    span.lane == Lane::Device && span.items.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::samples::{DECODE, TRANSCRIBE, incident, span, worker};

    fn states(workers: &Workers) -> Vec<State> {
        workers.iter().map(|(_, worker)| worker.state).collect()
    }

    #[test]
    fn workers_of_a_paused_device_are_all_paused_and_a_lost_worker_is_one() {
        let mut workers = Workers::default();
        let second = WorkerId { index: 1, ..worker(0) };
        for id in [&worker(0), &second, &worker(1)] {
            workers.come_up(id, 1, 0.0);
        }
        workers.incident(&incident(IncidentKind::DevicePaused, Some("cpu:0"), "85 C"));
        assert_eq!(states(&workers), [State::Paused, State::Paused, State::Up]);
        workers.incident(&incident(IncidentKind::DeviceResumed, Some("cpu:0"), "70 C"));
        workers.incident(&incident(IncidentKind::WorkerLost, Some("cpu:0"), "exited"));
        assert_eq!(states(&workers), [State::Down, State::Up, State::Up]);
        assert_eq!(workers.up(), 2);
    }

    #[test]
    fn busy_share_is_of_all_threads_and_none_without_spans() {
        let mut lane = LaneCounters::default();
        assert_eq!(lane.busy_share(10.0), None);
        lane.count(&span(Lane::Cpu, 1, DECODE, 1, 0, 0..5_000_000), 5_000_000);
        assert_eq!(lane.busy_share(10.0), Some(0.25));
    }

    #[test]
    fn busy_time_of_model_loading_does_not_count_as_inputs_in_flight() {
        let mut lane = LaneCounters::default();
        lane.count(&span(Lane::Device, 0, TRANSCRIBE, 0, 0, 0..10), 10);
        lane.count(&span(Lane::Device, 0, TRANSCRIBE, 2, 6, 10..20), 10);
        assert_eq!((lane.threads, lane.busy_us, lane.inputs, lane.inputs_at_once()), (1, 20, 6, Some(6.0)));
    }
}
