//! `plan`: what a run would do. It agrees with the run that follows, and changes nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use testkit::root;

use crate::support::{calls, earwitness, finish, run, run_args, test_model};
use crate::verify::flip_byte;

/// The plan of a run over `inputs` into `out`, as JSON.
fn plan(inputs: &[&Path], out: &Path, more: &[&str]) -> Value {
    let mut args = run_args(inputs, out, more);
    args[0] = "plan".to_owned();
    args.push("--json".to_owned());
    serde_json::from_str(&finish(args).with_code(0).stdout).unwrap()
}

/// All files under a folder with their contents and times.
fn contents(folder: &Path) -> BTreeMap<String, (Vec<u8>, std::time::SystemTime)> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let modified = path.metadata().unwrap().modified().unwrap();
        files.insert(path.display().to_string(), (fs::read(&path).unwrap(), modified));
    }
    files
}

/// Number of recordings in one state of every stage.
fn stages(plan: &Value, state: &str) -> Vec<u64> {
    let stages = plan["work"]["value"]["stages"].as_array().unwrap();
    stages.iter().map(|stage| stage[state].as_u64().unwrap()).collect()
}

#[test]
fn plan_agrees_with_the_run_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let before = plan(&[&calls()], &out, &[]);
    assert!(!out.exists(), "a plan creates no folder");
    assert_eq!(stages(&before, "missing"), [8; 6]);
    assert_eq!(stages(&before, "cached"), [0; 6]);
    assert_eq!(before["files"]["files"], 8);
    assert_eq!(before["files"]["hashes_cached"], 0);
    assert!((75.0..90.0).contains(&before["files"]["audio_s"].as_f64().unwrap()), "{}", before["files"]);
    assert_eq!(before["disk"]["store_bytes"]["value"], Value::Null);
    assert!(before["disk"]["store_bytes"]["reason"].is_string() && before["disk"]["free_bytes"]["value"].is_u64());
    assert_eq!(before["models"][0]["sha256"]["value"].as_str().map(str::len), Some(64));

    run(&[&calls()], &out, &[]).with_code(0);
    let stored = contents(&out);
    let after = plan(&[&calls()], &out, &[]);
    assert_eq!(stages(&after, "cached"), [8; 6]);
    assert_eq!(after["files"]["hashes_cached"], 8);
    assert_eq!(after["time"]["value"]["expected_s"], 0.0);
    let again = plan(&[&calls()], &out, &["--from", "align"]);
    assert_eq!(stages(&again, "again"), [0, 0, 0, 0, 8, 8]);
    assert_eq!(stages(&again, "runs"), [8, 0, 0, 0, 8, 8], "align reads samples, so decode runs too");
    let all = plan(&[&calls()], &out, &["--force"]);
    let basis = all["time"]["value"]["basis"].as_str().unwrap();
    assert!(basis.contains("past runs of this store: 1 runs"), "{basis}");
    assert!(all["time"]["value"]["expected_s"].as_f64().unwrap() > 0.0);
    assert!(all["disk"]["store_bytes"]["value"].as_u64().unwrap() > 10_000);
    assert_eq!(contents(&out), stored, "a plan changes nothing");
}

#[test]
fn plan_reports_altered_artifacts() {
    let out = tempfile::tempdir().unwrap();
    let call = calls().join("reading.wav");
    run(&[&call], out.path(), &[]).with_code(0);
    flip_byte(&out.path().join("earwitness.db"), b"avg_logprob");
    let plan = plan(&[&call], out.path(), &[]);
    assert_eq!(stages(&plan, "altered"), [0, 0, 0, 1, 0, 0]);
    assert_eq!(plan["work"]["value"]["complete"], 0);
}

#[test]
fn plan_names_problems_of_names_and_headers() {
    let folder = tempfile::tempdir().unwrap();
    let (inputs, out) = (folder.path().join("in"), folder.path().join("out"));
    fs::create_dir_all(inputs.join("deeper")).unwrap();
    let call = calls().join("two-speakers_261105_142530.m4a");
    for name in ["a_241105_142530.m4a", "deeper/a_241105_142530.m4a", "recording.bin"] {
        fs::copy(&call, inputs.join(name)).unwrap();
    }
    fs::write(inputs.join("empty.wav"), b"").unwrap();
    fs::write(inputs.join("text.mp3"), "this is a text").unwrap();
    fs::write(inputs.join("old.wmv"), "\x30\x26").unwrap();
    fs::write(inputs.join("notes.txt"), "notes").unwrap();
    let plan = plan(&[&inputs], &out, &[]);
    let problems = plan["problems"].as_array().unwrap();
    let found: Vec<(&str, &str, usize)> = problems
        .iter()
        .map(|problem| {
            let text = |key: &str| problem[key].as_str().unwrap();
            (text("severity"), text("code"), problem["paths"].as_array().unwrap().len())
        })
        .collect();
    let expected = [
        ("error", "empty-file", 1),
        ("error", "unknown-container", 1),
        ("warning", "missing-date", 2),
        ("warning", "skipped-recording", 1),
        ("warning", "unsupported-extension", 1),
        ("note", "duplicate-content", 2),
    ];
    assert_eq!(found, expected, "{problems:#?}");
    assert_eq!(plan["skipped"].as_array().unwrap().len(), 3);
    assert_eq!(plan["work"]["value"]["recordings"], 3, "the copies are one recording");
}

#[test]
fn plan_does_not_download_a_model() {
    let (folder, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let out = folder.path().join("out");
    let call = calls().join("reading.wav");
    let args = ["plan", call.to_str().unwrap(), "--out", out.to_str().unwrap(), "--model", "openai/whisper-tiny"];
    let output = earwitness(args.into_iter().chain(["--json"])).env("HF_HOME", cache.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let plan: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(plan["models"][0]["state"], "not_downloaded");
    for unknown in ["work", "time"] {
        assert_eq!(plan[unknown]["value"], Value::Null);
        assert!(plan[unknown]["reason"].as_str().unwrap().contains("not downloaded yet"), "{}", plan[unknown]);
    }
    assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 0, "nothing was downloaded");
    let text = earwitness(args).env("HF_HOME", cache.path()).output().unwrap();
    assert!(String::from_utf8_lossy(&text.stdout).contains("not downloaded yet"));
}

#[test]
fn plan_as_text_names_stages_time_and_model() {
    let out = root().join("no-such-folder");
    let args =
        ["plan", calls().to_str().unwrap(), "--out", out.to_str().unwrap(), "--model", &test_model()].map(String::from);
    let text = finish(args).with_code(0).stdout;
    for part in
        ["files      8 (", "transcribe: 0 cached, 8 to compute", "time       unknown: ", "model      transcription: "]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!out.exists());
}
