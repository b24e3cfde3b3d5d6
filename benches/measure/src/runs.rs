//! The timing loop, and percentiles.

use std::convert::Infallible;
use std::time::Instant;

/// One or more timed runs of the same work.
///
/// ```
/// let timed = measure::runs(0, 3, || "text".to_owned()).map(|text| text.len());
/// assert_eq!(*timed.best(), 4);
/// assert!(timed.times_real_time(60.0) > 1.0, "60 s of audio in less than a minute");
/// ```
#[derive(Debug, Clone)]
pub struct Runs<T> {
    seconds: Vec<f64>,
    /// The result of the fastest run.
    best: T,
}

/// Runs `work` `warm_ups` times, untimed, then `count` times (at least once), timed.
///
/// # Errors
/// The first error of `work`, which ends the measurement.
pub fn try_runs<T, E>(warm_ups: usize, count: usize, mut work: impl FnMut() -> Result<T, E>) -> Result<Runs<T>, E> {
    for _ in 0..warm_ups {
        work()?;
    }
    let mut timed = || {
        let start = Instant::now();
        let output = work()?;
        Ok((start.elapsed().as_secs_f64(), output))
    };
    let (mut best_s, mut best) = timed()?;
    let mut seconds = vec![best_s];
    for _ in 1..count {
        let (run_s, output) = timed()?;
        seconds.push(run_s);
        if run_s < best_s {
            (best_s, best) = (run_s, output);
        }
    }
    Ok(Runs { seconds, best })
}

/// [`try_runs`] for work that cannot fail.
pub fn runs<T>(warm_ups: usize, count: usize, mut work: impl FnMut() -> T) -> Runs<T> {
    match try_runs(warm_ups, count, || Ok::<_, Infallible>(work())) {
        Ok(runs) => runs,
        Err(never) => match never {},
    }
}

impl<T> Runs<T> {
    /// Seconds of each timed run, in order.
    #[must_use]
    pub fn seconds(&self) -> &[f64] {
        &self.seconds
    }

    /// Seconds of the fastest run.
    #[must_use]
    pub fn best_s(&self) -> f64 {
        self.seconds.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// The result of the fastest run.
    #[must_use]
    pub const fn best(&self) -> &T {
        &self.best
    }

    /// Converts the result of the fastest run and keeps the times.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Runs<U> {
        Runs { seconds: self.seconds, best: make(self.best) }
    }

    /// The difference between the slowest and the fastest run, in percent of the fastest.
    #[must_use]
    pub fn spread_percent(&self) -> f64 {
        let slowest_s = self.seconds.iter().copied().fold(0.0, f64::max);
        100.0 * (slowest_s / self.best_s() - 1.0)
    }

    /// The speed of the fastest run in times real time, for `audio_s` seconds of audio.
    #[must_use]
    pub fn times_real_time(&self, audio_s: f64) -> f64 {
        audio_s / self.best_s()
    }
}

/// The percentile (0 to 100) of the values, interpolated between the two nearest as in NumPy's default. `None` if the
/// slice is empty.
///
/// ```
/// assert_eq!(measure::percentile(&[4.0, 1.0, 3.0, 2.0], 50.0), Some(2.5));
/// assert_eq!(measure::percentile(&[], 50.0), None);
/// ```
#[must_use]
pub fn percentile(values: &[f64], percent: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = percent.clamp(0.0, 100.0) / 100.0 * sorted.len().checked_sub(1)? as f64;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    Some(below + (above - below) * place.fract())
}

/// The median of the values. `None` if the slice is empty.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    percentile(values, 50.0)
}

#[cfg(test)]
mod tests {
    use std::thread::sleep;
    use std::time::Duration;

    use super::*;

    #[test]
    fn runs_keep_the_fastest_after_the_warm_ups() {
        let mut waits_ms = [500, 300, 20, 400].into_iter();
        let runs = runs(1, 3, || {
            let wait_ms = waits_ms.next().expect("a warm-up and three runs");
            sleep(Duration::from_millis(wait_ms));
            wait_ms
        });
        assert_eq!((runs.seconds().len(), *runs.best()), (3, 20));
        assert!((0.02..0.3).contains(&runs.best_s()), "{}", runs.best_s());
        assert!(runs.spread_percent() > 50.0, "{}", runs.spread_percent());
        assert!((runs.times_real_time(60.0) - 60.0 / runs.best_s()).abs() < 1e-9);
    }

    #[test]
    fn runs_are_at_least_one_and_end_with_the_first_error() {
        assert_eq!(runs(0, 0, || ()).seconds().len(), 1);
        let mut calls = 0;
        let failed = try_runs(1, 5, || {
            calls += 1;
            if calls == 3 { Err("broken") } else { Ok(()) }
        });
        assert_eq!((failed.unwrap_err(), calls), ("broken", 3));
    }

    #[test]
    fn percentiles_are_those_of_numpy() {
        let values = [4.0, 1.0, 3.0, 2.0];
        assert_eq!(median(&values), Some(2.5));
        assert_eq!(percentile(&values, 0.0), Some(1.0));
        assert_eq!(percentile(&values, 100.0), Some(4.0));
        assert!((percentile(&values, 95.0).unwrap_or_default() - 3.85).abs() < 1e-12);
        assert_eq!(median(&[7.0]), Some(7.0));
        assert_eq!(median(&[]), None);
    }
}
