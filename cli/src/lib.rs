//! Earwitness turns folders of recorded calls into timed, checkable evidence. This crate is the library; the program of
//! the same name is its command line.
//!
//! ```text
//! earwitness.toml, flags -> Config -> Pipeline -> PlannedRun -> Summary
//!                                                     | worker processes: stages
//!                                                     v
//!                 Results <- store, result files <- export formats
//! ```
//!
//! | type | purpose |
//! |---|---|
//! | [`Config`] | all settings of a run, as in `earwitness.toml`; [`config_template`] lists them |
//! | [`Pipeline`], [`PlannedRun`] | plans a run and runs it in worker processes; an [`Observer`] follows it |
//! | [`Summary`] | how a run ended, for each recording |
//! | [`Results`] | reads the results of a folder |
//! | [`case_file::CaseFile`] | `case.toml`: title, people and exhibits of a case |
//! | [`export::Document`] | everything that is known about a recording |
//! | [`export::ExportFormat`], [`export::Formats`] | a file format for results, and the set of them |
//! | [`signing`] | keys that sign, and time stamps of others |
//! | [`Error`] | why a run failed as a whole; recordings fail one by one, with a [`stage_core::PipelineError`] |
//!
//! The crates of the stages are available as modules, for programs that need a single one: [`decode`], [`segment`],
//! [`transcribe`], [`align`](mod@align), [`forensics`].
//!
//! # Example
//!
//! Runs the pipeline over a call that nobody answered, and reads its results:
//!
//! ```standalone_crate
//! use earwitness::{Config, Pipeline, Results};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     // The workers of the pipeline are processes of this program.
//!     earwitness::serve_if_worker();
//!     let folder = tempfile::tempdir()?;
//!     let mut config = Config::default();
//!     config.models.speech = "../fixtures/models/test-tiny".to_owned();
//!
//!     let summary = Pipeline::new(config, folder.path()).run(&["../fixtures/calls/silence.mp3"], &mut ())?;
//!     assert_eq!((summary.done(), summary.failed()), (1, 0));
//!
//!     let results = Results::open(folder.path())?;
//!     let recording = &results.recordings()?[0];
//!     let document = results.document(recording)?;
//!     assert_eq!((document.recording.channels, document.words.len()), (1, 0));
//!     Ok(())
//! }
//! ```
//!
//! Longer programs are in `cli/examples`.

// First: it redefines the macros that print.
#[macro_use]
mod terminal;
mod text_lines;

mod args;
pub mod case_file;
mod clip;
mod clock;
mod cluster;
mod commands;
mod config;
mod copies;
mod defects;
mod error;
#[cfg(test)]
mod error_page;
mod exit;
pub mod export;
mod failures;
mod file_name;
mod forecast;
mod inputs;
mod listening;
mod manifest;
mod open_store;
mod outputs;
mod pipeline;
mod places;
mod plan;
mod precision;
mod process;
mod redact;
mod results;
pub mod review;
#[cfg(feature = "serve")]
mod serving;
mod settings;
mod signals;
pub mod signing;
mod small_file;
mod stages;
mod table;
mod transcript;
mod verify;
mod voices;
mod watch;
mod worker;

pub use self::cluster::{Cluster, ClusterError, Resources};
pub use self::defects::Defects;
pub use self::error::{Error, ErrorKind};
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

use self::exit::Exit;

pub use {align, decode, diarize, forensics, models, scheduler, segment, stage_core, transcribe};

pub use self::config::{
    Config, ConfigError, Limits, ModelsConfig, PrecisionChoice, PriorityRule, RunConfig, config_template,
};
pub use self::file_name::NamePatternError;
pub use self::inputs::{SkipReason, SkippedFile};
pub use self::pipeline::{Observer, Pipeline, PlannedRun, Summary};
pub use self::places::{RecordingsAt, RecordingsAtError};
pub use self::results::Results;
pub use self::worker::serve_if_worker;

/// Runs the command line of this process, or serves as its worker, and returns the exit code: the whole of `main`.
#[must_use]
pub fn command_line() -> ExitCode {
    serve_if_worker();
    match args::Cli::try_parse() {
        Ok(cli) => process::run(|| commands::dispatch(&cli.command)).into(),
        Err(error) => refuse(&error),
    }
}

/// Prints the help, or the error of arguments, which may contain them: so it is made again with printable ones.
fn refuse(error: &clap::Error) -> ExitCode {
    let printable = std::env::args_os().map(|arg| stage_core::shown(Path::new(&arg)));
    match args::Cli::try_parse_from(printable) {
        Err(shown) if shown.kind() == error.kind() => shown.exit(),
        _ => {
            eprintln!("{}", error.render().to_string().trim_end());
            Exit::Usage.into()
        }
    }
}
