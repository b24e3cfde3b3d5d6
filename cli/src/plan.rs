//! Plans a run: hash, length, name and recipe of each recording.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use decode::Probe;
use rayon::prelude::*;
use scheduler::coordinator::Interrupt;
use scheduler::store::{Failure, Forgotten, InputFacts, InputStat, RecordingEntry, Store, StoreError};
use stage_core::{ErrorClass, ErrorCode, Origin, PipelineError, Recipe, require_file, sha256_file_unless};

use crate::export::assign_names;

/// The planned work of a run.
pub(crate) struct Plan {
    /// The recordings, by path. Files with the same bytes are one recording.
    pub(crate) items: Vec<RecordingEntry>,
    /// Files that could not be read.
    pub(crate) unreadable: Vec<Failure>,
    /// Files of recordings that were forgotten.
    pub(crate) forgotten: Vec<PathBuf>,
}

/// Hashes and probes the files (or uses the cached result if size, time and inode are unchanged), and plans the stages
/// of `recipe` for each recording of the case in `folder`. If it is interrupted, it caches the hashes that it has, and the
/// files without one are unreadable.
pub(crate) fn plan(
    files: &[PathBuf],
    recipe: &Arc<Recipe>,
    folder: &Path,
    store: &mut dyn Store,
    interrupt: &Interrupt,
) -> Result<Plan, StoreError> {
    let (mut readable, mut unreadable) = (Vec::new(), Vec::new());
    let (forgotten, known) = (store.forgotten()?, store.recordings()?);
    for (path, examined) in files.iter().zip(examine_all(files, (&forgotten, &known), store, interrupt)?) {
        match examined {
            Ok((size, facts)) => readable.push(HashedFile { path, size, facts }),
            Err(error) => unreadable.push(Failure { path: path.clone(), error: unreadable_file(&error) }),
        }
    }
    let forgotten = take_forgotten(&mut readable, &forgotten);
    Ok(Plan { items: identify(&readable, &known, recipe, folder), unreadable, forgotten })
}

/// A file whose hash is known.
pub(crate) struct HashedFile<'a> {
    pub(crate) path: &'a Path,
    /// Length in bytes.
    pub(crate) size: u64,
    pub(crate) facts: InputFacts,
}

/// Takes the files of forgotten recordings out. Returns their paths.
pub(crate) fn take_forgotten(files: &mut Vec<HashedFile<'_>>, forgotten: &[Forgotten]) -> Vec<PathBuf> {
    let is_forgotten = |file: &HashedFile<'_>| forgotten.iter().any(|one| one.sha256 == file.facts.sha256);
    let paths = files.iter().filter(|file| is_forgotten(file)).map(|file| file.path.to_owned()).collect();
    files.retain(|file| !is_forgotten(file));
    paths
}

/// The recordings that files contain, by path: files with the same bytes are one recording. A known recording keeps its
/// name, and its place if that is among the files. `folder` is that of the case.
pub(crate) fn identify(
    files: &[HashedFile<'_>],
    known: &[RecordingEntry],
    recipe: &Arc<Recipe>,
    folder: &Path,
) -> Vec<RecordingEntry> {
    let known: HashMap<&str, &RecordingEntry> = known.iter().map(|entry| (&*entry.file_sha256, entry)).collect();
    let named = known.iter().map(|(sha256, entry)| (*sha256, entry.name.clone()));
    let names = assign_names(named, files.iter().map(|file| (&*file.facts.sha256, file.path)));
    let mut places: BTreeMap<&str, Vec<&HashedFile<'_>>> = BTreeMap::new();
    for file in files {
        places.entry(&file.facts.sha256).or_default().push(file);
    }
    let item = |(sha256, mut places): (&str, Vec<&HashedFile<'_>>)| {
        let known = known.get(sha256);
        let last = known.and_then(|entry| places.iter().position(|file| file.path == entry.path));
        let file = places.remove(last.unwrap_or(0));
        RecordingEntry {
            relative: relative_to_case(file.path, folder),
            copies: places.iter().map(|file| file.path.to_owned()).collect(),
            also_at: known.map(|entry| entry.places().map(Path::to_owned).collect()).unwrap_or_default(),
            bytes: Some(file.size),
            name: names[sha256].clone(),
            ..RecordingEntry::new(file.path, sha256, file.facts.audio_s, Arc::clone(recipe))
        }
    };
    let mut items: Vec<_> = places.into_iter().map(item).collect();
    items.sort_by(|a, b| a.path.cmp(&b.path));
    items
}

/// The path of a recording relative to the case folder, if it is in the folder that contains the case folder, or below:
/// both are likely to be moved together.
fn relative_to_case(path: &Path, folder: &Path) -> Option<PathBuf> {
    let folder = folder.canonicalize().ok()?;
    if let Ok(inside) = path.strip_prefix(&folder) {
        return Some(inside.to_owned());
    }
    let parent = folder.parent().filter(|parent| parent.parent().is_some())?;
    Some(Path::new("..").join(path.strip_prefix(parent).ok()?))
}

fn examine_all(
    files: &[PathBuf],
    (forgotten, known): (&[Forgotten], &[RecordingEntry]),
    store: &mut dyn Store,
    interrupt: &Interrupt,
) -> Result<Vec<io::Result<(u64, InputFacts)>>, StoreError> {
    let is_stopped = || interrupt.requests() > 0;
    let examined: Vec<_> = look_up(files, store, known)?
        .into_par_iter()
        .map(|(stat, cached)| {
            let stat = stat?;
            match cached {
                Some(facts) => Ok((stat, facts, false)),
                None if is_stopped() => Err(io::ErrorKind::Interrupted.into()),
                None => {
                    let header = decode::probe(&stat.path);
                    facts(&stat.path, &header, is_stopped).map(|facts| (stat, facts, true))
                }
            }
        })
        .collect();
    // The store keeps no path of a forgotten recording.
    let is_kept = |facts: &InputFacts| forgotten.iter().all(|one| one.sha256 != facts.sha256);
    let fresh: Vec<_> = examined
        .iter()
        .flatten()
        .filter(|(_, facts, fresh)| *fresh && is_kept(facts))
        .map(|(stat, facts, _)| (stat.clone(), facts.clone()))
        .collect();
    store.cache_inputs(&fresh)?;
    Ok(examined.into_iter().map(|examined| examined.map(|(stat, facts, _)| (stat.size, facts))).collect())
}

/// The size, time and inode of a file, and its facts if the store has them.
type Known = (io::Result<InputStat>, Option<InputFacts>);

/// The size, time and inode of each file, and its facts if the store, with these recordings, has them for these.
pub(crate) fn look_up(
    files: &[PathBuf],
    store: &dyn Store,
    recordings: &[RecordingEntry],
) -> Result<Vec<Known>, StoreError> {
    let places: HashMap<&str, HashSet<&Path>> =
        recordings.iter().map(|entry| (&*entry.file_sha256, entry.places().collect())).collect();
    let look_up = |path: &PathBuf| {
        let stat = stat(path);
        let cached = stat.as_ref().ok().map(|stat| store.cached_input(stat)).transpose()?.flatten();
        // A file that was not seen before is not taken for a known recording without reading it. The hash of a recording
        // that is new is compared when it is decoded.
        let cached = cached.filter(|facts| places.get(&*facts.sha256).is_none_or(|places| places.contains(&**path)));
        Ok((stat, cached))
    };
    files.iter().map(look_up).collect()
}

fn stat(path: &Path) -> io::Result<InputStat> {
    let metadata = require_file(path)?;
    Ok(InputStat {
        path: path.to_owned(),
        size: metadata.size(),
        mtime_ns: metadata.mtime() * 1_000_000_000 + metadata.mtime_nsec(),
        inode: metadata.ino(),
    })
}

/// The hash of a file, and its length. If the header cannot be read, the length is unknown, and the decoder reports the
/// reason. Hashing ends when `is_stopped` returns true.
pub(crate) fn facts(
    path: &Path,
    header: &Result<Probe, PipelineError>,
    is_stopped: impl Fn() -> bool,
) -> io::Result<InputFacts> {
    let length_s = header.as_ref().ok().and_then(|header| header.duration_s);
    let audio_s = length_s.filter(|length_s| length_s.is_finite()).unwrap_or(0.0);
    Ok(InputFacts { sha256: sha256_file_unless(path, is_stopped)?, audio_s })
}

/// The error of a file that the planner cannot read.
pub(crate) fn unreadable_file(error: &io::Error) -> PipelineError {
    let message = "the file cannot be read";
    PipelineError::new(Origin::Planner, ErrorClass::BadInput, ErrorCode::UnreadableFile, message).caused_by(error)
}
