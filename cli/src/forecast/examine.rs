//! Reads the recordings: size, hash and header.

use std::path::{Path, PathBuf};

use decode::Probe;
use rayon::prelude::*;
use scheduler::store::{InputFacts, Store, StoreError};
use stage_core::{PipelineError, sha256_file};

use crate::plan;

/// The facts of one file.
#[derive(Debug)]
pub(crate) struct Examined {
    pub(crate) path: PathBuf,
    /// 0 if the file cannot be read.
    pub(crate) size_bytes: u64,
    /// Hash and length, or why the file cannot be read.
    pub(crate) facts: Result<InputFacts, String>,
    /// Whether the store had the hash of the unchanged file.
    pub(crate) is_cached: bool,
    /// Facts of the header, or why the run would fail on it.
    pub(crate) header: Result<Probe, PipelineError>,
}

impl Examined {
    /// Its length in seconds, if it is known.
    pub(crate) fn audio_s(&self) -> Option<f64> {
        self.facts.as_ref().ok().map(|facts| facts.audio_s).filter(|audio_s| *audio_s > 0.0)
    }
}

/// Total size of the files that must be hashed, in bytes.
pub(crate) fn total_bytes(files: &[PathBuf]) -> u64 {
    files.iter().filter_map(|path| std::fs::metadata(path).ok()).map(|metadata| metadata.len()).sum()
}

/// Examines all files, in parallel. The store is open only for the look-up of known files, not while others are read. Files that the store knows and that have not changed are not hashed again.
/// `progress` gets the size of each file when it is done.
///
/// # Errors
/// The store cannot be read.
pub(crate) fn examine(
    files: &[PathBuf],
    store: impl FnOnce() -> Result<Box<dyn Store>, StoreError>,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Vec<Examined>, StoreError> {
    let mut known = Vec::new();
    let store = store()?;
    for path in files {
        let stat = plan::stat(path);
        known.push(match &stat {
            Ok(stat) => store.cached_input(stat)?,
            Err(_) => None,
        });
    }
    drop(store);
    let examined = files.par_iter().zip(known).map(|(path, known)| {
        let examined = examine_file(path, known);
        progress(examined.size_bytes);
        examined
    });
    Ok(examined.collect())
}

fn examine_file(path: &Path, known: Option<InputFacts>) -> Examined {
    let header = decode::probe(path);
    let size_bytes = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    let is_cached = known.is_some();
    let facts = known.map_or_else(
        || {
            let sha256 = sha256_file(path).map_err(|error| error.to_string())?;
            let audio_s = header.as_ref().ok().and_then(|header| header.duration_s).unwrap_or(0.0);
            Ok(InputFacts { sha256, audio_s })
        },
        Ok,
    );
    Examined { path: path.to_owned(), size_bytes, facts, is_cached, header }
}
