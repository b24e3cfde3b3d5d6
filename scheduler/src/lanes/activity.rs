//! The activity of the lanes, reported in heartbeats and on the timeline.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use stage_core::StageName;

use crate::clock::Moment;
use crate::protocol::{LaneProgress, OverdueTask, TaskSpan, WorkerProgress};

/// Counts one kind of task.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    busy: AtomicU64,
    done: AtomicU64,
}

impl Counter {
    /// Counts a step of the running task.
    pub(crate) fn step(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
    }

    /// Runs `work` and counts it: as busy while it runs, as done afterwards.
    fn count<T>(&self, work: impl FnOnce() -> T) -> T {
        self.busy.fetch_add(1, Ordering::Relaxed);
        let result = work();
        self.step();
        self.busy.fetch_sub(1, Ordering::Relaxed);
        result
    }

    fn read(&self) -> LaneProgress {
        LaneProgress { busy: self.busy.load(Ordering::Relaxed), done: self.done.load(Ordering::Relaxed) }
    }
}

/// The counters of both lanes, and their spans since the last call to [`Activity::take_spans`].
#[derive(Debug, Default)]
pub(crate) struct Activity {
    /// Tasks of the CPU lane.
    pub(crate) cpu: Counter,
    /// Steps of the device's engine.
    pub(crate) device: Counter,
    /// Loads of models, and health probes.
    pub(crate) setup: Counter,
    spans: Mutex<Vec<TaskSpan>>,
    clocks: Mutex<Vec<Arc<TaskClock>>>,
}

/// Measures how long a task of the CPU lane works.
#[derive(Debug)]
pub(crate) struct TaskClock {
    item: u64,
    stage: StageName,
    limit: Duration,
    state: Mutex<ClockState>,
}

#[derive(Debug)]
struct ClockState {
    /// Since when the task works. `None` while it waits.
    since: Option<Instant>,
    /// How long it worked before that.
    before: Duration,
}

impl TaskClock {
    /// Starts the clock of a task that may work for `limit`.
    pub(crate) fn start(item: u64, stage: StageName, limit: Duration) -> Arc<Self> {
        let state = ClockState { since: Some(Instant::now()), before: Duration::ZERO };
        Arc::new(Self { item, stage, limit, state: Mutex::new(state) })
    }

    /// Runs `wait` with the clock stopped.
    pub(crate) fn stopped<T>(&self, wait: impl FnOnce() -> T) -> T {
        let state = || self.state.lock().unwrap_or_else(PoisonError::into_inner);
        {
            let mut state = state();
            let worked = state.since.take().map_or(Duration::ZERO, |since| since.elapsed());
            state.before += worked;
        }
        let result = wait();
        state().since = Some(Instant::now());
        result
    }

    fn overdue(&self) -> Option<OverdueTask> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let worked = state.before + state.since?.elapsed();
        let Self { item, stage, limit, .. } = *self;
        (worked > limit).then_some(OverdueTask { item, stage, limit_ms: limit.as_millis() as u64 })
    }
}

impl Activity {
    /// Runs `work`, counts it, and records the span in `describe`, whose times are filled in here. Without a span, the
    /// work is only counted.
    pub(crate) fn track<T>(&self, counter: &Counter, describe: Option<TaskSpan>, work: impl FnOnce() -> T) -> T {
        let began = Moment::now();
        let result = counter.count(work);
        if let Some(mut span) = describe {
            (span.start_us, span.end_us) = (began.us(), began.us() + began.elapsed().as_micros() as u64);
            self.note(span);
        }
        result
    }

    /// Watches a task of the CPU lane while `work` runs.
    pub(crate) fn watch<T>(&self, clock: &Arc<TaskClock>, work: impl FnOnce() -> T) -> T {
        let clocks = || self.clocks.lock().unwrap_or_else(PoisonError::into_inner);
        clocks().push(Arc::clone(clock));
        let result = work();
        clocks().retain(|other| !Arc::ptr_eq(other, clock));
        result
    }

    /// Records a span.
    pub(crate) fn note(&self, span: TaskSpan) {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner).push(span);
    }

    pub(crate) fn read(&self) -> WorkerProgress {
        let clocks = self.clocks.lock().unwrap_or_else(PoisonError::into_inner);
        let overdue = clocks.iter().find_map(|clock| clock.overdue());
        WorkerProgress { cpu: self.cpu.read(), device: self.device.read(), setup: self.setup.read(), overdue }
    }

    /// Takes the spans recorded since the last call.
    pub(crate) fn take_spans(&self) -> Vec<TaskSpan> {
        std::mem::take(&mut *self.spans.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn task_is_overdue_after_its_limit_without_the_time_that_it_waits() {
        let (activity, limit) = (Activity::default(), Duration::from_millis(40));
        let clock = TaskClock::start(7, StageName::new("segment"), limit);
        activity.watch(&clock, || {
            clock.stopped(|| {
                std::thread::sleep(2 * limit);
                assert_eq!(activity.read().overdue, None, "it waits");
            });
            assert_eq!(activity.read().overdue, None, "it has worked for a moment");
            std::thread::sleep(2 * limit);
            let overdue = OverdueTask { item: 7, stage: StageName::new("segment"), limit_ms: 40 };
            assert_eq!(activity.read().overdue, Some(overdue));
        });
        assert_eq!(activity.read().overdue, None, "it has ended");
    }
}
