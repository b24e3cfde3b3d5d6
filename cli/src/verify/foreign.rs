//! Looks for files in the folder that the store has no record of.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use scheduler::store::{Entry, Line, RecordingEntry, StoreUrl, logs_beside};
use stage_core::{is_unfinished_name, sha256_file, shown};
use walkdir::WalkDir;

use super::{Case, Check, Report};
use crate::case_file;
use crate::error::{Error, ErrorContext};
use crate::export::is_result;
use crate::outputs::start_of;
use crate::voices;

/// Number of foreign files that are noted one by one.
const NAMED: usize = 50;

pub(super) fn check(case: &Case<'_>, url: &StoreUrl, report: &mut Report) -> Result<(), Error> {
    let folder = case.record.folder();
    if !folder.exists() {
        return Ok(());
    }
    let known = known_files(case, url);
    let copies = copies(&case.lines);
    let mut others = 0;
    for entry in WalkDir::new(folder).min_depth(1).sort_by_file_name() {
        let entry = entry.map_err(Error::usage).context(format!("{}: cannot be read", folder.display()))?;
        let path = entry.path();
        if entry.file_type().is_dir() || known.contains(path) || case.record.entry(path).is_some() {
            continue;
        }
        let name = shown(path.strip_prefix(folder).unwrap_or(path));
        let is_file = entry.file_type().is_file();
        if is_file && is_unfinished_name(&entry.file_name().to_string_lossy()) {
            let why = "the unfinished file of a command that was stopped; the next `run` or `export` deletes it";
            report.note(Check::Folder, format!("{name}: {why}"));
            continue;
        }
        if is_file && !copies.is_empty() && sha256_file(path).is_ok_and(|sha256| copies.contains(&*sha256)) {
            report.note(Check::Folder, format!("{name}: a copy that the custody log states"));
            continue;
        }
        if is_file && start_of(path).is_ok_and(|start| is_result(&start)) {
            report.fault(Check::Folder, format!("{name}: a result that this store has no record of"));
            continue;
        }
        if name == voices::FILE {
            report.note(Check::Folder, format!("{name}: embeddings of voices, which `voices forget` deletes"));
            continue;
        }
        others += 1;
        if others <= NAMED {
            let what = if is_file { "" } else { "a link, a pipe or a device, " };
            report.note(Check::Folder, format!("{name}: {what}not written by this store"));
        }
    }
    if others > NAMED {
        report.note(Check::Folder, format!("{} more files were not written by this store", others - NAMED));
    }
    Ok(())
}

/// The hashes of the copies that the log states: clips, and results in other folders.
fn copies(lines: &[Line]) -> HashSet<&str> {
    let entries = lines.iter().map(|line| &line.entry);
    entries.filter_map(|entry| if let Entry::Copied { sha256, .. } = entry { Some(&**sha256) } else { None }).collect()
}

/// The recordings, and the files of the store.
fn known_files(case: &Case<'_>, url: &StoreUrl) -> HashSet<PathBuf> {
    let folder = case.record.folder();
    let places = case.recordings.iter().flat_map(RecordingEntry::places).map(Path::to_owned);
    let inside = case.recordings.iter().filter_map(|entry| Some(folder.join(entry.relative.as_deref()?)));
    places.chain(inside).chain(own_files(url, folder)).collect()
}

/// The files of the store, if it is in the folder.
fn own_files(url: &StoreUrl, folder: &Path) -> Vec<PathBuf> {
    let Some(store) = url.path() else { return Vec::new() };
    let name = store.file_name().unwrap_or_default();
    let with = |suffix: &str| {
        let mut name = name.to_owned();
        name.push(suffix);
        folder.join(name)
    };
    let logs = logs_beside(store).into_iter().filter_map(|log| Some(folder.join(log.file_name()?)));
    let files = ["", ".lock", "-wal", "-shm"].iter().map(|suffix| with(suffix));
    files.chain(logs).chain([case_file::path(folder)]).collect()
}
