//! `status`: what is in a result folder.

use scheduler::store::{Lookup, RecordingEntry, Run, RunEnd, Store};

use crate::args::FolderArgs;
use crate::exit::{Exit, Failure};
use crate::export::utc;
use crate::{open_store, table};

/// How many runs are shown.
const RUNS: usize = 5;

pub(crate) fn status(args: &FolderArgs) -> Result<Exit, Failure> {
    let store = open_store::to_read(args)?;
    let recordings = store.recordings().map_err(Failure::store)?;
    let runs = store.runs(RUNS).map_err(Failure::store)?;
    let mut listing = table::empty(["recording", "length", "on record", "path"]);
    let mut complete = 0;
    for entry in &recordings {
        let done = stages_on_record(&store, entry)?;
        complete += usize::from(done == entry.keys.len());
        let on_record = format!("{done} of {}", entry.keys.len());
        let path = entry.path.display().to_string();
        listing.add_row([&entry.name, &table::clock(entry.audio_s), &on_record, &path]);
    }
    println!("{listing}");
    let audio_h = recordings.iter().map(|entry| entry.audio_s).sum::<f64>() / 3600.0;
    println!("{} recordings, {audio_h:.2} h, {complete} complete", recordings.len());
    for run in &runs {
        println!("{}", describe(run));
        for failure in store.failures(run.id).map_err(Failure::store)? {
            println!("  FAILED {}: {}", failure.path.display(), failure.error);
        }
    }
    Ok(Exit::Done)
}

fn stages_on_record(store: &dyn Store, entry: &RecordingEntry) -> Result<usize, Failure> {
    let mut done = 0;
    for key in &entry.keys {
        let found = store.artifact(&key.fingerprint()).map_err(Failure::store)?;
        done += usize::from(matches!(found, Lookup::Sound(_)));
    }
    Ok(done)
}

fn describe(run: &Run) -> String {
    let end = match run.ended {
        Some((_, RunEnd::Finished)) => "finished",
        Some((_, RunEnd::Interrupted)) => "interrupted",
        Some((_, RunEnd::Broken)) => "could not go on",
        None => "did not end: still running, or killed",
    };
    format!("run {} at {} (version {}): {end}: {}", run.id.0, utc(run.started_at_ms), run.tool_version, run.command)
}
