//! `run`: runs the whole pipeline, writes the results and prints a table.

mod gathered;
mod summary;

use std::time::Instant;

use scheduler::store::command_line;
use stage_core::shown;
use transcribe::ModelSource;

use self::gathered::Gathered;
use super::manifest::print_manifest;
use super::started::{Started, Task};
use crate::args::RunArgs;
use crate::error::Error;
use crate::exit::Exit;
use crate::pipeline::Summary;
use crate::signing::PrivateKey;
use crate::watch::{Ending, Watch};

/// States the accuracy of the embedded model.
const EMBEDDED_MODEL_NOTICE: &str = "The embedded model, Whisper base, is a finding aid: on Korean calls 18 to 25 % of its \
     characters are wrong. For real work, choose a larger model: --model openai/whisper-large-v3-turbo, or a Korean \
     fine-tune.";

pub(crate) fn run(args: &RunArgs) -> Result<Exit, Error> {
    let began = Instant::now();
    let (inputs, folder, formats) = (args.inputs.as_slice(), args.out(), args.format.as_deref());
    let (recompute, overwrite, run_files) = (args.recompute(), args.overwrite, args.run_files());
    let task = Task { inputs, folder, last: None, recompute, formats, overwrite, run_files };
    let key = args.sign.as_deref().map(PrivateKey::load).transpose().map_err(Error::usage)?;
    let mut started = match &args.join {
        None => Started::plan(&args.engine, &task)?,
        Some(url) => Started::join(&args.engine, &task, url)?,
    };
    let recordings = started.run.recordings().to_vec();
    started.run.begin_files()?;
    let (unreadable, skipped) = (started.run.unreadable(), started.run.skipped());
    let watch = Watch::start(&args.watch, args.engine.progress, args.folder(), &recordings, unreadable, skipped)
        .map_err(Error::usage)?;
    if let Some(file) = &started.file {
        watch.note(&format!("settings: {}", shown(file)));
    }
    if started.run.speech_model() == Some(&ModelSource::Embedded) {
        watch.note(EMBEDDED_MODEL_NOTICE);
    }
    let mut gathered = Gathered::new(&recordings, watch, &started.run, args.engine.bench.pause_at_commits);
    let ended = started.run(&mut gathered);
    let (mut watch, rows) = gathered.finish();
    if let Ok((summary, _)) = &ended {
        watch.defects(&summary.defects);
    }
    let watched = watch.finish(&command_line(), &ending(ended.as_ref().map(|(summary, _)| summary)));
    let recorded = started.run.end_files();
    let signed = key.map(|key| started.run.write_manifest(&key)).transpose();
    let (summary, exit) = ended?;
    let head = started.run.head()?;
    summary::print(args, &started.run, &summary, rows, head.as_deref(), began.elapsed().as_secs_f64());
    recorded?;
    if let Some(written) = &signed? {
        print_manifest(written);
    }
    match watched {
        Err(error) => {
            eprintln!("error: the run is complete, but a file about it is not: {error}");
            Ok(if exit == Exit::Done { Exit::Failed } else { exit })
        }
        Ok(()) => Ok(exit),
    }
}

fn ending(ended: Result<&Summary, &Error>) -> Ending {
    match ended {
        Ok(summary) if summary.outcome.interrupted => Ending::Interrupted,
        Ok(_) => Ending::Finished,
        Err(error) => Ending::Broken(error.report()),
    }
}
