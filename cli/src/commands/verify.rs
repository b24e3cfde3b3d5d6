//! `verify`: checks all hashes again, from the recording's bytes to the exported files.

use std::collections::{HashMap, HashSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use scheduler::store::{self, Access, Lookup, MadeFrom, OutputFile, RecordingEntry, Store, StoreFault};
use stage_core::{Fingerprint, printable, sha256_file, shown};

use crate::args::FolderArgs;
use crate::error::{Error, ErrorContext};
use crate::exit::Exit;
use crate::export::{ExportFormat, Formats, is_result};
use crate::open_store;
use crate::outputs::{Record, start_of};

/// Number of comparisons with hashes, and the failed ones.
#[derive(Default)]
struct Report {
    recordings: usize,
    artifacts: usize,
    files: usize,
    /// Recordings whose artifacts are incomplete (a stage failed, or the run stopped before it). Not a failed check,
    /// but reported.
    incomplete: Vec<String>,
    /// Files that are named like results and were not written by this store. Not a failed check, but reported.
    unrecorded: Vec<String>,
    faults: Vec<String>,
}

/// The sound artifacts of each recording.
type Current = HashMap<PathBuf, Vec<MadeFrom>>;

pub(crate) fn verify(args: &FolderArgs) -> Result<Exit, Error> {
    let url = open_store::url(args.store.as_deref(), &args.folder)?;
    let store = store::open(&url, Access::Read).map_err(Error::store)?;
    let record = Record::read(&*store, &url, &args.folder, false).map_err(Error::store)?;
    let recordings = store.recordings().map_err(Error::store)?;
    let mut report = Report::default();
    let exported: HashSet<_> = record.files().filter_map(|file| file.recording.as_deref()).collect();
    let (mut current, mut of_recordings) = (Current::new(), HashSet::new());
    for entry in &recordings {
        let (made, fingerprints) = check_recording(&*store, entry, exported.contains(&*entry.path), &mut report)?;
        current.insert(entry.path.clone(), made);
        of_recordings.extend(fingerprints);
    }
    for file in record.files() {
        check_file(&record, file, &current, &mut report);
    }
    check_unrecorded(&record, &recordings, &mut report)?;
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

/// Checks a written file against its hash, and what it was made from against the store.
fn check_file(record: &Record, file: &OutputFile, current: &Current, report: &mut Report) {
    let name = shown(&file.path);
    let Some(path) = record.locate(&file.path) else {
        report.faults.push(format!("{name}: the store names a file outside the folder"));
        return;
    };
    report.files += 1;
    let is_absent = |error: &std::io::Error| error.kind() == ErrorKind::NotFound;
    let fault = match (sha256_file(&path), &file.sha256) {
        // A file about a run is not evidence, and a run that was killed leaves it unfinished.
        (Err(error), _) if is_absent(&error) && file.recording.is_none() => None,
        (Ok(_), None) => None,
        (Err(error), _) if is_absent(&error) => Some("missing".to_owned()),
        (Err(error), _) => Some(format!("cannot be read: {error}")),
        (Ok(found), Some(sha256)) if found == *sha256 => stale(file, current).map(str::to_owned),
        (Ok(found), _) if file.is_ours(&found) => Some("stale: the run that was to replace it was stopped".to_owned()),
        (Ok(_), _) => Some("altered after it was written".to_owned()),
    };
    report.faults.extend(fault.map(|fault| format!("{name}: {fault}")));
}

/// Why a file with the recorded hash does not show what the store has now. What versions before 6 of the store made a
/// file from is not known.
fn stale(file: &OutputFile, current: &Current) -> Option<&'static str> {
    let recording = file.recording.as_ref()?;
    match current.get(recording) {
        None => Some("stale: the store has no results of its recording"),
        Some(current) if file.made_from.iter().all(|made| current.contains(made)) => None,
        Some(_) => Some("stale: made from other artifacts than the store has now; run again, or `earwitness export`"),
    }
}

/// Looks for files in the folder that the store has no record of: results of Earwitness, and files named like results.
fn check_unrecorded(record: &Record, recordings: &[RecordingEntry], report: &mut Report) -> Result<(), Error> {
    let unreadable = || format!("{}: cannot be read", record.folder().display());
    let extensions: Vec<_> = Formats::built_in().iter().map(ExportFormat::extension).collect();
    let name =
        |entry: &RecordingEntry| extensions.iter().map(|end| format!("{}.{end}", entry.name)).collect::<Vec<_>>();
    let names: HashSet<String> = recordings.iter().flat_map(name).collect();
    if !record.folder().exists() {
        return Ok(());
    }
    for entry in record.folder().read_dir().context(unreadable())? {
        let path = entry.context(unreadable())?.path();
        if !path.is_file() || record.entry(&path).is_some() {
            continue;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if start_of(&path).is_ok_and(|start| is_result(&start)) {
            report.faults.push(format!("{name}: a result that this store has no record of"));
        } else if names.contains(&name) {
            report.unrecorded.push(format!("{name}: not written by this store"));
        }
    }
    Ok(())
}

/// Checks a recording's bytes and its artifacts against their hashes. Returns the sound artifacts, and the fingerprints
/// of all.
fn check_recording(
    store: &dyn Store,
    entry: &RecordingEntry,
    exported: bool,
    report: &mut Report,
) -> Result<(Vec<MadeFrom>, Vec<Fingerprint>), Error> {
    report.recordings += 1;
    let name = shown(&entry.path);
    check_bytes(&entry.path, &entry.file_sha256, report);
    let (mut missing, mut made, mut fingerprints) = (None, Vec::new(), Vec::new());
    for key in entry.keys() {
        let (artifact, fingerprint) = (key.artifact(), key.fingerprint());
        fingerprints.push(fingerprint);
        match store.artifact(&fingerprint).map_err(Error::store)? {
            Lookup::Sound(stored) => {
                report.artifacts += 1;
                made.push(MadeFrom { artifact, fingerprint, sha256: stored.body_sha256 });
                if let Some(before) = missing.take() {
                    report.faults.push(format!("{name}: the artifact {before} is missing, {artifact} exists"));
                }
            }
            Lookup::Altered(how) => report.faults.push(format!("{name}: the artifact {artifact}: {how}")),
            Lookup::Missing if exported => report.faults.push(format!("{name}: the artifact {artifact} is missing")),
            Lookup::Missing => missing = missing.or(Some(artifact)),
        }
    }
    if let Some(artifact) = missing {
        report.incomplete.push(format!("{name}: the first missing artifact is {artifact}"));
    }
    Ok((made, fingerprints))
}

fn check_bytes(path: &Path, sha256: &str, report: &mut Report) {
    let name = path.display();
    match sha256_file(path) {
        Ok(found) if found == sha256 => {}
        Ok(_) => report.faults.push(format!("{name}: the recording has changed since it was processed")),
        Err(error) => report.faults.push(format!("{name}: the recording cannot be read: {error}")),
    }
}

impl Report {
    fn print(&self) -> Exit {
        for line in &self.incomplete {
            println!("incomplete  {line}");
        }
        for line in &self.unrecorded {
            println!("unrecorded  {line}");
        }
        for line in &self.faults {
            println!("BROKEN      {line}");
        }
        let checked =
            format!("{} recordings, {} artifacts, {} written files", self.recordings, self.artifacts, self.files);
        if self.faults.is_empty() {
            println!("Everything is valid: {checked}.");
            Exit::Done
        } else {
            println!("{} checks failed ({checked}).", self.faults.len());
            Exit::NotVerified
        }
    }
}
