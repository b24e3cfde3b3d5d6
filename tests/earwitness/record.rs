//! Reads the store of a result folder for tests.

use std::path::Path;

use scheduler::store::{Access, Incident, Lookup, Store, StoreError, StoreUrl, open};
use stage_core::{StageKey, StageName};

/// Counts of the content of a store.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// Valid stored artifacts that were computed once.
    pub(crate) artifacts: usize,
    /// Artifacts that were computed more than once.
    pub(crate) repeated: usize,
    /// Window checkpoints of unfinished artifacts.
    pub(crate) checkpoints: usize,
    /// Number of recomputations of stored work.
    pub(crate) recomputations: u64,
}

impl Found {
    /// Whether a recording has window checkpoints but no transcript.
    pub(crate) const fn is_inside_transcribe(&self) -> bool {
        self.checkpoints > 0
    }
}

fn open_to_read(out: &Path) -> Result<Box<dyn Store>, StoreError> {
    open(&StoreUrl::file(out.join("earwitness.db")), Access::Read)
}

/// Counts the content of a folder's store; all zero if the store does not exist yet.
pub(crate) fn look(out: &Path) -> Found {
    let Ok(store) = open_to_read(out) else { return Found::default() };
    let mut found = Found { recomputations: store.recomputations().unwrap(), ..Found::default() };
    for key in store.recordings().unwrap().iter().flat_map(|entry| entry.keys()) {
        match store.artifact(&key.fingerprint()).unwrap() {
            Lookup::Sound(stored) if stored.computations == 1 => found.artifacts += 1,
            Lookup::Sound(_) => found.repeated += 1,
            Lookup::Missing => found.checkpoints += checkpoints(&*store, &key),
            Lookup::Altered(how) => panic!("{how}"),
        }
    }
    found
}

fn checkpoints(store: &dyn Store, key: &StageKey) -> usize {
    if key.stage == StageName::new("transcribe") { store.checkpoints(&key.fingerprint()).unwrap().len() } else { 0 }
}

/// The incidents of the last run, in order.
pub(crate) fn incidents(out: &Path) -> Vec<Incident> {
    let store = open_to_read(out).unwrap();
    let last = store.runs(1).unwrap().remove(0);
    store.incidents(last.id).unwrap()
}
