//! Decides whether a worker hangs, from its heartbeats. It has no clock: the caller passes the time.

use std::time::{Duration, Instant};

use crate::coordinator::options::TimeLimits;
use crate::protocol::{OverdueTask, WorkerProgress};

/// The progress in the last heartbeat of a process.
#[derive(Debug)]
pub(super) struct Pulse {
    progress: WorkerProgress,
    /// When the device last made progress or was idle.
    moved_at: Instant,
}

impl Pulse {
    /// A process that starts now.
    pub(super) fn starting(now: Instant) -> Self {
        Self { progress: WorkerProgress::default(), moved_at: now }
    }

    /// Records a heartbeat.
    pub(super) fn beat(&mut self, progress: WorkerProgress, now: Instant) {
        let idle = progress.device.busy == 0 && progress.setup.busy == 0;
        let done = |progress: &WorkerProgress| (progress.device.done, progress.setup.done);
        if idle || done(&progress) != done(&self.progress) {
            self.moved_at = now;
        }
        self.progress = progress;
    }

    /// The task of the CPU lane that takes too long.
    pub(super) const fn overdue(&self) -> Option<OverdueTask> {
        self.progress.overdue
    }

    /// The reason to kill the process, which has sent nothing for `silent`, or `None` if it does not hang.
    ///
    /// Progress is judged as of the last message: what the device did since then is unknown.
    pub(super) fn hang_reason(&self, silent: Duration, now: Instant, timing: &TimeLimits) -> Option<String> {
        let stuck = now.saturating_duration_since(self.moved_at).saturating_sub(silent);
        let after = |what: &str, limit: Duration| Some(format!("{what} for {:.1} s", limit.as_secs_f64()));
        if silent > timing.silence() {
            after("sent nothing", timing.silence())
        } else if self.progress.setup.busy > 0 && stuck > timing.device_load() {
            after("loaded its models, or ran the health probe,", timing.device_load())
        } else if self.progress.setup.busy == 0 && stuck > timing.device_stall() {
            after("made no step on its device", timing.device_stall())
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::LaneProgress;

    const LIMITS: TimeLimits = TimeLimits {
        heartbeat_ms: 5_000,
        device_stall_ms: 60_000,
        device_load_ms: 600_000,
        grace_ms: 0,
        backoff_ms: 0,
    };
    const HEARTBEAT: Duration = Duration::from_secs(5);

    /// A pulse and a clock that moves only when the test moves it.
    struct Beating(Pulse, Instant);

    impl Beating {
        fn new() -> Self {
            let now = Instant::now();
            Self(Pulse::starting(now), now)
        }

        /// Heartbeats with the same progress for this time. Returns the reason to kill the process at its end.
        fn beat_for(&mut self, seconds: u64, setup_busy: u64, device: (u64, u64)) -> Option<String> {
            let progress = WorkerProgress {
                setup: LaneProgress { busy: setup_busy, done: 0 },
                device: LaneProgress { busy: device.0, done: device.1 },
                ..WorkerProgress::default()
            };
            for _ in 0..seconds / HEARTBEAT.as_secs() {
                self.1 += HEARTBEAT;
                self.0.beat(progress, self.1);
            }
            self.0.hang_reason(Duration::ZERO, self.1, &LIMITS)
        }
    }

    #[test]
    fn pulse_of_a_busy_device_must_move_within_the_stall_limit() {
        let mut worker = Beating::new();
        assert_eq!(worker.beat_for(3_600, 0, (0, 0)), None, "an idle device does not hang");
        for done in 1..100 {
            assert_eq!(worker.beat_for(60, 0, (1, done)), None, "each step starts the limit again");
        }
        assert_eq!(worker.beat_for(60, 0, (1, 99)).as_deref(), Some("made no step on its device for 60.0 s"));
    }

    #[test]
    fn pulse_of_loading_models_has_its_own_limit() {
        let mut worker = Beating::new();
        assert_eq!(worker.beat_for(600, 1, (0, 0)), None);
        let reason = worker.beat_for(5, 1, (0, 0)).expect("it has loaded for too long");
        assert!(reason.starts_with("loaded its models") && reason.ends_with("for 600.0 s"), "{reason}");
    }

    #[test]
    fn pulse_of_a_process_that_falls_silent_is_not_called_a_stall() {
        let mut worker = Beating::new();
        worker.beat_for(55, 0, (1, 0));
        let reason = |silent| worker.0.hang_reason(silent, worker.1 + silent, &LIMITS);
        assert_eq!(reason(LIMITS.silence()), None);
        assert_eq!(reason(2 * HEARTBEAT).as_deref(), Some("sent nothing for 9.0 s"));
    }

    #[test]
    fn pulse_of_a_silent_process_stops_before_two_heartbeats() {
        let worker = Beating::new();
        let reason = |silent| worker.0.hang_reason(silent, worker.1, &LIMITS);
        assert_eq!(reason(LIMITS.silence()), None);
        assert_eq!(reason(2 * HEARTBEAT - Duration::from_millis(1)).as_deref(), Some("sent nothing for 9.0 s"));
    }
}
