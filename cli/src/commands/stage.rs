//! `stage`: runs one stage and prints its artifact.

use std::path::PathBuf;

use scheduler::coordinator::{Event, ItemEnd, Recompute};
use scheduler::store::{Lookup, RecordingEntry, Store};
use serde_json::{Value, json};
use stage_core::{StageName, path_bytes, path_text, printable, shown};

use super::started::{Started, Task, announce};
use crate::args::StageArgs;
use crate::defects::Defects;
use crate::error::{Error, ErrorContext};
use crate::exit::Exit;
use crate::pipeline::Observer;
use crate::terminal;

pub(crate) fn stage(args: &StageArgs) -> Result<Exit, Error> {
    let recompute = if args.force { Recompute::Only(args.stage) } else { Recompute::Nothing };
    let (inputs, folder) = (args.inputs.as_slice(), args.out.as_path());
    let task =
        Task { inputs, folder, last: Some(args.stage), recompute, formats: None, overwrite: false, run_files: vec![] };
    let mut started = Started::plan(&args.engine, &task)?;
    announce(started.file.as_deref());
    let recordings = started.run.recordings().to_vec();
    for skipped in started.run.skipped() {
        eprintln!("skipped: {skipped}");
    }
    let mut failures = PrintFailures(recordings.iter().map(|recording| recording.path.clone()).collect());
    let (summary, exit) = started.run(&mut failures)?;
    for failure in &summary.unreadable {
        eprintln!("{}: {}", shown(&failure.path), printable(&failure.error.to_string()));
    }
    for (recording, end) in recordings.iter().zip(&summary.outcome.items) {
        if matches!(end, ItemEnd::Done) {
            let artifact = artifact(started.run.store(), recording, args.stage)?;
            println!("{}", terminal::json(&artifact).context("the artifact cannot be printed")?);
        }
    }
    for line in summary.defects.iter().flat_map(Defects::lines) {
        eprintln!("{line}");
    }
    Ok(exit)
}

/// Prints failures as they happen. Holds the paths of the recordings.
struct PrintFailures(Vec<PathBuf>);

impl Observer for PrintFailures {
    fn event(&mut self, event: &Event) {
        if let Event::ItemFailed { index, error } = event {
            eprintln!("{}: {}", shown(&self.0[*index]), printable(&error.to_string()));
        }
    }
}

/// One JSON object per line: recording, stage, fingerprint and artifact.
fn artifact(store: &dyn Store, item: &RecordingEntry, stage: StageName) -> Result<Value, Error> {
    let fingerprint =
        item.fingerprint(stage.artifact()).ok_or_else(|| Error::unexpected("the stage is not in the recipe"))?;
    let Lookup::Sound(stored) = store.artifact(&fingerprint).map_err(Error::store)? else {
        return Err(Error::unexpected(format!("{}: the artifact of {stage} is missing", shown(&item.path))));
    };
    let body: Value = serde_json::from_str(&stored.artifact.body).context("the artifact cannot be read")?;
    let mut line = json!({"path": path_text(&item.path), "stage": stage, "fingerprint": fingerprint, "artifact": body});
    if let Some(bytes) = path_bytes(&item.path) {
        line["path_bytes"] = bytes.into();
    }
    Ok(line)
}
