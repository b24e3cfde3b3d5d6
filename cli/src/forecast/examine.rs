//! Reads the recordings: size, hash and header.

use std::path::{Path, PathBuf};

use decode::{DecodeSettings, Probe};
use rayon::prelude::*;
use scheduler::store::{InputFacts, Store, StoreError};
use stage_core::PipelineError;

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

/// Total size of the files, in bytes.
pub(crate) fn total_bytes(files: &[PathBuf]) -> u64 {
    files.iter().filter_map(|path| std::fs::metadata(path).ok()).map(|metadata| metadata.len()).sum()
}

/// Examines all files, in parallel, with these settings of the external decoder. Files that the store knows and that have
/// not changed are not hashed again; the store is open only while they are looked up. `progress` gets the size of each
/// file when it is done.
///
/// # Errors
/// The store cannot be read.
pub(crate) fn examine(
    files: &[PathBuf],
    external: &DecodeSettings,
    store: impl FnOnce() -> Result<Box<dyn Store>, StoreError>,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Vec<Examined>, StoreError> {
    let store = store()?;
    let known = plan::look_up(files, &*store, &store.recordings()?)?;
    drop(store);
    let examined = files.par_iter().zip(known).map(|(path, (stat, known))| {
        let size_bytes = stat.as_ref().map_or(0, |stat| stat.size);
        let examined = match stat {
            Ok(_) => examine_file(path, external, size_bytes, known),
            Err(error) => Examined {
                path: path.clone(),
                size_bytes,
                facts: Err(error.to_string()),
                is_cached: false,
                header: Err(plan::unreadable_file(&error)),
            },
        };
        progress(size_bytes);
        examined
    });
    Ok(examined.collect())
}

fn examine_file(path: &Path, external: &DecodeSettings, size_bytes: u64, known: Option<InputFacts>) -> Examined {
    let header = decode::probe_with(path, external);
    let is_cached = known.is_some();
    let facts = known.map_or_else(|| plan::facts(path, &header, || false).map_err(|error| error.to_string()), Ok);
    Examined { path: path.to_owned(), size_bytes, facts, is_cached, header }
}
