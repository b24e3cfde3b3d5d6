//! Earwitness turns folders of recorded calls into timed, checkable evidence.
//!
//! ```text
//! args -> settings, inputs -> plan (hashes, keys) -> scheduler::coordinator -> export -> table
//!                                   worker: pipeline <- stages <- settings
//! ```

mod args;
mod commands;
mod config;
mod error;
#[cfg(test)]
mod error_page;
mod exit;
pub mod export;
mod file_name;
mod forecast;
mod inputs;
mod open_store;
mod pipeline;
mod plan;
mod precision;
mod process;
mod results;
mod settings;
mod signals;
mod stages;
mod table;
mod watch;
mod worker;

pub use self::error::{Error, ErrorKind};
use std::process::ExitCode;

use clap::Parser;

pub use {align, decode, forensics, models, scheduler, segment, stage_core, transcribe};

pub use self::config::{
    Config, ConfigError, Limits, ModelsConfig, PrecisionChoice, PriorityRule, RunConfig, config_template,
};
pub use self::pipeline::{Observer, Pipeline, PlannedRun, Summary};
pub use self::results::Results;
pub use self::worker::serve_if_worker;

/// Runs the command line of this process, or serves as its worker, and returns the exit code: the whole of `main`.
#[must_use]
pub fn command_line() -> ExitCode {
    serve_if_worker().unwrap_or_else(|| {
        let cli = args::Cli::parse();
        process::code(|| commands::dispatch(&cli.command))
    })
}
