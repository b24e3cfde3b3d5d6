//! Stored work is not computed again.

use std::fs;

use serde_json::Value;

use crate::support::{assert_same, calls, document, finish, run, stage_count, test_model};

/// Asserts that a run on one recording computed this many stages and reused the others.
fn assert_computed(summary: &Value, stages: usize) {
    let reused = stage_count() - stages;
    assert_eq!((&summary["stages_computed"], &summary["stages_reused"]), (&stages.into(), &reused.into()));
}

/// The link of a stage in a document's provenance.
fn provenance(document: &Value, stage: &str) -> Value {
    let links = document["provenance"].as_array().unwrap();
    links.iter().find(|link| link["stage"] == stage).unwrap().clone()
}

#[test]
fn run_that_is_repeated_computes_no_stage_again() {
    let out = tempfile::tempdir().unwrap();
    let first = run(&[&calls()], out.path(), &[]).with_code(0).summary();
    let recordings = first["files"].as_u64().unwrap();
    assert_eq!(first["stages_computed"], recordings * stage_count() as u64);
    let second = run(&[&calls()], out.path(), &[]).with_code(0).summary();
    assert_eq!(second["stages_computed"], 0);
    assert_eq!(second["stages_reused"], recordings * stage_count() as u64);
}

#[test]
fn copy_under_another_name_is_the_same_recording() {
    let folder = tempfile::tempdir().unwrap();
    let (first, copy) = (folder.path().join("mother_240101_080000.wav"), folder.path().join("bank_250202_090501.wav"));
    fs::copy(calls().join("reading.wav"), &first).unwrap();
    fs::copy(&first, &copy).unwrap();
    let out = folder.path().join("out");
    run(&[&first], &out, &[]).with_code(0);
    let summary = run(&[&copy], &out, &[]).with_code(0).summary();
    assert_computed(&summary, 0);
    let recording = document(&out, "mother_240101_080000")["recording"].clone();
    assert!(!out.join("bank_250202_090501.json").exists());
    assert_eq!((&recording["contact"], &recording["recorded_at"]), (&"bank".into(), &"2025-02-02T09:05:01".into()));
    assert_eq!(recording["other_names"], serde_json::json!(["mother_240101_080000.wav"]));
    let both = run(&[&first, &copy], &out, &[]).with_code(0);
    assert_eq!(both.summary()["files"], 1);
    assert!(both.stdout.contains("the same recording: "), "{}", both.stdout);
}

#[test]
fn recompute_from_a_stage_computes_it_and_later_ones_again() {
    let out = tempfile::tempdir().unwrap();
    let call = calls().join("reading.wav");
    run(&[&call], out.path(), &[]).with_code(0);
    let before = document(out.path(), "reading");
    let summary = run(&[&call], out.path(), &["--from", "align"]).with_code(0).summary();
    assert_computed(&summary, 2);
    let after = document(out.path(), "reading");
    assert_same(&before["words"], &after["words"], "words");
    assert_eq!(
        provenance(&before, "transcribe"),
        provenance(&after, "transcribe"),
        "transcribe was not computed again"
    );
    assert_ne!(provenance(&before, "align")["started_at"], provenance(&after, "align")["started_at"], "align ran");
}

#[test]
fn setting_of_one_stage_keeps_the_earlier_stages() {
    let out = tempfile::tempdir().unwrap();
    let call = calls().join("reading.wav");
    run(&[&call], out.path(), &[]).with_code(0);
    let summary = run(&[&call], out.path(), &["--deception"]).with_code(0).summary();
    assert_computed(&summary, 1);
}

#[test]
fn stage_prints_its_artifact_and_stores_it() {
    let out = tempfile::tempdir().unwrap();
    let call = calls().join("reading.wav");
    let (call, folder) = (call.to_str().unwrap(), out.path().to_str().unwrap());
    let stage = ["stage", "segment", call, "--out", folder, "--progress", "none", "--model", &test_model()];
    let printed = finish(stage).with_code(0).stdout;
    let printed: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(printed["stage"], "segment");
    assert!(!printed["artifact"]["windows"].as_array().unwrap().is_empty());
    let summary = run(&[call.as_ref()], out.path(), &[]).with_code(0).summary();
    assert_computed(&summary, stage_count() - 2);
}

#[test]
fn precision_of_a_case_is_kept_though_another_model_ran_over_its_recordings() {
    let out = tempfile::tempdir().unwrap();
    let call = calls().join("reading.wav");
    let precision_with = |more: &[&str]| {
        run(&[&call], out.path(), more).with_code(0);
        let document = document(out.path(), "reading");
        provenance(&document, "transcribe")["precision"].clone()
    };
    assert_eq!(precision_with(&["--precision", "bf16"]), "bf16");
    assert_eq!(precision_with(&["--model", "embedded"]), "int8");
    assert_eq!(precision_with(&[]), "bf16");
}
