//! What every process of the program does first and last: logging, the check of the CPU, and the exit code.

use stage_core::printable;
use tracing_subscriber::EnvFilter;

use crate::error::Error;
use crate::exit::Exit;
use crate::terminal;

/// Default for RUST_LOG. Symphonia's messages do not help users; its errors are reported with the recording.
const LOGGED: &str = "error,symphonia=off,earwitness=warn,scheduler=warn";

/// Does the work of this process and returns how it ended. Prints the error if it fails.
pub(crate) fn run(work: impl FnOnce() -> Result<Exit, Error>) -> Exit {
    tracing_subscriber::fmt()
        .with_writer(|| terminal::Log)
        .with_ansi(false)
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LOGGED)))
        .init();
    let cpu = kernels::Isa::check_limit().map_err(Error::usage);
    let exit = cpu.and_then(|_| work()).unwrap_or_else(|error| {
        eprintln!("error: {}", printable(&error.report()));
        error.kind().exit()
    });
    match (exit, terminal::finish()) {
        (Exit::Done, Some(error)) => {
            eprintln!("error: standard output cannot be written: {error}");
            Exit::Failed
        }
        _ => exit,
    }
}
