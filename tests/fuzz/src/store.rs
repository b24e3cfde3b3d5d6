//! The store's file: a damaged file is an error, a fault of the check, or has no effect. An artifact that differs from
//! what was written is never returned as sound.

use std::path::Path;
use std::sync::Arc;

use scheduler::store::{
    Access, Commit, Committed, Lookup, NewArtifact, NewBatch, NewRecord, NewRun, RecordingEntry, Store, StoreUrl, open,
};
use serde_json::json;
use stage_core::{Identity, Recipe, RecipeStep, StageKey, StageName, Tool, sha256_hex};

const STAGES: [&str; 3] = ["decode", "segment", "transcribe"];

/// A store of two recordings with all artifacts.
///
/// # Panics
/// If it cannot be written.
#[must_use]
pub fn corpus() -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let mut store = open_file(&path, Access::Create).unwrap();
    let run = NewRun { command: "fuzz".to_owned(), tool_version: "0.0.0".to_owned(), ..NewRun::default() };
    let run = store.begin_run(&run).unwrap();
    store.put_recordings(run, &recordings()).unwrap();
    let batch = NewBatch { worker: "cpu:0".to_owned(), priority: 0, recordings: 2, audio_s: 2.0 };
    let lease = store.grant(run, &batch).unwrap();
    let commit =
        |key: StageKey| Commit { lease, what: NewRecord::Artifact { artifact: artifact(key), replace: false } };
    let commits: Vec<_> = recordings().iter().flat_map(RecordingEntry::keys).map(commit).collect();
    assert!(store.commit(&commits).unwrap().iter().all(|committed| *committed == Committed::Written));
    store.compact().unwrap();
    drop(store);
    vec![std::fs::read(&path).unwrap()]
}

/// Opens a file with these bytes as a store, for reading and for writing.
///
/// # Panics
/// If a changed artifact is returned as sound.
pub fn check(bytes: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    for access in [Access::Read, Access::Write] {
        std::fs::write(&path, bytes).unwrap();
        if let Ok(store) = open_file(&path, access) {
            read(&*store);
        }
    }
}

fn read(store: &dyn Store) {
    let _ = (store.check(), store.runs(10), store.recordings(), store.recipes(), store.outputs(), store.quarantines());
    for key in recordings().iter().flat_map(RecordingEntry::keys) {
        if let Ok(Lookup::Sound(stored)) = store.artifact(&key.fingerprint()) {
            assert_eq!((stored.artifact.body.as_str(), &stored.artifact.key), (body(&key).as_str(), &key));
        }
        let _ = store.checkpoints(&key.fingerprint());
    }
}

fn open_file(path: &Path, access: Access) -> Result<Box<dyn Store>, scheduler::store::StoreError> {
    open(&StoreUrl::file(path.to_owned()), access)
}

fn recordings() -> Vec<RecordingEntry> {
    let step = |(index, stage): (usize, &&'static str)| RecipeStep {
        stage: StageName::new(stage),
        version: 1,
        inputs: STAGES[..index].iter().map(|name| StageName::new(name).artifact()).collect(),
        stored: Vec::new(),
        transient: Vec::new(),
        identity: Identity::without_model(json!({"third": 1.0 / 3.0})),
    };
    let recipe = Arc::new(Recipe::new(STAGES.iter().enumerate().map(step).collect()).unwrap());
    let entry = |name: &str| {
        let (path, sha256) = (format!("/calls/{name}.wav"), sha256_hex(name.as_bytes()));
        RecordingEntry::new(path, sha256, 1.0, Arc::clone(&recipe))
    };
    vec![entry("a"), entry("민수")]
}

fn body(key: &StageKey) -> String {
    json!({"artifact": key.artifact().to_string(), "text": "word ".repeat(40)}).to_string()
}

fn artifact(key: StageKey) -> NewArtifact {
    let body = body(&key);
    let tool = Tool::of_version("0.0.0");
    NewArtifact { key, body, started_at_ms: 1, duration_s: 0.1, tool, device: "cpu:0".to_owned() }
}
