//! Plans a run: hash, length, name and recipe of each recording.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use decode::Probe;
use rayon::prelude::*;
use scheduler::coordinator::Interrupt;
use scheduler::store::{Failure, InputFacts, InputStat, RecordingEntry, Store, StoreError};
use stage_core::{ErrorClass, ErrorCode, Origin, PipelineError, Recipe, require_file, sha256_file_unless};

use crate::export::assign_names;

/// The planned work of a run.
pub(crate) struct Plan {
    /// The recordings, by path.
    pub(crate) items: Vec<RecordingEntry>,
    /// Files that could not be read.
    pub(crate) unreadable: Vec<Failure>,
}

/// Hashes and probes the files (or uses the cached result if size, time and inode are unchanged), and plans the stages
/// of `recipe` for each. If it is interrupted, it caches the hashes that it has, and the files without one are unreadable.
pub(crate) fn plan(
    files: &[PathBuf],
    recipe: &Arc<Recipe>,
    store: &mut dyn Store,
    interrupt: &Interrupt,
) -> Result<Plan, StoreError> {
    let known = store.recordings()?.into_iter().map(|entry| (entry.path, entry.name));
    let names = assign_names(known, files.iter().map(PathBuf::as_path));
    let mut items = Vec::new();
    let mut unreadable = Vec::new();
    for (path, examined) in files.iter().zip(examine_all(files, store, interrupt)?) {
        match examined {
            Ok(facts) => items.push(RecordingEntry {
                path: path.clone(),
                recipe: Arc::clone(recipe),
                file_sha256: facts.sha256,
                audio_s: facts.audio_s,
                name: names[path].clone(),
            }),
            Err(error) => unreadable.push(Failure { path: path.clone(), error: unreadable_file(&error) }),
        }
    }
    Ok(Plan { items, unreadable })
}

fn examine_all(
    files: &[PathBuf],
    store: &mut dyn Store,
    interrupt: &Interrupt,
) -> Result<Vec<io::Result<InputFacts>>, StoreError> {
    let is_stopped = || interrupt.requests() > 0;
    let examined: Vec<_> = look_up(files, store)?
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
    let fresh: Vec<_> = examined
        .iter()
        .flatten()
        .filter(|(.., fresh)| *fresh)
        .map(|(stat, facts, _)| (stat.clone(), facts.clone()))
        .collect();
    store.cache_inputs(&fresh)?;
    Ok(examined.into_iter().map(|examined| examined.map(|(_, facts, _)| facts)).collect())
}

/// The size, time and inode of a file, and its facts if the store has them.
type Known = (io::Result<InputStat>, Option<InputFacts>);

/// The size, time and inode of each file, and its facts if the store has them for these.
pub(crate) fn look_up(files: &[PathBuf], store: &dyn Store) -> Result<Vec<Known>, StoreError> {
    let look_up = |path: &PathBuf| {
        let stat = stat(path);
        let cached = stat.as_ref().ok().map(|stat| store.cached_input(stat)).transpose()?;
        Ok((stat, cached.flatten()))
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
