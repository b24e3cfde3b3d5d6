//! Plans a run: hash, length, name and recipe of each recording.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;
use scheduler::store::{Failure, InputFacts, InputStat, RecordingEntry, Store, StoreError};
use stage_core::{ErrorClass, ErrorCode, Origin, PipelineError, Recipe, sha256_file};

use crate::export::assign_names;

/// The planned work of a run.
pub(crate) struct Plan {
    /// The recordings, by path.
    pub(crate) items: Vec<RecordingEntry>,
    /// Files that could not be read.
    pub(crate) unreadable: Vec<Failure>,
}

/// Hashes and probes the files (or uses the cached result if size, time and inode are unchanged), and plans the stages
/// of `recipe` for each.
pub(crate) fn plan(files: &[PathBuf], recipe: &Arc<Recipe>, store: &mut dyn Store) -> Result<Plan, StoreError> {
    let known = store.recordings()?.into_iter().map(|entry| (entry.path, entry.name));
    let names = assign_names(known, files.iter().map(PathBuf::as_path));
    let mut items = Vec::new();
    let mut unreadable = Vec::new();
    for (path, examined) in files.iter().zip(examine_all(files, store)?) {
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

fn examine_all(files: &[PathBuf], store: &mut dyn Store) -> Result<Vec<io::Result<InputFacts>>, StoreError> {
    let stats: Vec<_> = files.iter().map(|path| stat(path)).collect();
    let mut cached = Vec::new();
    for stat in &stats {
        cached.push(match stat {
            Ok(stat) => store.cached_input(stat)?,
            Err(_) => None,
        });
    }
    let examined: Vec<_> = stats
        .into_par_iter()
        .zip(cached)
        .map(|(stat, cached)| {
            let stat = stat?;
            match cached {
                Some(facts) => Ok((stat, facts, false)),
                None => examine(&stat.path).map(|facts| (stat, facts, true)),
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

pub(crate) fn stat(path: &Path) -> io::Result<InputStat> {
    let metadata = fs::metadata(path)?;
    Ok(InputStat {
        path: path.to_owned(),
        size: metadata.size(),
        mtime_ns: metadata.mtime() * 1_000_000_000 + metadata.mtime_nsec(),
        inode: metadata.ino(),
    })
}

/// A file whose header cannot be read has an unknown length; the decoder reports the reason.
fn examine(path: &Path) -> io::Result<InputFacts> {
    let sha256 = sha256_file(path)?;
    let audio_s = decode::probe(path).ok().and_then(|probe| probe.duration_s).unwrap_or(0.0);
    Ok(InputFacts { sha256, audio_s })
}

/// The error of a file that the planner cannot read.
pub(crate) fn unreadable_file(error: &io::Error) -> PipelineError {
    let message = "the file cannot be read";
    PipelineError::new(Origin::Planner, ErrorClass::BadInput, ErrorCode::UnreadableFile, message).caused_by(error)
}
