//! Why recordings have no results.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use scheduler::store::{RecordingEntry, Store, StoreError};
use stage_core::PipelineError;

/// Number of runs, from the newest, whose failures are read.
const RUNS: usize = 16;

/// The failures of the newest runs, by path; of each path the newest.
#[derive(Debug, Default)]
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

    /// Why a recording without results has none; `None` if no run tried it, or was killed.
    pub(crate) fn of(&self, entry: &RecordingEntry) -> Option<&PipelineError> {
        entry.places().find_map(|place: &Path| self.0.get(place))
    }
}
