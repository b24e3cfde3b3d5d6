//! Why recordings have no results.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use scheduler::store::{RecordingEntry, Store, StoreError};
use stage_core::PipelineError;

use crate::export::ExportError;

/// Number of runs, from the newest, whose failures are read.
const RUNS: usize = 16;

/// The failures of the newest runs, by path; of each path the newest.
#[derive(Debug)]
pub(crate) struct Failures(HashMap<PathBuf, PipelineError>);

impl Failures {
    /// Reads the failures of a store.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) fn read(store: &dyn Store) -> Result<Self, StoreError> {
        let mut newest = HashMap::new();
        for run in store.runs(RUNS)? {
            for failure in store.failures(run.id)? {
                newest.entry(failure.path).or_insert(failure.error);
            }
        }
        Ok(Self(newest))
    }

    /// Why the results of a recording cannot be read: if they are missing, the error of the run that failed on it, unless
    /// no run tried it or that run was killed.
    pub(crate) fn explain(&self, entry: &RecordingEntry, error: ExportError) -> PipelineError {
        let of_run = || entry.places().find_map(|place: &Path| self.0.get(place)).cloned();
        let is_missing = matches!(error, ExportError::Missing(_));
        is_missing.then(of_run).flatten().unwrap_or_else(|| error.into())
    }
}
