//! Cases that move: the identity of a recording is the hash of its bytes.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Finished, document, documents, finish, folder_of_calls, run};

/// A case of two calls, in a folder of its own with them.
fn case() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let (folder, calls, out) = folder_of_calls(2);
    run(&[&calls], &out, &["--format", "json,srt"]).with_code(0);
    (folder, calls, out)
}

fn verify(out: &Path, more: &[&str]) -> Finished {
    finish(["verify", out.to_str().unwrap()].into_iter().chain(more.iter().copied()))
}

fn names(out: &Path) -> Vec<String> {
    documents(out).into_iter().map(|(name, _)| name).collect()
}

#[test]
fn case_that_moves_with_its_recordings_stays_valid_and_the_same() {
    let (folder, _, _) = case();
    let elsewhere = tempfile::tempdir().unwrap();
    let moved = elsewhere.path().join("moved");
    fs::rename(folder.path(), &moved).unwrap();
    let out = moved.join("out");
    let before = fs::read(out.join("call-0.json")).unwrap();
    verify(&out, &[]).with_code(0);
    let again = run(&[&moved.join("calls")], &out, &[]).with_code(0);
    assert_eq!(again.summary()["stages_computed"], 0);
    assert_eq!(names(&out), ["call-0", "call-1"]);
    assert_eq!(fs::read(out.join("call-0.json")).unwrap(), before, "a path relative to the case does not change");
    verify(&out, &[]).with_code(0);
    fs::create_dir(folder.path()).unwrap();
}

#[test]
fn case_without_its_recordings_finds_them_by_their_hash() {
    let (folder, calls, out) = case();
    let elsewhere = tempfile::tempdir().unwrap();
    let (kept, moved) = (elsewhere.path().join("kept"), elsewhere.path().join("case"));
    fs::create_dir(&kept).unwrap();
    fs::rename(calls.join("call-0.wav"), kept.join("renamed.wav")).unwrap();
    fs::rename(calls.join("call-1.wav"), kept.join("1")).unwrap();
    fs::rename(&out, &moved).unwrap();
    let missing = verify(&moved, &[]).with_code(5).stdout;
    assert!(missing.contains("--recordings DIR") && missing.contains("2 checks failed"), "{missing}");
    let named = kept.join("1");
    fs::rename(&named, kept.join("1.wav")).unwrap();
    let found = verify(&moved, &["--recordings", kept.to_str().unwrap()]).with_code(0).stdout;
    assert!(found.contains("renamed.wav") && found.contains("found by its hash"), "{found}");
    let mut bytes = fs::read(kept.join("1.wav")).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(kept.join("1.wav"), bytes).unwrap();
    verify(&moved, &["--recordings", kept.to_str().unwrap()]).with_code(5);
    drop(folder);
}

#[test]
fn recording_that_was_renamed_keeps_its_results_and_the_rename_is_recorded() {
    let (_folder, calls, out) = case();
    fs::rename(calls.join("call-1.wav"), calls.join("other_241105_093012.wav")).unwrap();
    let again = run(&[&calls], &out, &[]).with_code(0);
    assert_eq!(again.summary()["stages_computed"], 0);
    assert_eq!(names(&out), ["call-0", "call-1"], "no duplicate");
    let recording = document(&out, "call-1")["recording"].clone();
    assert_eq!(recording["contact"], "other");
    assert_eq!(recording["other_names"], serde_json::json!(["call-1.wav"]));
    let status = finish(["status", out.to_str().unwrap()]).with_code(0).stdout;
    assert!(status.contains("this recording was at "), "{status}");
    verify(&out, &[]).with_code(0);
}

#[test]
fn copies_of_a_recording_are_one_recording() {
    let (_folder, calls, out) = case();
    fs::copy(calls.join("call-0.wav"), calls.join("call-0 (1).wav")).unwrap();
    let again = run(&[&calls], &out, &[]).with_code(0);
    assert_eq!((again.summary()["files"].clone(), names(&out)), (2.into(), vec!["call-0".into(), "call-1".into()]));
    fs::remove_file(calls.join("call-0.wav")).unwrap();
    verify(&out, &[]).with_code(0);
}

#[test]
fn recordings_outside_the_case_are_found_where_they_were() {
    let (folder, calls, _) = case();
    let elsewhere = tempfile::tempdir().unwrap();
    let out = elsewhere.path().join("a/b/case");
    run(&[&calls], &out, &[]).with_code(0);
    let moved = elsewhere.path().join("case");
    fs::rename(&out, &moved).unwrap();
    verify(&moved, &[]).with_code(0);
    let path = document(&moved, "call-0")["recording"]["path"].as_str().unwrap().to_owned();
    assert!(
        Path::new(&path).is_absolute() && path.starts_with(folder.path().canonicalize().unwrap().to_str().unwrap())
    );
}
