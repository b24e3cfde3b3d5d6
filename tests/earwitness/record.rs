//! Reads a result folder's store for tests.

use std::path::Path;

use scheduler::store::{Incident, Lookup, SqliteStore, Store};
use stage_core::{StageKey, StageName};

/// Counts of a store.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// Valid stored artifacts, each computed once.
    pub(crate) artifacts: usize,
    /// Artifacts that were computed more than once.
    pub(crate) repeated: usize,
    /// Window checkpoints of unfinished artifacts.
    pub(crate) parts: usize,
    /// Number of recomputations of stored work.
    pub(crate) recomputations: u64,
}

impl Found {
    /// Whether some recording has window checkpoints and no transcript.
    pub(crate) const fn is_inside_transcribe(&self) -> bool {
        self.parts > 0
    }
}

/// Counts the content of a folder's store; zero if it does not exist yet.
pub(crate) fn look(out: &Path) -> Found {
    let Ok(store) = SqliteStore::open_read_only(&out.join("earwitness.db")) else { return Found::default() };
    let mut found = Found { recomputations: store.recomputations().unwrap(), ..Found::default() };
    for key in store.recordings().unwrap().iter().flat_map(|entry| entry.keys()) {
        match store.artifact(&key.fingerprint()).unwrap() {
            Lookup::Sound(stored) if stored.computations == 1 => found.artifacts += 1,
            Lookup::Sound(_) => found.repeated += 1,
            Lookup::Missing => found.parts += parts(&store, &key),
            Lookup::Altered(how) => panic!("{how}"),
        }
    }
    found
}

fn parts(store: &SqliteStore, key: &StageKey) -> usize {
    if key.stage == StageName::new("transcribe") { store.parts(&key.fingerprint()).unwrap().len() } else { 0 }
}

/// The incidents of the last run, in order.
pub(crate) fn incidents(out: &Path) -> Vec<Incident> {
    let store = SqliteStore::open_read_only(&out.join("earwitness.db")).unwrap();
    let last = store.runs(1).unwrap().remove(0);
    store.incidents(last.id).unwrap()
}
