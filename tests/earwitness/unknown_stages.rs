//! Stores that contain artifacts of a stage from another version of the program: the artifacts are kept, and all
//! commands work.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use scheduler::store::{
    Access, Commit, Committed, NewArtifact, NewBatch, NewRecord, NewRun, RecordingEntry, StoreUrl, open,
};
use serde_json::Value;
use stage_core::{ArtifactName, Identity, Recipe, RecipeStep, StageKey, StageName, Tool};

use crate::support::{artifact_count, case_of_a_call, finish, run};

const SPEAKERS: StageName = StageName::new("speakers");

/// The results of a run. Its store also contains an artifact, with a second output, of a stage that this program does
/// not have.
fn case() -> (tempfile::TempDir, PathBuf) {
    let (folder, out) = case_of_a_call();
    add_speakers(&out);
    (folder, out)
}

fn add_speakers(out: &Path) {
    let mut store = open(&StoreUrl::file(out.join("earwitness.db")), Access::Write).unwrap();
    let known = store.recordings().unwrap().remove(0);
    let speakers = RecipeStep {
        stage: SPEAKERS,
        version: 7,
        inputs: vec!["decode.samples".parse().unwrap(), "segment".parse().unwrap()],
        stored: vec![turns()],
        transient: vec![],
        identity: Identity::without_model(Value::Null),
    };
    let recipe = Recipe::new(known.recipe.steps().iter().cloned().chain([speakers]).collect()).unwrap();
    let entry = RecordingEntry { recipe: Arc::new(recipe), ..known };
    let command = NewRun { command: "a later version".into(), tool_version: "9.0.0".into(), ..NewRun::default() };
    let run = store.begin_run(&command).unwrap();
    store.put_recordings(run, std::slice::from_ref(&entry)).unwrap();
    let batch = NewBatch { worker: "cpu:0".into(), priority: 0, recordings: 1, audio_s: 1.0 };
    let lease = store.grant(run, &batch).unwrap();
    let commit = |key: StageKey| {
        let body = format!("{{\"speakers\":\"{}\"}}", key.artifact());
        let (tool, device) = (Tool::of_version("9.0.0"), "cpu:0".to_owned());
        let artifact = NewArtifact { key, body, started_at_ms: 0, duration_s: 0.1, tool, device };
        Commit { lease, what: NewRecord::Artifact { artifact, replace: false } }
    };
    let of_speakers = entry.keys().into_iter().filter(|key| key.stage == SPEAKERS);
    let commits: Vec<_> = of_speakers.map(commit).collect();
    assert_eq!(store.commit(&commits).unwrap(), [Committed::Written; 2]);
}

fn turns() -> ArtifactName {
    SPEAKERS.output("turns")
}

/// Number of artifacts in the case: one per stage, and two of the unknown stage.
fn artifacts() -> usize {
    artifact_count() + 2
}

#[test]
fn unknown_stages_are_shown_by_status_and_checked_by_verify() {
    let (_folder, out) = case();
    let out = out.to_str().unwrap();
    let status = finish(["status", out]).with_code(0);
    assert!(status.stdout.contains(&format!("{0} of {0}", artifacts())), "{}", status.stdout);
    let verified = finish(["verify", out]).with_code(5);
    assert!(verified.stdout.contains("call.json: stale"), "it shows fewer stages: {}", verified.stdout);
    finish(["export", out]).with_code(0);
    let verified = finish(["verify", out]).with_code(0);
    assert!(verified.stdout.contains(&format!("{} artifacts", artifacts())), "{}", verified.stdout);
    finish(["store", "check", out]).with_code(0);
}

#[test]
fn unknown_stages_are_exported_by_name_with_their_provenance() {
    let (_folder, out) = case();
    finish(["export", out.to_str().unwrap()]).with_code(0);
    let document: Value = serde_json::from_str(&fs::read_to_string(out.join("call.json")).unwrap()).unwrap();
    assert_eq!(document["further"]["speakers"]["speakers"], "speakers");
    assert_eq!(document["further"]["speakers.turns"]["speakers"], "speakers.turns");
    let provenance = document["provenance"].as_array().unwrap();
    let last = provenance.last().unwrap();
    assert_eq!((provenance.len(), &last["stage"], &last["output"]), (artifacts(), &"speakers".into(), &"turns".into()));
    assert_eq!((&last["version"], &last["tool_version"]), (&7.into(), &"9.0.0".into()));
}

#[test]
fn unknown_stages_survive_a_run_of_the_known_ones() {
    let (folder, out) = case();
    let again = run(&[&folder.path().join("call.wav")], &out, &[]).with_code(0);
    assert_eq!(again.summary()["stages_computed"], 0);
    let status = finish(["status", out.to_str().unwrap()]).with_code(0);
    assert!(status.stdout.contains(&format!("{0} of {0}", artifacts())), "{}", status.stdout);
}
