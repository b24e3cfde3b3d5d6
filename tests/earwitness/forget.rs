//! `forget` deletes the content of a recording from a case, byte for byte, and the case stays valid.

use std::fs;
use std::path::{Path, PathBuf};

use scheduler::store::{Access, Forgotten, StoreUrl, open};

use crate::support::{Finished, calls, document, finish, run};

/// A case of two calls, one of which is to be forgotten: its name contains a contact.
fn case() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let calls_folder = folder.path().join("calls");
    fs::create_dir(&calls_folder).unwrap();
    let secret = calls_folder.join("privileged_241105_093012.wav");
    fs::copy(calls().join("reading.wav"), &secret).unwrap();
    fs::copy(calls().join("synthetic-threat.flac"), calls_folder.join("other.flac")).unwrap();
    let out = folder.path().join("out");
    run(&[&secret, &calls_folder], &out, &["--format", "json,srt,csv"]).with_code(0);
    (folder, secret, out)
}

fn on(command: &str, out: &Path, more: &[&str]) -> Finished {
    finish([command, out.to_str().unwrap()].into_iter().chain(more.iter().copied()))
}

/// Whether any file of a folder contains a text.
fn contains(out: &Path, text: &str) -> Option<PathBuf> {
    let files = fs::read_dir(out).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    let has = |path: &PathBuf| {
        fs::read(path).unwrap().windows(text.len()).any(|window| window == text.as_bytes())
            || path.to_str().unwrap().contains(text)
    };
    files.into_iter().find(has)
}

#[test]
fn forget_deletes_every_byte_of_the_content_and_keeps_the_hash() {
    let (folder, secret, out) = case();
    on("manifest", &out, &[]).with_code(0);
    let text = document(&out, "privileged_241105_093012")["segments"][0]["text"].as_str().unwrap().to_owned();
    assert!(text.len() > 10 && contains(&out, &text).is_some() && contains(&out, "privileged").is_some());
    let asked = on("forget", &out, &["privileged_241105_093012"]).with_code(2).stdout;
    assert!(asked.contains("--yes") && contains(&out, &text).is_some(), "{asked}");
    on("forget", &out, &["privileged_241105_093012", "--yes"]).with_code(0);
    for gone in [text.as_str(), "privileged", "241105_093012"] {
        assert_eq!(contains(&out, gone), None, "{gone}");
    }
    let sha256 = stage_core::sha256_file(&secret).unwrap();
    assert!(contains(&out, &sha256).is_some(), "the hash stays");
    let verified = on("verify", &out, &[]).with_code(0).stdout;
    assert!(verified.contains(&format!("recording {sha256}: forgotten")), "{verified}");
    assert!(on("status", &out, &[]).with_code(0).stdout.contains(&format!("forgotten: {sha256}")));

    let again = run(&[&folder.path().join("calls")], &out, &[]).with_code(0);
    assert!(again.stdout.contains("a recording that was forgotten"), "{}", again.stdout);
    assert_eq!(again.summary()["files"], 1);
    assert!(!out.join("privileged_241105_093012.json").exists());
    on("forget", &out, &[&sha256, "--yes"]).with_code(0);
    on("verify", &out, &[]).with_code(0);
}

#[test]
fn forget_keeps_files_that_somebody_changed_and_refuses_unknown_recordings() {
    let (_folder, _, out) = case();
    on("forget", &out, &["nobody", "--yes"]).with_code(2);
    fs::write(out.join("privileged_241105_093012.srt"), "with my notes").unwrap();
    let kept = on("forget", &out, &["privileged_241105_093012", "--yes", "--reason", "an order"]).with_code(3).stdout;
    assert!(kept.contains("kept, because it was changed") && kept.contains(".srt"), "{kept}");
    assert!(out.join("privileged_241105_093012.srt").exists());
    assert!(out.join("other.json").exists() && !out.join("privileged_241105_093012.json").exists());
}

#[test]
fn forgotten_row_that_was_forged_is_found() {
    let (_folder, secret, out) = case();
    let sha256 = stage_core::sha256_file(&secret).unwrap();
    on("forget", &out, &["other", "--yes"]).with_code(0);
    let sql = format!("INSERT INTO forgotten VALUES ('{sha256}', 5, 'kim', NULL)");
    let done = std::process::Command::new("sqlite3").arg(out.join("earwitness.db")).arg(sql).status().unwrap();
    assert!(done.success());
    let url = StoreUrl::file(out.join("earwitness.db"));
    let forgotten: Vec<Forgotten> = open(&url, Access::Read).unwrap().forgotten().unwrap();
    assert_eq!(forgotten.len(), 2);
    let verified = on("verify", &out, &[]).with_code(5).stdout;
    assert!(verified.contains("not in the custody log: added"), "{verified}");
}
