//! What a case proves: hashes of models, the head of the custody log, the signed manifest, time stamps.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use stage_core::sha256_hex;

use crate::support::{Finished, calls, custody_log, document, finish, run, test_model};

struct Case {
    folder: tempfile::TempDir,
}

impl Case {
    /// A case of one call.
    fn new(more: &[&str]) -> (Self, Finished) {
        let folder = tempfile::tempdir().unwrap();
        fs::copy(calls().join("reading.wav"), folder.path().join("call.wav")).unwrap();
        let case = Self { folder };
        let finished = case.run(more);
        (case, finished)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.at(name).to_str().unwrap().to_owned()
    }

    fn run(&self, more: &[&str]) -> Finished {
        run(&[&self.at("call.wav")], &self.at("out"), more).with_code(0)
    }

    /// A command on the case's folder.
    fn on(&self, command: &[&str], more: &[&str]) -> Finished {
        let out = self.text("out");
        finish(command.iter().copied().chain([out.as_str()]).chain(more.iter().copied()))
    }

    fn log(&self) -> Vec<String> {
        fs::read_to_string(custody_log(&self.at("out"))).unwrap().lines().map(str::to_owned).collect()
    }

    /// Makes a key, and returns the paths of both of its files.
    fn key(&self, name: &str) -> (String, String) {
        finish(["key", "new", &self.text(name)]).with_code(0);
        (self.text(name), self.text(&format!("{name}.pub")))
    }
}

fn verify(case: &Case, more: &[&str]) -> Finished {
    case.on(&["verify"], more)
}

#[test]
fn head_of_a_run_is_the_hash_of_the_last_line() {
    let (case, finished) = Case::new(&[]);
    let head = sha256_hex(case.log().last().unwrap().as_bytes());
    assert_eq!(finished.summary()["head"], head);
    assert!(finished.stdout.contains(&head) && verify(&case, &[]).with_code(0).stdout.contains(&head));
    let verified = verify(&case, &["--head", &head.to_uppercase()]).with_code(0).stdout;
    assert!(verified.contains("a head that was written down"), "{verified}");
    case.run(&["--deception"]);
    let verified = verify(&case, &["--head", &head]).with_code(0).stdout;
    assert!(verified.contains("lines are later"), "{verified}");
    verify(&case, &["--head", &sha256_hex(b"another")]).with_code(5);
    verify(&case, &["--head", "short"]).with_code(2);
}

#[test]
fn log_contains_no_names_paths_or_texts() {
    let (case, _) = Case::new(&["--format", "json,srt"]);
    let log = case.log().join("\n");
    let words = document(&case.at("out"), "call")["words"].clone();
    let texts = words.as_array().unwrap().iter().map(|word| word["text"].as_str().unwrap().to_owned());
    let long = texts.filter(|text| text.len() > 4);
    for secret in long.chain(["call".to_owned(), case.text("out")]) {
        assert!(!log.contains(&secret), "{secret}");
    }
}

#[test]
fn verify_as_json_has_what_the_text_has() {
    let (case, _) = Case::new(&[]);
    let report: Value = serde_json::from_str(&verify(&case, &["--json"]).with_code(0).stdout).unwrap();
    assert_eq!(
        (&report["version"], &report["valid"], &report["faults"]),
        (&1.into(), &true.into(), &serde_json::json!([]))
    );
    assert_eq!(report["counts"]["recordings"], 1);
    fs::remove_file(case.at("call.wav")).unwrap();
    let report: Value = serde_json::from_str(&verify(&case, &["--json"]).with_code(5).stdout).unwrap();
    assert_eq!((&report["valid"], &report["faults"][0]["check"]), (&false.into(), &"recording".into()));
}

#[test]
fn manifest_that_a_run_signs_covers_the_case_until_something_is_added() {
    let (case, _) = Case::new(&[]);
    let (key, public) = case.key("key");
    case.run(&["--sign", &key]);
    let verified = verify(&case, &["--public-key", &public]).with_code(0).stdout;
    assert!(verified.contains("a signed manifest"), "{verified}");
    let manifest: Value = serde_json::from_slice(&fs::read(case.at("out/manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["recordings"][0]["sha256"], stage_core::sha256_file(&case.at("call.wav")).unwrap());
    assert_eq!(manifest["files"][0]["sha256"], stage_core::sha256_file(&case.at("out/call.json")).unwrap());
    case.on(&["export"], &["--format", "srt"]).with_code(0);
    let verified = verify(&case, &["--public-key", &public]).with_code(5).stdout;
    assert!(verified.contains("call.srt: added since"), "{verified}");
    case.on(&["manifest"], &["--sign", &key]).with_code(0);
    verify(&case, &["--public-key", &public]).with_code(0);
    let (_, other) = case.key("other");
    let verified = verify(&case, &["--public-key", &other]).with_code(5).stdout;
    assert!(verified.contains("signed with another key"), "{verified}");
    case.on(&["manifest"], &[]).with_code(0);
    let verified = verify(&case, &["--public-key", &public]).with_code(5).stdout;
    assert!(verified.contains("there is no signature"), "{verified}");
    verify(&case, &[]).with_code(0);
}

#[test]
fn manifest_of_somebody_else_is_not_replaced() {
    let (case, _) = Case::new(&[]);
    fs::write(case.at("out/manifest.json"), "theirs").unwrap();
    let refused = case.on(&["manifest"], &[]).with_code(2).stderr;
    assert!(refused.contains("manifest.json") && refused.contains("[output-taken]"), "{refused}");
    assert_eq!(fs::read(case.at("out/manifest.json")).unwrap(), b"theirs");
    case.on(&["manifest"], &["--overwrite"]).with_code(0);
}

#[test]
fn model_hashes_are_those_of_sha256sum() {
    let model = Path::new(&test_model()).to_owned();
    let shown = finish(["models", "--model", model.to_str().unwrap(), "--json"]).with_code(0).stdout;
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let files = shown["files"].as_object().unwrap();
    assert!(files.contains_key("model.safetensors") && files.contains_key("config.json"), "{files:?}");
    for (name, sha256) in files {
        assert_eq!(sha256, &stage_core::sha256_file(&model.join(name)).unwrap(), "{name}");
    }
    let out = tempfile::tempdir().unwrap();
    run(&[&calls().join("reading.wav")], out.path(), &[]).with_code(0);
    let document = document(out.path(), "reading");
    let mut provenance = document["provenance"].as_array().unwrap().iter();
    let transcribe = provenance.find(|made| made["stage"] == "transcribe").unwrap();
    assert_eq!(transcribe["model_files"], shown["files"]);
    let text = fs::read_to_string(custody_log(out.path())).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let line = lines.iter().find(|line| line["entry"]["kind"] == "run-began").unwrap();
    assert_eq!(line["entry"]["models"][shown["sha256"].as_str().unwrap()], shown["files"]);
}
