//! Speed of the work and estimated time to completion.

use std::collections::VecDeque;

/// The ETA is based on the speed over this many seconds.
const WINDOW_S: f64 = 120.0;
/// Interval between two samples, in seconds.
const SAMPLE_S: f64 = 1.0;
/// Minimum duration of a measurement before there is an ETA, in seconds.
const BASIS_S: f64 = 2.0;

/// Recent speed of computed work. Cached work does not count.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    samples: VecDeque<Sample>,
    now: Sample,
}

#[derive(Debug, Clone, Copy, Default)]
struct Sample {
    at_s: f64,
    computed_s: f64,
}

impl Pace {
    /// Records that `computed_s` seconds of audio had been computed `at_s` seconds after the start; neither may
    /// decrease. The first call starts the measurement. It is made when the first worker is ready, so that model
    /// loading does not count.
    pub(crate) fn record(&mut self, at_s: f64, computed_s: f64) {
        self.now = Sample { at_s, computed_s };
        if self.samples.back().is_none_or(|last| at_s - last.at_s >= SAMPLE_S && computed_s > last.computed_s) {
            self.samples.push_back(self.now);
        }
        while self.samples.get(1).is_some_and(|next| next.at_s <= at_s - WINDOW_S && next.computed_s < computed_s) {
            self.samples.pop_front();
        }
    }

    /// Seconds of audio computed per second recently; `None` before the first estimate. Decreases while nothing is
    /// computed.
    pub(crate) fn speed(&self) -> Option<f64> {
        let first = self.samples.front()?;
        let (wall_s, audio_s) = (self.now.at_s - first.at_s, self.now.computed_s - first.computed_s);
        (wall_s >= BASIS_S && audio_s > 0.0).then(|| audio_s / wall_s)
    }

    /// Estimated seconds until `remaining_s` seconds of audio are done; `None` without an estimate.
    pub(crate) fn eta_s(&self, remaining_s: f64) -> Option<f64> {
        self.speed().map(|speed| remaining_s / speed)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn eta_needs_two_seconds_and_computed_work() {
        let mut pace = Pace::default();
        assert_eq!(pace.eta_s(100.0), None);
        pace.record(5.0, 0.0);
        pace.record(6.0, 50.0);
        assert_eq!(pace.eta_s(100.0), None, "one second is too little");
        let mut idle = Pace::default();
        idle.record(0.0, 0.0);
        idle.record(60.0, 0.0);
        assert_eq!(idle.eta_s(100.0), None, "nothing was computed");
    }

    #[test]
    fn eta_ignores_the_time_before_the_first_worker() {
        let mut pace = Pace::default();
        pace.record(100.0, 0.0);
        pace.record(110.0, 500.0);
        assert_eq!(pace.eta_s(1000.0), Some(20.0));
    }

    #[test]
    fn eta_follows_a_change_of_speed_within_the_window() {
        let mut pace = Pace::default();
        (0..=1000).for_each(|s| pace.record(f64::from(s), f64::from(s) * 100.0));
        (1001..=1300).for_each(|s| pace.record(f64::from(s), 100_000.0 + f64::from(s - 1000) * 10.0));
        let speed = pace.speed().unwrap();
        assert!((speed - 10.0).abs() < 0.5, "{speed}");
        assert!(pace.samples.len() < 130);
    }

    #[test]
    fn eta_grows_during_a_standstill_and_stays_finite() {
        let mut pace = Pace::default();
        (0..=10).for_each(|s| pace.record(f64::from(s), f64::from(s) * 10.0));
        let before_s = pace.eta_s(100.0).unwrap();
        (11..=5000).for_each(|s| pace.record(f64::from(s), 100.0));
        let after_s = pace.eta_s(100.0).unwrap();
        assert!(after_s > 100.0 * before_s && after_s.is_finite(), "{before_s} {after_s}");
    }

    proptest! {
        #[test]
        fn eta_of_a_steady_speed_is_exact(
            speed in 0.1_f64..5_000.0,
            step_s in 0.1_f64..30.0,
            steps in 40_u32..400,
        ) {
            let mut pace = Pace::default();
            (0..=steps).for_each(|i| pace.record(f64::from(i) * step_s, f64::from(i) * step_s * speed));
            let eta_s = pace.eta_s(1000.0).unwrap();
            prop_assert!((eta_s - 1000.0 / speed).abs() <= 1e-6 * eta_s);
        }
    }
}
