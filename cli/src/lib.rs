//! Earwitness turns folders of recorded calls into timed, checkable evidence.
//!
//! ```text
//! args -> settings, inputs -> plan (hashes, keys) -> scheduler::coordinator -> export -> table
//!                                   worker: pipeline <- stages <- settings
//! ```

mod args;
mod commands;
mod config;
mod engine;
mod exit;
pub mod export;
mod file_name;
mod forecast;
mod inputs;
mod open_store;
mod plan;
mod precision;
mod priorities;
mod settings;
mod signals;
mod stages;
mod table;
mod watch;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

/// Default for RUST_LOG. Symphonia's messages do not help users; its errors are reported with the recording.
const LOGGED: &str = "error,symphonia=off,earwitness=warn,scheduler=warn";

/// Runs the command line of this process and returns its exit code: the whole of `main`.
#[must_use]
pub fn command_line() -> ExitCode {
    let cli = args::Cli::parse();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LOGGED)))
        .init();
    let cpu = kernels::Isa::check_limit().map_err(exit::Failure::usage);
    match cpu.and_then(|_| commands::dispatch(&cli.command)) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            eprintln!("error: {:#}", failure.error);
            failure.exit.into()
        }
    }
}
