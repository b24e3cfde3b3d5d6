//! The measurement of one combination, and the choice of the best of several.

use std::path::PathBuf;

use measure::{Runs, percentile, try_runs};
use stage_core::{PipelineError, StageName};

use super::combination::Combination;
use super::message::{DeviceWork, Input, Ran, Ready, Task};
use super::process::{Process, ProcessError};
use crate::settings::Settings;

/// Number of warm-up runs.
pub(super) const WARM_UPS: usize = 1;

/// A recording that could not be measured, and its error.
pub(super) type FailedRecording = (PathBuf, PipelineError);

/// Measurements of one combination.
#[derive(Debug)]
pub(super) struct Measurement {
    /// Times of the stage on all recordings, one per run.
    pub(super) runs: Runs<()>,
    /// Recordings that did not fail, in the fastest run: path, length in seconds, seconds in the stage.
    pub(super) recordings: Vec<(PathBuf, f64, f64)>,
    pub(super) failed: Vec<FailedRecording>,
    /// Device work of the fastest run, summed over all processes.
    pub(super) device: Option<DeviceWork>,
    /// Time in which the slowest process loaded the model, in seconds.
    pub(super) load_s: Option<f64>,
    /// Memory of all processes together before the stage started, in MiB.
    pub(super) before_mib: Option<f64>,
    /// Peak memory of all processes together, in MiB.
    pub(super) peak_mib: Option<f64>,
}

impl Measurement {
    /// Measures the stage on the recordings.
    pub(super) fn take(
        combination: &Combination,
        (stage, base, repeat): (StageName, &Settings, usize),
        inputs: &[Input],
    ) -> Result<Self, ProcessError> {
        let shares = shares(inputs, combination.devices.len());
        let task = |(device, share): (_, &Vec<&Input>)| Task {
            stage,
            settings: combination.settings(base),
            device,
            threads: combination.threads_per_process(),
            device_batch_size: combination.device_batch_size,
            recordings: share.iter().copied().cloned().collect(),
        };
        let tasks = combination.devices.iter().cloned().zip(&shares).map(task);
        let mut processes = tasks.map(Process::measure).collect::<Result<Vec<_>, _>>()?;
        let ready = processes.iter_mut().map(Process::ready).collect::<Result<Vec<_>, _>>()?;
        let mut last = Vec::new();
        let runs = try_runs(WARM_UPS, repeat, || {
            processes.iter_mut().try_for_each(Process::run)?;
            let ran = processes.iter_mut().map(Process::ran).collect::<Result<Vec<_>, ProcessError>>()?;
            last.clone_from(&ran);
            Ok(ran)
        })?;
        Ok(Self::of(&shares, &ready, runs, &last))
    }

    fn of(shares: &[Vec<&Input>], ready: &[Ready], runs: Runs<Vec<Ran>>, last: &[Ran]) -> Self {
        let (mut recordings, mut failed) = (Vec::new(), Vec::new());
        let best = runs.best().iter().map(|ran| &ran.recordings);
        for (input, result) in shares.iter().zip(best).flat_map(|(share, results)| share.iter().zip(results)) {
            match result {
                Ok(seconds) => recordings.push((input.path.clone(), input.audio_s, *seconds)),
                Err(error) => failed.push((input.path.clone(), error.clone())),
            }
        }
        let devices = runs.best().iter().map(|ran| ran.device).collect::<Option<Vec<_>>>();
        let device = devices.map(|devices| DeviceWork {
            windows: devices.iter().map(|work| work.windows).sum(),
            windows_at_once: devices.iter().map(|work| work.windows_at_once).max().unwrap_or_default(),
        });
        Self {
            recordings,
            failed,
            device,
            load_s: ready.iter().filter_map(|ready| ready.load_s).reduce(f64::max),
            before_mib: ready.iter().map(|ready| ready.before_mib).sum(),
            peak_mib: last.iter().map(|ran| ran.peak_mib).sum(),
            runs: runs.map(drop),
        }
    }

    /// Total length of the recordings that did not fail, in seconds.
    pub(super) fn audio_s(&self) -> f64 {
        self.recordings.iter().map(|(_, audio_s, _)| audio_s).sum()
    }

    pub(super) fn times_real_time(&self) -> f64 {
        self.runs.times_real_time(self.audio_s())
    }

    /// A percentile of the seconds per recording; `None` if all failed.
    pub(super) fn recording_s(&self, percent: f64) -> Option<f64> {
        let seconds: Vec<f64> = self.recordings.iter().map(|(.., seconds)| *seconds).collect();
        percentile(&seconds, percent)
    }
}

/// Distributes the recordings over the processes, longest first, each to the process with the least audio.
fn shares(inputs: &[Input], processes: usize) -> Vec<Vec<&Input>> {
    let mut shares: Vec<(f64, Vec<&Input>)> = vec![(0.0, Vec::new()); processes];
    for input in inputs {
        if let Some((audio_s, share)) = shares.iter_mut().min_by(|a, b| a.0.total_cmp(&b.0)) {
            *audio_s += input.audio_s;
            share.push(input);
        }
    }
    shares.into_iter().map(|(_, share)| share).collect()
}

/// Speeds that differ by at most this percentage are considered equal.
pub(super) const MARGIN_PERCENT: f64 = 2.0;

/// The combination with the least memory among those within the margin of the fastest. Ties go to the faster one.
pub(super) fn recommended<'a>(
    measured: impl Iterator<Item = (&'a Combination, &'a Measurement)>,
) -> Option<(&'a Combination, &'a Measurement)> {
    let figures = |of: &(&Combination, &Measurement)| (of.1.times_real_time(), of.1.peak_mib);
    let measured: Vec<_> = measured.collect();
    let best = choose(&measured.iter().map(figures).collect::<Vec<_>>())?;
    measured.get(best).copied()
}

/// Index of the best (times real time, MiB). Unknown memory counts as the largest.
fn choose(figures: &[(f64, Option<f64>)]) -> Option<usize> {
    let fastest = figures.iter().map(|(times, _)| *times).max_by(f64::total_cmp)?;
    let near = |(_, (times, _)): &(usize, &(f64, Option<f64>))| *times >= fastest * (1.0 - MARGIN_PERCENT / 100.0);
    let mib = |mib: Option<f64>| mib.unwrap_or(f64::INFINITY);
    let order = |(_, a): &(usize, &(f64, Option<f64>)), (_, b): &(usize, &(f64, Option<f64>))| {
        mib(a.1).total_cmp(&mib(b.1)).then(b.0.total_cmp(&a.0))
    };
    figures.iter().enumerate().filter(near).min_by(order).map(|(place, _)| place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_even_and_lose_no_recording() {
        let input = |audio_s| Input { audio_s, ..Input::new(format!("{audio_s}").into()) };
        let inputs = [60.0, 40.0, 30.0, 5.0, 5.0].map(input);
        let lengths = |share: &Vec<&Input>| share.iter().map(|input| input.audio_s).collect::<Vec<_>>();
        let shares = shares(&inputs, 2);
        assert_eq!(shares.iter().map(lengths).collect::<Vec<_>>(), [vec![60.0, 5.0, 5.0], vec![40.0, 30.0]]);
    }

    #[test]
    fn recommendation_is_the_smallest_of_the_fastest() {
        assert_eq!(choose(&[(10.0, Some(300.0)), (9.9, Some(200.0)), (9.7, Some(100.0))]), Some(1));
        assert_eq!(choose(&[(9.9, Some(200.0)), (10.0, Some(200.0))]), Some(1));
        assert_eq!(choose(&[(10.0, None), (9.9, Some(900.0))]), Some(1));
        assert_eq!(choose(&[(10.0, None), (5.0, None)]), Some(0));
        assert_eq!(choose(&[]), None);
    }
}
