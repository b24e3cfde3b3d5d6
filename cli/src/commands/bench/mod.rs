//! `bench`: measures one stage alone, on the user's recordings and machine, for each combination of settings.
//!
//! ```text
//! lists -> combinations -> one process: artifacts of the earlier stages
//!                       -> per combination, a process per device: warm-up, timed runs -> table or JSON
//! ```
//!
//! It needs no store and keeps no results.

mod combination;
mod device_run;
mod measurement;
mod message;
mod process;
mod report;
mod stage_run;
mod worker;

use std::path::PathBuf;

use scheduler::store::Failure;
use stage_core::{printable, printable_json, shown};
use transcribe::Precision;

use self::combination::Combination;
use self::measurement::{FailedRecording, Measurement};
use self::message::{Input, Task};
use self::process::Process;
use self::report::{Outcome, Report};
pub(crate) use self::worker::worker;
use crate::args::BenchStageArgs;
use crate::commands::started::announce;
use crate::config::Loaded;
use crate::error::Error;
use crate::exit::Exit;
use crate::inputs;
use crate::settings::Settings;

pub(crate) fn bench(args: &BenchStageArgs) -> Result<Exit, Error> {
    let Loaded { config, file } = args.stages.load().map_err(Error::usage)?;
    announce(file.as_deref());
    let base = Settings::new(&config, Precision::default()).map_err(Error::usage)?;
    let inputs = inputs::find(&args.inputs).map_err(Error::usage)?;
    let (checked, first, about) = check(Combination::all(args, &base.model)?, args, &base)?;
    for skipped in &inputs.skipped {
        eprintln!("skipped: {skipped}");
    }
    for Failure { path, error } in &inputs.unreadable {
        eprintln!("{}: {}", shown(path), printable(&error.to_string()));
    }
    let (prepared, failed) = prepare(args, &base, &first, inputs.files)?;
    let mut report =
        Report { about, repeats: args.repeat.get(), prepared: summary(&prepared), failed, outcomes: Vec::new() };
    if !prepared.is_empty() {
        let count = checked.len();
        for (number, (combination, possible)) in (1..).zip(checked) {
            let outcome = match possible {
                Err(reason) => Outcome::NotPossible(reason),
                Ok(()) => {
                    eprintln!("{number} of {count}: {}", report::label(&combination, args.stage));
                    measure(&combination, args, &base, &prepared)
                }
            };
            report.add(combination, outcome);
        }
    }
    if args.json {
        println!("{}", printable_json(&format!("{:#}", report.json())));
    } else {
        print!("{}", report.text());
    }
    Ok(report.exit())
}

/// A combination, with the reason if this build or the device cannot compute it.
type Checked = (Combination, Result<(), String>);

/// Checks every combination before anything runs. Returns the first combination that can be measured, and the measured
/// stage.
fn check(
    combinations: Vec<Combination>,
    args: &BenchStageArgs,
    base: &Settings,
) -> Result<(Vec<Checked>, Combination, report::About), Error> {
    let (mut checked, mut first, mut reasons) = (Vec::new(), None, Vec::new());
    for combination in combinations {
        match combination.about(base, args.stage) {
            Ok(about) => {
                first.get_or_insert((combination.clone(), about));
                checked.push((combination, Ok(())));
            }
            Err(error) => {
                checked.push((combination, Err(stage_core::full_message(&error))));
                reasons.push(error);
            }
        }
    }
    match (first, reasons.into_iter().next()) {
        (Some((first, about)), _) => Ok((checked, first, about)),
        (None, Some(error)) => Err(Error::usage(error)),
        (None, None) => Err(Error::unexpected("no combination to measure")),
    }
}

/// Runs the earlier stages. Recordings that fail are reported and left out; the others are sorted by length, longest
/// first.
fn prepare(
    args: &BenchStageArgs,
    base: &Settings,
    combination: &Combination,
    files: Vec<PathBuf>,
) -> Result<(Vec<Input>, Vec<FailedRecording>), Error> {
    eprintln!("preparing: {} recordings", files.len());
    let task = Task {
        stage: args.stage,
        settings: combination.settings(base),
        device: combination.devices[0].clone(),
        threads: measure::Machine::here().threads,
        device_batch_size: combination.device_batch_size,
        recordings: files.iter().cloned().map(Input::new).collect(),
    };
    let inputs = Process::prepare(task).map_err(Error::unexpected)?;
    let (mut prepared, mut failed) = (Vec::new(), Vec::new());
    for (path, input) in files.into_iter().zip(inputs) {
        match input {
            Ok(input) => prepared.push(input),
            Err(error) => failed.push((path, error)),
        }
    }
    tell_failures(args, &failed);
    prepared.sort_by(|a, b| b.audio_s.total_cmp(&a.audio_s));
    Ok((prepared, failed))
}

fn measure(combination: &Combination, args: &BenchStageArgs, base: &Settings, prepared: &[Input]) -> Outcome {
    match Measurement::take(combination, (args.stage, base, args.repeat.get()), prepared) {
        Ok(measurement) => {
            tell_failures(args, &measurement.failed);
            Outcome::Measured(Box::new(measurement))
        }
        Err(error) => Outcome::Failed(error.to_string()),
    }
}

/// Prints failed recordings to standard error if standard output is JSON. Otherwise the table lists them.
fn tell_failures(args: &BenchStageArgs, failed: &[FailedRecording]) {
    for (path, error) in failed.iter().filter(|_| args.json) {
        eprintln!("{}: {}", shown(path), printable(&error.to_string()));
    }
}

/// Number of recordings, and their length in seconds.
fn summary(prepared: &[Input]) -> (usize, f64) {
    (prepared.len(), prepared.iter().map(|input| input.audio_s).sum())
}
