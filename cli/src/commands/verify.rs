//! `verify`: every link of the chain again, from the recording's bytes to the exported file.

use std::collections::HashSet;
use std::path::Path;

use scheduler::store::{Lookup, RecordingEntry, Store};
use stage_core::{Fingerprint, StageKey, sha256_file};

use crate::args::FolderArgs;
use crate::exit::{Exit, Failure};
use crate::open_store;

/// What was held against its hash, and what does not hold.
#[derive(Default)]
struct Report {
    recordings: usize,
    artifacts: usize,
    exports: usize,
    /// Recordings without a whole chain (failed, or stopped before their last stage): no fault, but worth a line.
    incomplete: Vec<String>,
    faults: Vec<String>,
}

pub(crate) fn verify(args: &FolderArgs) -> Result<Exit, Failure> {
    let store = open_store::to_read(args)?;
    let mut report = Report::default();
    for fault in store.integrity_faults().map_err(Failure::store)? {
        report.faults.push(format!("store: {fault}"));
    }
    let exported: HashSet<_> = check_exports(&store, &args.folder, &mut report)?;
    for entry in store.recordings().map_err(Failure::store)? {
        let complete = exported.contains(entry.path.as_path());
        check_recording(&store, &entry, complete, &mut report)?;
    }
    Ok(report.print())
}

/// Holds the exported files against their hashes; returns the recordings that have some.
fn check_exports(
    store: &dyn Store,
    folder: &Path,
    report: &mut Report,
) -> Result<HashSet<std::path::PathBuf>, Failure> {
    let exports = store.exports().map_err(Failure::store)?;
    for export in &exports {
        report.exports += 1;
        match sha256_file(&folder.join(&export.path)) {
            Ok(sha256) if sha256 == export.sha256 => {}
            Ok(_) => report.faults.push(format!("{}: altered after it was exported", export.path.display())),
            Err(error) => report.faults.push(format!("{}: cannot be read: {error}", export.path.display())),
        }
    }
    Ok(exports.into_iter().map(|export| export.recording).collect())
}

/// Holds a recording's bytes, its keys and its artifacts against their hashes.
fn check_recording(
    store: &dyn Store,
    entry: &RecordingEntry,
    exported: bool,
    report: &mut Report,
) -> Result<(), Failure> {
    report.recordings += 1;
    let name = entry.path.display();
    match sha256_file(&entry.path) {
        Ok(sha256) if sha256 == entry.file_sha256 => {}
        Ok(_) => report.faults.push(format!("{name}: the recording's bytes are not those that were examined")),
        Err(error) => report.faults.push(format!("{name}: the recording cannot be read: {error}")),
    }
    let mut missing = None;
    for (index, key) in entry.keys.iter().enumerate() {
        if !follows(&entry.keys[..index], key) || key.file_sha256 != entry.file_sha256 {
            report.faults.push(format!("{name}: the key of {} does not follow from those before it", key.stage));
        }
        match store.artifact(&key.fingerprint()).map_err(Failure::store)? {
            Lookup::Sound(_) => {
                report.artifacts += 1;
                if let Some(before) = missing.take() {
                    report
                        .faults
                        .push(format!("{name}: the artifact of {before} is gone, that of {} is here", key.stage));
                }
            }
            Lookup::Altered(how) => report.faults.push(format!("{name}: the artifact of {}: {how}", key.stage)),
            Lookup::Missing if exported => {
                report.faults.push(format!("{name}: the artifact of {} is gone", key.stage));
            }
            Lookup::Missing => missing = missing.or(Some(key.stage)),
        }
    }
    if let Some(stage) = missing {
        report.incomplete.push(format!("{name}: nothing on record from {stage} on"));
    }
    Ok(())
}

/// Whether a key's inputs are the fingerprints of the keys before it.
fn follows(before: &[StageKey], key: &StageKey) -> bool {
    let expected: Option<Vec<Fingerprint>> = key
        .stage
        .inputs()
        .iter()
        .map(|input| before.iter().find(|key| key.stage == *input).map(StageKey::fingerprint))
        .collect();
    expected.is_some_and(|expected| expected == key.inputs)
}

impl Report {
    fn print(&self) -> Exit {
        for line in &self.incomplete {
            println!("incomplete  {line}");
        }
        for line in &self.faults {
            println!("BROKEN      {line}");
        }
        let checked =
            format!("{} recordings, {} artifacts, {} exported files", self.recordings, self.artifacts, self.exports);
        if self.faults.is_empty() {
            println!("Everything holds: {checked}.");
            Exit::Done
        } else {
            println!("{} of what was checked does not hold ({checked}).", self.faults.len());
            Exit::NotVerified
        }
    }
}
