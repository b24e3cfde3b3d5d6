//! `status`: the recordings of a result folder, its last runs with their incident logs, and quarantined recordings.

use std::collections::HashSet;

use scheduler::store::{Access, Lookup, Quarantine, RecordingEntry, Run, RunEnd, Store, Writer};
use stage_core::{Fingerprint, Recording, printable, shown, sum};

use crate::args::FolderArgs;
use crate::commands::incident_log;
use crate::defects::{self, Defects};
use crate::error::Error;
use crate::exit::Exit;
use crate::export::utc;
use crate::{open_store, table};

/// Number of runs shown.
const RUNS: usize = 5;

pub(crate) fn status(args: &FolderArgs) -> Result<Exit, Error> {
    let store = open_store::open(args, Access::Read)?;
    let recordings = store.recordings().map_err(Error::store)?;
    let chains: Vec<Vec<Fingerprint>> = recordings.iter().map(RecordingEntry::fingerprints).collect();
    let decoded = recordings.iter().map(|entry| defects::decoded(&*store, entry)).collect::<Result<Vec<_>, _>>();
    let decoded = decoded.map_err(Error::store)?;
    list_recordings(&*store, &recordings, &decoded, &chains)?;
    print_defects(&recordings, decoded);
    for forgotten in store.forgotten().map_err(Error::store)? {
        println!("forgotten: {} ({}, by {})", forgotten.sha256, utc(forgotten.at_ms), printable(&forgotten.by));
    }
    let writer = store.writer().map_err(Error::store)?;
    for (index, holder) in writer.holders().iter().enumerate() {
        let gap = if index == 0 { "\n" } else { "" };
        println!("{gap}in use by {}", printable(&holder.to_string()));
    }
    for run in &store.runs(RUNS).map_err(Error::store)? {
        print_run(&*store, run, &writer)?;
    }
    let current: HashSet<_> = chains.into_iter().flatten().collect();
    print_quarantined(&store.quarantines().map_err(Error::store)?, &current);
    Ok(Exit::Done)
}

fn list_recordings(
    store: &dyn Store,
    recordings: &[RecordingEntry],
    decoded: &[Option<Recording>],
    chains: &[Vec<Fingerprint>],
) -> Result<(), Error> {
    // The header states the length of a recording that is not decoded.
    let length_s = |entry: &RecordingEntry, decoded: &Option<Recording>| {
        decoded.as_ref().map_or(entry.audio_s, |recording| recording.duration_s)
    };
    let mut listing = table::empty(["recording", "length", "stages", "path"]);
    let mut complete = 0;
    for ((entry, chain), decoded) in recordings.iter().zip(chains).zip(decoded) {
        let done = stored_stages(store, chain)?;
        complete += usize::from(done == chain.len());
        let stages = format!("{done} of {}", chain.len());
        let path = shown(&entry.path);
        listing.add_row([&*printable(&entry.name), &table::clock(length_s(entry, decoded)), &stages, &path]);
    }
    if !recordings.is_empty() {
        println!("{listing}");
    }
    let audio_h = sum(recordings.iter().zip(decoded).map(|(entry, decoded)| length_s(entry, decoded))) / 3600.0;
    println!("{} recordings, {audio_h:.2} h, {complete} complete", recordings.len());
    Ok(())
}

/// Prints what decode warns about.
fn print_defects(recordings: &[RecordingEntry], decoded: Vec<Option<Recording>>) {
    let of_recordings = recordings.iter().zip(decoded);
    let defects: Vec<_> = of_recordings.filter_map(|(entry, decoded)| Defects::of(entry, decoded?)).collect();
    if let Some(summary) = defects::summary(&defects) {
        println!("{summary}:");
    }
    for line in defects.iter().flat_map(Defects::lines) {
        println!("  {line}");
    }
}

fn stored_stages(store: &dyn Store, chain: &[Fingerprint]) -> Result<usize, Error> {
    let mut done = 0;
    for fingerprint in chain {
        let found = store.artifact(fingerprint).map_err(Error::store)?;
        done += usize::from(matches!(found, Lookup::Sound(_)));
    }
    Ok(done)
}

/// Prints how a run ended, its incident log, and the recordings that failed in it.
fn print_run(store: &dyn Store, run: &Run, writer: &Writer) -> Result<(), Error> {
    let priority = if run.priority == 0 { String::new() } else { format!(", priority {}", run.priority) };
    println!("\nrun {}: {}", run.id.0, end(run, writer));
    println!(
        "  began {} (version {}{priority}): {}",
        utc(run.started_at_ms),
        run.tool_version,
        printable(&run.command)
    );
    for line in incident_log::lines(run.started_at_ms, &store.incidents(run.id).map_err(Error::store)?) {
        println!("  {}", printable(&line));
    }
    for failure in store.failures(run.id).map_err(Error::store)? {
        println!("  FAILED {}: {}", shown(&failure.path), printable(&failure.error.to_string()));
    }
    Ok(())
}

fn end(run: &Run, writer: &Writer) -> String {
    let holder = writer.holders().iter().find(|holder| run.pid == Some(holder.pid));
    if let (None, Some(holder)) = (run.ended, holder) {
        let host = holder.host.as_deref().map(|host| format!(" on {}", printable(host))).unwrap_or_default();
        return format!("running, as process {}{host}", holder.pid);
    }
    match (run.ended, writer) {
        (Some((at_ms, end)), _) => {
            let took_s = at_ms.saturating_sub(run.started_at_ms) as f64 / 1000.0;
            let how = match end {
                RunEnd::Finished => "finished",
                RunEnd::Interrupted => "interrupted",
                RunEnd::Broken => "stopped by an error",
            };
            format!("{how} after {}", table::clock(took_s))
        }
        (None, Writer::Unnamed) => "did not end: still running, or killed".to_owned(),
        (None, _) => "was killed: run the same command again to resume".to_owned(),
    }
}

/// Prints the quarantined recordings, and how to retry them.
fn print_quarantined(quarantines: &[Quarantine], current: &HashSet<Fingerprint>) {
    let (now, before): (Vec<_>, Vec<_>) = quarantines.iter().partition(|entry| current.contains(&entry.fingerprint));
    if !now.is_empty() {
        println!("\nquarantined, because they killed workers (`earwitness run ... --retry-quarantined` retries them):");
    }
    for entry in now {
        println!("  {}: {}", shown(&entry.path), printable(&entry.error.to_string()));
    }
    if !before.is_empty() {
        println!("\nno longer quarantined, because settings or version have changed: {}", before.len());
    }
}
