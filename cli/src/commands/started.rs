//! The part that `run` and `stage` share: from arguments to a planned run, and from its summary to the exit code.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use scheduler::coordinator::{Interrupt, Recompute};
use scheduler::protocol::Fault;
use scheduler::store::StoreUrl;
use serde::Deserialize;
use stage_core::{ErrorCode, StageName, shown};

use crate::args::{BenchArgs, EngineArgs};
use crate::config::{Config, ConfigError, parse_file};
use crate::error::{Error, ErrorContext};
use crate::exit::Exit;
use crate::open_store;
use crate::outputs::RunFile;
use crate::pipeline::{Observer, Pipeline, PlannedRun, Summary, TestOptions};
use crate::signals::{self, SignalWatch};

/// States on standard error which configuration file a command uses.
pub(super) fn announce(file: Option<&Path>) {
    if let Some(file) = file {
        eprintln!("settings: {}", shown(file));
    }
}

/// Names the configuration file in the error of a setting, which may be from the file or from a flag.
pub(super) fn in_settings<T>(built: Result<T, Error>, file: Option<&Path>) -> Result<T, Error> {
    match (built, file) {
        (Err(error), Some(file))
            if matches!(error.code(), Some(ErrorCode::BadSetting | ErrorCode::UnknownLanguage)) =>
        {
            Err(error).context(format!("the settings of {} and the flags", shown(file)))
        }
        (built, _) => built,
    }
}

/// A planned run that signals can interrupt.
pub(super) struct Started {
    pub(super) run: PlannedRun,
    /// The configuration file, if there is one.
    pub(super) file: Option<PathBuf>,
    signals: SignalWatch,
}

/// What a command adds to the shared arguments.
pub(super) struct Task<'a> {
    pub(super) inputs: &'a [OsString],
    pub(super) folder: &'a Path,
    pub(super) last: Option<StageName>,
    pub(super) recompute: Recompute,
    pub(super) formats: Option<&'a [String]>,
    pub(super) overwrite: bool,
    pub(super) run_files: Vec<RunFile>,
}

impl Started {
    /// Plans the run that the arguments describe.
    pub(super) fn plan(args: &EngineArgs, task: &Task<'_>) -> Result<Self, Error> {
        let url = open_store::url(args.store.as_deref(), task.folder)?;
        Self::start(args, task, url, |pipeline| pipeline.plan(task.inputs))
    }

    /// Plans a run that joins those of a store.
    pub(super) fn join(args: &EngineArgs, task: &Task<'_>, url: &OsStr) -> Result<Self, Error> {
        if let Some(flag) = args.settings.of_results() {
            let why = "has no meaning with --join: a run that joins has the settings of the run that it joins";
            return Err(Error::usage(format!("{flag} {why}")));
        }
        let url = StoreUrl::try_from(url).context("--join").map_err(Error::usage)?;
        Self::start(args, task, url, Pipeline::join)
    }

    fn start(
        args: &EngineArgs,
        task: &Task<'_>,
        store: StoreUrl,
        plan: impl FnOnce(Pipeline) -> Result<PlannedRun, Error>,
    ) -> Result<Self, Error> {
        let interrupt = Interrupt::default();
        let signals = SignalWatch::start(interrupt.clone()).context("the signal handlers cannot be installed")?;
        let loaded = args.settings.load().map_err(Error::usage)?;
        let mut config = loaded.config;
        if let Some(formats) = task.formats {
            formats.clone_into(&mut config.run.formats);
        }
        args.settings.formats.check(&config.run.formats).map_err(Error::usage)?;
        let mut pipeline = pipeline(args, config, task, store)?.interrupt(interrupt);
        pipeline.read_files.extend(loaded.file.iter().cloned());
        let run = in_settings(plan(pipeline), loaded.file.as_deref())?;
        Ok(Self { run, file: loaded.file, signals })
    }

    /// Runs it, and returns its summary and the exit code.
    pub(super) fn run(&mut self, observer: &mut dyn Observer) -> Result<(Summary, Exit), Error> {
        let run = &mut self.run;
        let summary = self.signals.during(|| run.run(observer))?;
        let exit = match summary.failed() {
            _ if summary.outcome.interrupted => signals::exit(),
            0 if summary.losing_sound() > 0 => Exit::SoundLost,
            0 => Exit::Done,
            _ => Exit::SomeFilesFailed,
        };
        Ok((summary, exit))
    }
}

fn pipeline(args: &EngineArgs, config: Config, task: &Task<'_>, store: StoreUrl) -> Result<Pipeline, Error> {
    let mut pipeline = Pipeline::new(config, task.folder)
        .store(store)
        .recompute(task.recompute)
        .retry_quarantined(args.retry_quarantined)
        .cluster(args.cluster.cluster().map_err(Error::usage)?)
        .recordings_at(args.recordings_at.clone())
        .overwrite(task.overwrite);
    pipeline.own_model = args.settings.names_model() || pipeline.names_model();
    pipeline.run_files.clone_from(&task.run_files);
    pipeline.tests = test_options(&args.bench).map_err(Error::usage)?;
    Ok(match task.last {
        Some(last) => pipeline.upto(last),
        None => pipeline,
    })
}

fn test_options(args: &BenchArgs) -> Result<TestOptions, ConfigError> {
    #[derive(Default, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Faults {
        fault: Vec<Fault>,
    }
    let faults: Faults = args.faults.as_deref().map(parse_file).transpose()?.unwrap_or_default();
    let sim = args.sim.as_deref().map(parse_file).transpose()?.unwrap_or_default();
    Ok(TestOptions { sim, faults: faults.fault, nvml: args.nvml.clone() })
}
