//! Sample records.

use std::sync::Arc;

use serde_json::json;
use stage_core::{
    ArtifactName, ErrorClass, ErrorCode, Fingerprint, Identity, OutputSpec, Phases, PipelineError, Recipe, RecipeStep,
    StageKey, StageName, StageSpec, Tool,
};

use crate::store::{
    Commit, Lease, Lookup, NewArtifact, NewBatch, NewCheckpoint, NewRecord, NewRun, RecordingEntry, RunId, Store,
    StoredArtifact,
};

const DECODE: StageName = StageName::new("decode");

/// The stages of stores before version 4.
const SPECS: [StageSpec; 5] = {
    const fn spec(name: &'static str, inputs: &'static [ArtifactName], outputs: &'static [OutputSpec]) -> StageSpec {
        StageSpec { name: StageName::new(name), version: 1, inputs, outputs, phases: Phases::Cpu, weight: 0.2 }
    }
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

pub(crate) fn recipe() -> Recipe {
    let settings = json!({"threshold_db": -0.1, "tiny": 5e-324, "third": 1.0 / 3.0});
    let step = |spec| RecipeStep::new(spec, Identity::without_model(settings.clone()));
    Recipe::new(SPECS.iter().map(step).collect()).unwrap()
}

/// The first stage of [`recipe`] alone.
pub(crate) fn short_recipe() -> Recipe {
    recipe().upto(DECODE)
}

/// A recipe that is not part of [`recipe`].
pub(crate) fn other_recipe() -> Recipe {
    Recipe::new(vec![RecipeStep { version: 2, ..recipe().steps()[0].clone() }]).unwrap()
}

pub(crate) fn key() -> StageKey {
    recipe().keys(&"ab".repeat(32)).swap_remove(0)
}

pub(crate) fn fingerprint() -> Fingerprint {
    key().fingerprint()
}

pub(crate) fn other_fingerprint() -> Fingerprint {
    "cd".repeat(32).parse().unwrap()
}

pub(crate) fn entry(recipe: &Arc<Recipe>) -> RecordingEntry {
    RecordingEntry::new("a.wav", "ab".repeat(32), 1.0, Arc::clone(recipe))
}

pub(crate) fn artifact(body: &str) -> NewArtifact {
    let libraries = [("candle-core".to_owned(), "1.2.3".to_owned())].into();
    NewArtifact {
        key: key(),
        body: body.to_owned(),
        started_at_ms: 1_763_900_000_123,
        duration_s: 0.25,
        tool: Tool { version: "0.1.0".to_owned(), instruction_set: Some("avx2".to_owned()), libraries },
        device: "cpu:0".to_owned(),
    }
}

pub(crate) fn commit(lease: Lease, body: &str, replace: bool) -> Commit {
    Commit { lease, what: NewRecord::Artifact { artifact: artifact(body), replace } }
}

/// A checkpoint of the artifact that [`commit`] writes.
pub(crate) fn checkpoint(lease: Lease, index: u32, body: &str) -> Commit {
    checkpoint_of(fingerprint(), lease, index, body)
}

pub(crate) fn checkpoint_of(fingerprint: Fingerprint, lease: Lease, index: u32, body: &str) -> Commit {
    let checkpoint = NewCheckpoint {
        fingerprint,
        index,
        body: body.to_owned(),
        started_at_ms: 1,
        duration_s: 0.1,
        device: "cpu:0".to_owned(),
    };
    Commit { lease, what: NewRecord::Checkpoint(checkpoint) }
}

pub(crate) fn begun(store: &mut dyn Store) -> RunId {
    let run = NewRun { command: "test".to_owned(), tool_version: "0.1.0".to_owned(), priority: 3, ..NewRun::default() };
    store.begin_run(&run).unwrap()
}

pub(crate) fn grant(store: &mut dyn Store, run: RunId) -> Lease {
    let batch = NewBatch { worker: "cpu:0".to_owned(), priority: 3, recordings: 2, audio_s: 61.5 };
    store.grant(run, &batch).unwrap()
}

/// A lease granted in a new run.
pub(crate) fn granted(store: &mut dyn Store) -> Lease {
    let run = begun(store);
    grant(store, run)
}

pub(crate) fn sound(store: &dyn Store) -> StoredArtifact {
    match store.artifact(&fingerprint()).unwrap() {
        Lookup::Sound(stored) => *stored,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn bodies(store: &dyn Store) -> Vec<(u32, String)> {
    store.checkpoints(&fingerprint()).unwrap().into_iter().map(|stored| (stored.index, stored.body)).collect()
}

pub(crate) fn error() -> PipelineError {
    PipelineError::new(DECODE, ErrorClass::BadInput, ErrorCode::EmptyFile, "no audio")
}
