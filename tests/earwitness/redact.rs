//! Copies for the other side contain no numbers of identity, cards, accounts and phones, and no names of files.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Finished, calls, finish, run};

/// A number in the name of the recording, in `case.toml`, in a prompt and in reviews.
const NUMBER: &str = "010-1234-5678";

fn case() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let call = folder.path().join(format!("민수_{NUMBER}_20241105093012.wav"));
    fs::copy(calls().join("synthetic-threat.flac"), &call).unwrap();
    let out = folder.path().join("out");
    fs::create_dir(&out).unwrap();
    let sha256 = stage_core::sha256_file(&call).unwrap();
    let case = format!(
        "title = 'about {NUMBER}'\nreference = '{NUMBER}'\n[[person]]\nid = 'kim'\nname = '민수'\nrole = '{NUMBER}'\n\
         numbers = ['{NUMBER}']\nchannel = 0\n[[recording]]\nsha256 = '{sha256}'\nexhibit = '{NUMBER}'\nnote = '{NUMBER}'\n"
    );
    fs::write(out.join("case.toml"), case).unwrap();
    run(&[&call], &out, &["--hotwords", NUMBER]).with_code(0);
    let out_text = out.to_str().unwrap();
    let name = &sha256[..12];
    finish(["review", "text", out_text, name, "word:0", NUMBER, "--author", NUMBER, "--note", NUMBER]).with_code(0);
    (folder, out)
}

/// Exports redacted copies that are reviewed copies too.
fn export(out: &Path, to: &Path) -> Finished {
    let (out, to) = (out.to_str().unwrap(), to.to_str().unwrap());
    finish(["export", out, "--out", to, "--redact", "--reviewed", "--format", "json,srt,vtt,csv,textgrid"])
}

#[test]
fn redacted_copies_contain_the_number_nowhere() {
    let (folder, out) = case();
    let to = folder.path().join("for-them");
    let exported = export(&out, &to).with_code(0);
    assert!(exported.stderr.contains("recorded in the custody log: 5 copies"), "{}", exported.stderr);
    let files: Vec<_> = fs::read_dir(&to).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 5);
    for file in &files {
        let content = String::from_utf8_lossy(&fs::read(file).unwrap()).into_owned();
        let all = format!("{} {content}", file.display());
        for secret in [NUMBER, "01012345678", "1234-5678", "김민수", "_20241105093012"] {
            assert!(!all.contains(secret), "{}: {secret}", file.display());
        }
        assert!(file.file_name().unwrap().to_str().unwrap().starts_with("redacted-"), "{}", file.display());
    }
    finish(["verify", out.to_str().unwrap()]);
}

#[test]
fn redacted_document_states_what_was_masked() {
    let (folder, out) = case();
    let to = folder.path().join("for-them");
    export(&out, &to).with_code(0);
    let is_json = |path: &PathBuf| path.extension().is_some_and(|end| end == "json");
    let json = fs::read_dir(&to).unwrap().map(|entry| entry.unwrap().path()).find(is_json).unwrap();
    let document: Value = serde_json::from_slice(&fs::read(json).unwrap()).unwrap();
    assert!(document["redaction"]["masked"]["phone number"].as_u64().unwrap() >= 5, "{}", document["redaction"]);
    assert_eq!((&document["recording"]["contact"], &document["recording"]["number"]), (&Value::Null, &Value::Null));
}

#[test]
fn redaction_needs_another_folder() {
    let (_folder, out) = case();
    let refused = finish(["export", out.to_str().unwrap(), "--redact"]).with_code(2).stderr;
    assert!(refused.contains("--out"), "{refused}");
    let refused = export(&out, &out).with_code(2).stderr;
    assert!(refused.contains("another folder"), "{refused}");
}
