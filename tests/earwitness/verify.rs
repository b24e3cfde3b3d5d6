//! `verify` accepts unchanged results and reports every change, even of one byte.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Finished, calls, finish, run};

struct Case {
    _folder: tempfile::TempDir,
    call: PathBuf,
    out: PathBuf,
}

/// A copy of a call, and the results of a run on it.
fn case() -> Case {
    let folder = tempfile::tempdir().unwrap();
    let call = folder.path().join("call.wav");
    fs::copy(calls().join("reading.wav"), &call).unwrap();
    let out = folder.path().join("out");
    run(&[&call], &out, &["--format", "json,srt"]).with_code(0);
    Case { _folder: folder, call, out }
}

fn verify(out: &Path) -> Finished {
    finish(["verify", out.to_str().unwrap()])
}

/// Changes one byte in the middle of the first occurrence of `needle`.
pub(crate) fn flip_byte(path: &Path, needle: &[u8]) {
    let mut bytes = fs::read(path).unwrap();
    let at = bytes.windows(needle.len()).position(|window| window == needle).expect("the needle is in the file");
    bytes[at + needle.len() / 2] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn verify_accepts_an_unchanged_folder() {
    let case = case();
    let verified = verify(&case.out).with_code(0);
    assert!(verified.stdout.contains("valid"), "{}", verified.stdout);
}

#[test]
fn verify_detects_an_altered_recording() {
    let case = case();
    let mut bytes = fs::read(&case.call).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&case.call, bytes).unwrap();
    assert!(verify(&case.out).with_code(5).stdout.contains("call.wav"));
}

#[test]
fn verify_detects_a_missing_recording() {
    let case = case();
    fs::remove_file(&case.call).unwrap();
    assert!(verify(&case.out).with_code(5).stdout.contains("call.wav"));
}

#[test]
fn verify_detects_an_altered_artifact() {
    let case = case();
    flip_byte(&case.out.join("earwitness.db"), b"avg_logprob");
    let verified = verify(&case.out).with_code(5);
    assert!(verified.stdout.contains("transcribe"), "{}", verified.stdout);
}

#[test]
fn verify_detects_an_altered_export() {
    for (file, needle) in [("call.json", b"start_s".as_slice()), ("call.srt", b"-->")] {
        let case = case();
        flip_byte(&case.out.join(file), needle);
        assert!(verify(&case.out).with_code(5).stdout.contains(file));
    }
}

#[test]
fn verify_fails_without_a_store() {
    let folder = tempfile::tempdir().unwrap();
    verify(folder.path()).with_code(6);
}
