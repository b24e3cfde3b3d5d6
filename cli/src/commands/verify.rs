//! `verify`: checks all hashes again, from the recording's bytes to the exported files.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use scheduler::store::{Access, Lookup, RecordingEntry, Store, StoreFault};
use stage_core::{Fingerprint, printable, sha256_file, shown};

use crate::args::FolderArgs;
use crate::error::Error;
use crate::exit::Exit;
use crate::open_store;

/// Number of comparisons with hashes, and the failed ones.
#[derive(Default)]
struct Report {
    recordings: usize,
    artifacts: usize,
    exports: usize,
    /// Recordings whose artifacts are incomplete (a stage failed, or the run stopped before it). Not a failed check,
    /// but reported.
    incomplete: Vec<String>,
    faults: Vec<String>,
}

pub(crate) fn verify(args: &FolderArgs) -> Result<Exit, Error> {
    let store = open_store::open(args, Access::Read)?;
    let mut report = Report::default();
    let exported = check_exports(&*store, &args.folder, &mut report)?;
    let mut of_recordings = HashSet::new();
    for entry in store.recordings().map_err(Error::store)? {
        let exported = exported.contains(&entry.path);
        of_recordings.extend(check_recording(&*store, &entry, exported, &mut report)?);
    }
    for fault in store.check().map_err(Error::store)?.faults {
        // A recording's artifacts are reported with the recording.
        let reported =
            matches!(&fault, StoreFault::Artifact { fingerprint, .. } if of_recordings.contains(fingerprint));
        if !reported {
            report.faults.push(format!("store: {}", printable(&fault.to_string())));
        }
    }
    Ok(report.print())
}

/// Checks the exported files against their hashes. Returns the recordings that have exported files.
fn check_exports(store: &dyn Store, folder: &Path, report: &mut Report) -> Result<HashSet<PathBuf>, Error> {
    let exports = store.exports().map_err(Error::store)?;
    for export in &exports {
        report.exports += 1;
        match sha256_file(&folder.join(&export.path)) {
            Ok(sha256) if sha256 == export.sha256 => {}
            Ok(_) => report.faults.push(format!("{}: altered after it was exported", shown(&export.path))),
            Err(error) => report.faults.push(format!("{}: cannot be read: {error}", shown(&export.path))),
        }
    }
    Ok(exports.into_iter().map(|export| export.recording).collect())
}

/// Checks a recording's bytes and its artifacts against their hashes. Returns the fingerprints of the artifacts.
fn check_recording(
    store: &dyn Store,
    entry: &RecordingEntry,
    exported: bool,
    report: &mut Report,
) -> Result<Vec<Fingerprint>, Error> {
    report.recordings += 1;
    let name = shown(&entry.path);
    match sha256_file(&entry.path) {
        Ok(sha256) if sha256 == entry.file_sha256 => {}
        Ok(_) => report.faults.push(format!("{name}: the recording has changed since it was processed")),
        Err(error) => report.faults.push(format!("{name}: the recording cannot be read: {error}")),
    }
    let (mut missing, mut fingerprints) = (None, Vec::new());
    for key in entry.keys() {
        let fingerprint = key.fingerprint();
        fingerprints.push(fingerprint);
        match store.artifact(&fingerprint).map_err(Error::store)? {
            Lookup::Sound(_) => {
                report.artifacts += 1;
                if let Some(before) = missing.take() {
                    report.faults.push(format!("{name}: the artifact {before} is missing, {} exists", key.artifact()));
                }
            }
            Lookup::Altered(how) => report.faults.push(format!("{name}: the artifact {}: {how}", key.artifact())),
            Lookup::Missing if exported => {
                report.faults.push(format!("{name}: the artifact {} is missing", key.artifact()));
            }
            Lookup::Missing => missing = missing.or(Some(key.artifact())),
        }
    }
    if let Some(artifact) = missing {
        report.incomplete.push(format!("{name}: the first missing artifact is {artifact}"));
    }
    Ok(fingerprints)
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
            println!("Everything is valid: {checked}.");
            Exit::Done
        } else {
            println!("{} checks failed ({checked}).", self.faults.len());
            Exit::NotVerified
        }
    }
}
