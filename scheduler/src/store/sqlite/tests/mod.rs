//! The store against faults: dead leases, second writers, altered rows, files that are no store.

mod commits;
mod files;
mod migration;
mod records;

use std::path::PathBuf;
use std::slice::from_ref;
use std::sync::Arc;

use serde_json::json;
use stage_core::{ErrorClass, Identity, Recipe, RecipeStep, StageError, StageKey, StageName, StageSpec, Tool};
use tempfile::TempDir;

use super::*;
use crate::store::{Alteration, IncidentKind, LockHolder, NewArtifact, NewPart, NewRecord, StoreFault, StoredArtifact};

fn new() -> (TempDir, PathBuf, SqliteStore) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made/on/demand.db");
    let store = SqliteStore::open(&path).unwrap();
    (folder, path, store)
}

/// The stages of stores before version 4.
const SPECS: [StageSpec; 5] = {
    use stage_core::{ArtifactName, OutputSpec, Phases};
    const fn spec(name: &'static str, inputs: &'static [ArtifactName], outputs: &'static [OutputSpec]) -> StageSpec {
        StageSpec { name: StageName::new(name), version: 1, inputs, outputs, phases: Phases::Cpu, weight: 0.2 }
    }
    const DECODE: StageName = StageName::new("decode");
    const SAMPLES: ArtifactName = DECODE.output("samples");
    const SEGMENT: ArtifactName = StageName::new("segment").artifact();
    const TRANSCRIBE: ArtifactName = StageName::new("transcribe").artifact();
    const ALIGN: ArtifactName = StageName::new("align").artifact();
    [
        spec("decode", &[], &[OutputSpec { name: "samples", stored: false }]),
        spec("segment", &[SAMPLES], &[]),
        spec("transcribe", &[SAMPLES, SEGMENT], &[]),
        spec("align", &[SAMPLES, SEGMENT, TRANSCRIBE], &[]),
        spec("forensics", &[DECODE.artifact(), SAMPLES, SEGMENT, TRANSCRIBE, ALIGN], &[]),
    ]
};

fn recipe() -> Recipe {
    let settings = json!({"threshold_db": -0.1, "tiny": 5e-324, "third": 1.0 / 3.0});
    let step = |spec| RecipeStep::new(spec, Identity::without_model(settings.clone()));
    Recipe::new(SPECS.iter().map(step).collect()).unwrap()
}

fn key() -> StageKey {
    recipe().keys(&"ab".repeat(32)).swap_remove(0)
}

fn name() -> Fingerprint {
    key().fingerprint()
}

fn entry(recipe: &Arc<Recipe>) -> RecordingEntry {
    RecordingEntry {
        path: "a.wav".into(),
        file_sha256: "ab".repeat(32),
        audio_s: 1.0,
        name: "a".into(),
        recipe: Arc::clone(recipe),
    }
}

fn tool() -> Tool {
    let libraries = [("candle-core".to_owned(), "1.2.3".to_owned())].into();
    Tool { version: "0.1.0".to_owned(), instruction_set: Some("avx2".to_owned()), libraries }
}

fn artifact(body: &str) -> NewArtifact {
    NewArtifact {
        key: key(),
        body: body.to_owned(),
        started_at_ms: 1_763_900_000_123,
        duration_s: 0.25,
        tool: tool(),
        device: "cpu:0".to_owned(),
    }
}

fn commit(lease: Lease, body: &str, replace: bool) -> Commit {
    Commit { lease, what: NewRecord::Artifact { artifact: artifact(body), replace } }
}

fn part(lease: Lease, index: u32, body: &str) -> Commit {
    let part = NewPart {
        fingerprint: name(),
        index,
        body: body.to_owned(),
        started_at_ms: 1,
        duration_s: 0.1,
        device: "cpu:0".to_owned(),
    };
    Commit { lease, what: NewRecord::Part(part) }
}

fn begun(store: &mut SqliteStore) -> RunId {
    let run = NewRun { command: "test".to_owned(), tool_version: "0.1.0".to_owned(), priority: 3 };
    store.begin_run(&run).unwrap()
}

fn grant(store: &mut SqliteStore, run: RunId) -> Lease {
    let batch = NewBatch { worker: "cpu:0".to_owned(), priority: 3, recordings: 2, audio_s: 61.5 };
    store.grant(run, &batch).unwrap()
}

fn granted(store: &mut SqliteStore) -> Lease {
    let run = begun(store);
    grant(store, run)
}

fn sound(store: &SqliteStore) -> StoredArtifact {
    match store.artifact(&name()).unwrap() {
        Lookup::Sound(stored) => *stored,
        other => panic!("{other:?}"),
    }
}

fn bodies(store: &SqliteStore) -> Vec<(u32, String)> {
    store.parts(&name()).unwrap().into_iter().map(|part| (part.index, part.body)).collect()
}

fn error() -> StageError {
    StageError::new(StageName::new("decode"), ErrorClass::BadInput, "empty", "no audio")
}
