//! Finds the recordings by the hash of their bytes: at their places, or in folders that the user names.

use std::collections::{HashMap, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};

use indicatif::ProgressBar;
use rayon::prelude::*;
use scheduler::store::{Entry, Forgotten, RecordingEntry};
use stage_core::{sha256_file, shown};

use super::{Case, Check, Report, progress};
use crate::error::Error;
use crate::export::utc;
use crate::inputs;

/// Where the bytes of a recording are.
enum Found {
    /// At a place where the store has seen them.
    AtPlace,
    /// In a folder that the user named.
    Elsewhere(PathBuf),
    /// Nowhere. At the place are other bytes, or it cannot be read.
    Changed(PathBuf),
    Unreadable(PathBuf, std::io::Error),
    Missing,
}

pub(super) fn check(case: &Case<'_>, folders: &[PathBuf], report: &mut Report) -> Result<(), Error> {
    let files = if folders.is_empty() { Vec::new() } else { inputs::find(folders).map_err(Error::usage)?.files };
    let bar = progress::bar("recordings", case.recordings.len());
    let index = Index::of(files);
    let folder = case.record.folder();
    let found: Vec<_> = case.recordings.par_iter().map(|entry| find(entry, folder, &index, &bar)).collect();
    bar.finish_and_clear();
    note_forgotten(case, report)?;
    for (entry, found) in case.recordings.iter().zip(found) {
        report.counts.recordings += 1;
        let name = shown(&entry.path);
        match found {
            Found::AtPlace => {}
            Found::Elsewhere(path) => {
                report.note(Check::Recording, format!("{name}: found by its hash: {}", shown(&path)));
            }
            Found::Changed(path) => {
                let place = shown(&path);
                let message = format!(
                    "{place}: the recording has changed since it was first seen (SHA-256 {})",
                    entry.file_sha256
                );
                report.fault(Check::Recording, message);
            }
            Found::Unreadable(path, error) => {
                report.fault(Check::Recording, format!("{}: the recording cannot be read: {error}", shown(&path)));
            }
            Found::Missing => {
                let hint = if folders.is_empty() { "; --recordings DIR finds it by its hash" } else { "" };
                let message = format!("{name}: the recording is missing (SHA-256 {}){hint}", entry.file_sha256);
                report.fault(Check::Recording, message);
            }
        }
    }
    Ok(())
}

/// Notes the recordings whose content was deleted, and how many texts that named them.
fn note_forgotten(case: &Case<'_>, report: &mut Report) -> Result<(), Error> {
    let mut deletions: HashMap<&str, VecDeque<(u64, usize)>> = HashMap::new();
    for line in &case.lines {
        if let Entry::Forgotten { recording, texts, .. } = &line.entry {
            deletions.entry(recording).or_default().push_back((line.seq + 1, *texts));
        }
    }
    for Forgotten { sha256, at_ms, by, .. } in case.store.forgotten().map_err(Error::store)? {
        let message = format!("recording {sha256}: forgotten {}, by {by}", utc(at_ms));
        report.note(
            Check::Recording,
            match deletions.get_mut(&*sha256).and_then(VecDeque::pop_front) {
                Some((line, texts)) => format!("{message}, with {texts} texts that named it (log line {line})"),
                None => message,
            },
        );
    }
    Ok(())
}

/// The files of the folders that the user named, by length.
struct Index(HashMap<u64, Vec<PathBuf>>);

impl Index {
    fn of(files: Vec<PathBuf>) -> Self {
        let mut by_length: HashMap<u64, Vec<PathBuf>> = HashMap::new();
        for file in files {
            let length = fs::metadata(&file).map_or(0, |found| found.len());
            by_length.entry(length).or_default().push(file);
        }
        Self(by_length)
    }

    /// The file with these bytes.
    fn find(&self, entry: &RecordingEntry) -> Option<&PathBuf> {
        let has_hash = |file: &&PathBuf| sha256_file(file).is_ok_and(|found| found == entry.file_sha256);
        match entry.bytes {
            Some(length) => self.0.get(&length)?.iter().find(has_hash),
            None => self.0.values().flatten().find(has_hash),
        }
    }
}

fn find(entry: &RecordingEntry, folder: &Path, index: &Index, bar: &ProgressBar) -> Found {
    let found = find_at_places(entry, folder);
    bar.inc(1);
    match found {
        Found::AtPlace => found,
        _ => index.find(entry).map_or(found, |path| Found::Elsewhere(path.clone())),
    }
}

/// A file at the place relative to the case decides, also if the original one is still where the case came from.
fn find_at_places(entry: &RecordingEntry, folder: &Path) -> Found {
    let relative = entry.relative.as_deref().map(|path| folder.join(path));
    let mut otherwise = Found::Missing;
    for place in relative.as_deref().into_iter().chain(entry.places()) {
        match sha256_file(place) {
            Ok(sha256) if sha256 == entry.file_sha256 => return Found::AtPlace,
            Ok(_) if Some(place) == relative.as_deref() => return Found::Changed(without_links(place)),
            Ok(_) => otherwise = Found::Changed(without_links(place)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) if matches!(otherwise, Found::Missing) => otherwise = Found::Unreadable(place.to_owned(), error),
            Err(_) => {}
        }
    }
    otherwise
}

fn without_links(place: &Path) -> PathBuf {
    place.canonicalize().unwrap_or_else(|_| place.to_owned())
}
