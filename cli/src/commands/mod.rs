//! The commands, one module per command.

mod bench;
mod case;
mod clip;
mod config;
mod devices;
mod evidence;
mod export;
mod forget;
mod incident_log;
mod key;
mod lexicon;
mod licenses;
mod manifest;
mod models;
mod plan;
mod resolve;
mod review;
mod run;
#[cfg(feature = "serve")]
mod serve;
mod stage;
mod started;
mod status;
mod store;
mod transcript;
mod verify;
mod voices;

pub(crate) use evidence::JudgedConversation;

use crate::args::Command;
use crate::error::{Error, ErrorContext};
use crate::exit::Exit;
use crate::signals;

/// Whether a command handles signals.
const fn ends_by_itself(command: &Command) -> bool {
    #[cfg(feature = "serve")]
    if matches!(command, Command::Serve(_)) {
        return true;
    }
    matches!(
        command,
        Command::Run(_)
            | Command::Stage(_)
            | Command::Export(_)
            | Command::Clip(_)
            | Command::Devices(_)
            | Command::BenchWorker
    )
}

/// Runs the command.
pub(crate) fn dispatch(command: &Command) -> Result<Exit, Error> {
    // Commands that run workers handle a broken pipe at the place where they write.
    if !matches!(command, Command::Run(_) | Command::Stage(_) | Command::BenchWorker) {
        signals::end_with_the_reader().context("the signal handlers cannot be installed")?;
    }
    // These commands end at a point of their choice.
    if !ends_by_itself(command) {
        signals::end_when_interrupted().context("the signal handlers cannot be installed")?;
    }
    match command {
        Command::Run(args) => run::run(args),
        Command::Plan(args) => plan::plan(args),
        Command::Stage(args) => stage::stage(args),
        Command::Bench(args) => bench::bench(args),
        Command::BenchWorker => bench::worker(),
        Command::Verify(args) => verify::verify(args),
        Command::Forget(args) => forget::forget(args),
        Command::Review(command) => review::review(command),
        Command::Voices(args) => voices::voices(args),
        Command::Key(command) => key::key(command),
        Command::Manifest(args) => manifest::manifest(args),
        Command::Timestamp(command) => manifest::timestamp(command),
        Command::Status(args) => status::status(args),
        Command::Store(command) => store::store(command),
        Command::Export(args) => export::export(args),
        #[cfg(feature = "serve")]
        Command::Serve(args) => serve::serve(args),
        Command::Clip(args) => clip::clip(args),
        Command::Transcript(args) => transcript::transcript(args),
        Command::Devices(args) => devices::devices(args),
        Command::Models(args) => models::models(args),
        Command::Evidence(args) => evidence::evidence(args),
        Command::Lexicon(command) => lexicon::lexicon(command),
        Command::Schema(args) => models::schema(args),
        Command::Case(command) => case::case(command),
        Command::Config(command) => config::config(command),
        Command::Licenses => licenses::licenses(),
    }
}
