//! Finds the recordings by the hash of their bytes: at their places, or in folders that the user names.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use scheduler::store::{Entry, Forgotten, RecordingEntry};
use stage_core::{sha256_file, shown};

use super::{Case, Check, Report, Request, progress};
use crate::error::Error;
use crate::export::utc;
use crate::inputs;

/// Where the bytes of a recording are.
enum Found {
    /// At a place where the store has seen them.
    AtPlace(PathBuf),
    /// In a folder that the user named.
    Elsewhere(PathBuf),
    /// Nowhere. At the place are other bytes, with this hash.
    Changed(PathBuf, String),
    /// Nowhere. The file at the place cannot be read.
    Unreadable(PathBuf, String),
    Missing,
}

pub(super) fn check(case: &Case<'_>, request: &Request<'_>, report: &mut Report) -> Result<(), Error> {
    let folders = request.recordings;
    let files = if folders.is_empty() { Vec::new() } else { inputs::find(folders).map_err(Error::usage)?.files };
    let places = Places::of(case);
    let index = Index::of(files);
    let find = |entry: &RecordingEntry| match places.find(entry) {
        found @ Found::AtPlace(_) => found,
        otherwise => index.find(entry).map_or(otherwise, |path| Found::Elsewhere(path.clone())),
    };
    let found: Vec<_> = case.recordings.par_iter().map(find).collect();
    note_forgotten(case, report)?;
    for (entry, found) in case.recordings.iter().zip(&found) {
        report.counts.recordings += 1;
        check_found(case, entry, found, request, report);
    }
    places.check_copies(case, &found, report);
    Ok(())
}

fn check_found(case: &Case<'_>, entry: &RecordingEntry, found: &Found, request: &Request<'_>, report: &mut Report) {
    let (name, sha256) = (shown(&entry.path), &entry.file_sha256);
    match found {
        Found::AtPlace(path) => check_length(entry, path, report),
        Found::Elsewhere(path) => {
            check_length(entry, path, report);
            report.note(Check::Recording, format!("{name}: found by its hash: {}", shown(path)));
        }
        Found::Changed(path, now) if case.recordings.iter().any(|other| other.file_sha256 == *now) => {
            let message = format!(
                "{}: the recording {sha256} is no longer there; the file is the recording {now}, which the case has too; \
                 --recordings DIR finds a copy by its hash",
                shown(path)
            );
            report.fault(Check::Recording, message);
        }
        Found::Changed(path, _) => {
            let place = shown(path);
            let message = format!("{place}: the recording has changed since it was first seen (SHA-256 {sha256})");
            report.fault(Check::Recording, message);
        }
        Found::Unreadable(path, error) => {
            report.fault(Check::Recording, format!("{}: the recording cannot be read: {error}", shown(path)));
        }
        Found::Missing => {
            let hint = if request.recordings.is_empty() { "; --recordings DIR finds it by its hash" } else { "" };
            let message = format!("{name}: the recording is missing (SHA-256 {sha256}){hint}");
            match request.recordings_may_be_missing {
                true => report.note(Check::Recording, message),
                false => report.fault(Check::Recording, message),
            }
        }
    }
}

/// Compares the length that the store states with that of the file, whose hash is right.
fn check_length(entry: &RecordingEntry, path: &Path, report: &mut Report) {
    if let (Some(stated), Ok(found)) = (entry.bytes, fs::metadata(path))
        && stated != found.len()
    {
        let name = shown(&entry.path);
        let message = format!("{name}: the store states a length of {stated} bytes, and it has {}", found.len());
        report.fault(Check::Recording, message);
    }
}

/// Notes the recordings whose content was deleted, and how many texts that named them.
fn note_forgotten(case: &Case<'_>, report: &mut Report) -> Result<(), Error> {
    let mut deletions: HashMap<&str, VecDeque<(u64, usize)>> = HashMap::new();
    for line in &case.lines {
        if let Entry::Forgotten { recording, texts, .. } = &line.entry {
            deletions.entry(recording).or_default().push_back((line.seq + 1, texts.unwrap_or_default()));
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

/// The files at the places of the recordings, by their path without links: the hash of each, or why it cannot be read. A
/// place without a file has none.
struct Places<'a> {
    /// The case folder.
    folder: &'a Path,
    hashes: HashMap<PathBuf, Result<String, String>>,
}

impl<'a> Places<'a> {
    fn of(case: &'a Case<'_>) -> Self {
        let folder = case.record.folder();
        let relative = case.recordings.iter().filter_map(|entry| entry.in_folder(folder));
        let absolute = case.recordings.iter().flat_map(RecordingEntry::places).map(Path::to_owned);
        // The relative and the absolute place are one file, unless the case was moved.
        let paths: BTreeSet<PathBuf> = relative.chain(absolute).map(|path| without_links(&path)).collect();
        let bar = progress::bar("recordings", paths.len());
        let hash = |path: PathBuf| {
            let hash = match sha256_file(&path) {
                Err(error) if error.kind() == ErrorKind::NotFound => None,
                hash => Some((path, hash.map_err(|error| error.to_string()))),
            };
            bar.inc(1);
            hash
        };
        let hashes = paths.into_par_iter().filter_map(hash).collect();
        bar.finish_and_clear();
        Self { folder, hashes }
    }

    /// The hash of the file at a place.
    fn hash(&self, place: &Path) -> Option<&Result<String, String>> {
        self.hashes.get(&without_links(place))
    }

    /// A file at the place relative to the case decides, also if the original one is still where the case came from.
    fn find(&self, entry: &RecordingEntry) -> Found {
        let relative = entry.in_folder(self.folder);
        let mut otherwise = Found::Missing;
        for place in relative.as_deref().into_iter().chain(entry.places()) {
            match self.hash(place) {
                Some(Ok(sha256)) if *sha256 == entry.file_sha256 => return Found::AtPlace(place.to_owned()),
                Some(Ok(sha256)) => {
                    otherwise = Found::Changed(without_links(place), sha256.clone());
                    if Some(place) == relative.as_deref() {
                        return otherwise;
                    }
                }
                Some(Err(error)) if matches!(otherwise, Found::Missing) => {
                    otherwise = Found::Unreadable(place.to_owned(), error.clone());
                }
                Some(Err(_)) | None => {}
            }
        }
        otherwise
    }

    /// Checks the other places of recordings that were found: a file there is one of the recordings that were seen there.
    /// The places of a case that was moved are those of another machine or folder, and do not count.
    fn check_copies(&self, case: &Case<'_>, found: &[Found], report: &mut Report) {
        let mut seen: BTreeMap<&Path, Vec<&str>> = BTreeMap::new();
        for (entry, found) in case.recordings.iter().zip(found) {
            let is_moved =
                entry.in_folder(self.folder).is_some_and(|path| without_links(&path) != without_links(&entry.path));
            if matches!(found, Found::AtPlace(_)) && !is_moved {
                entry.places().for_each(|place| seen.entry(place).or_default().push(&entry.file_sha256));
            }
        }
        let everywhere: HashMap<&Path, Vec<&str>> = case.recordings.iter().fold(HashMap::new(), |mut all, entry| {
            entry.places().for_each(|place| all.entry(place).or_default().push(&entry.file_sha256));
            all
        });
        for (place, recordings) in seen {
            if let Some(Ok(now)) = self.hash(place)
                && !everywhere[place].contains(&&**now)
            {
                let (place, recordings) = (shown(place), recordings.join(", "));
                let message = format!("{place}: other bytes than those that were seen there (recording {recordings})");
                report.fault(Check::Recording, message);
            }
        }
    }
}

fn without_links(place: &Path) -> PathBuf {
    place.canonicalize().unwrap_or_else(|_| place.to_owned())
}
