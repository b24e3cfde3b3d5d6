//! Exports carry what they were made from: a later run writes those of earlier formats again, and `verify` compares.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::support::{Finished, calls, document, finish, run, test_model, write_joined};

struct Case {
    _folder: tempfile::TempDir,
    call: PathBuf,
    out: PathBuf,
}

/// The results of a run in several formats.
fn case(formats: &str) -> Case {
    let folder = tempfile::tempdir().unwrap();
    let (call, out) = (folder.path().join("call.wav"), folder.path().join("out"));
    fs::copy(calls().join("reading.wav"), &call).unwrap();
    run(&[&call], &out, &["--format", formats]).with_code(0);
    Case { _folder: folder, call, out }
}

fn on(command: &str, out: &Path, more: &[&str]) -> Finished {
    finish([command, out.to_str().unwrap()].into_iter().chain(more.iter().copied()))
}

fn read(out: &Path, extensions: &[&str]) -> Vec<String> {
    extensions.iter().map(|end| fs::read_to_string(out.join(format!("call.{end}"))).unwrap()).collect()
}

#[test]
fn recording_that_was_replaced_is_an_incident_and_a_new_item_beside_the_old() {
    let case = case("json,srt");
    let before = read(&case.out, &["json", "srt"]);
    let original = fs::read(&case.call).unwrap();
    write_joined(&calls().join("reading.wav"), 2, &case.call);
    let finished = run(&[&case.call], &case.out, &["--format", "json,srt"]).with_code(0);
    assert!(finished.stderr.contains("recording-changed"), "{}", finished.stderr);
    assert!(finished.stdout.contains("changed since it was first seen: "), "{}", finished.stdout);
    assert_eq!(read(&case.out, &["json", "srt"]), before, "the first-seen item stays");
    let sha256 = |name: &str| document(&case.out, name)["recording"]["sha256"].clone();
    assert_ne!(sha256("call"), sha256("call-2"));
    assert!(on("status", &case.out, &[]).stdout.contains("recording changed: its SHA-256 is"));
    let verified = on("verify", &case.out, &[]).with_code(5).stdout;
    let first = sha256("call");
    let gone = format!("call.wav: the recording {} is no longer there; the file is", first.as_str().unwrap());
    assert!(verified.contains(&gone), "{verified}");
    let again = run(&[&case.call], &case.out, &["--format", "json,srt"]).with_code(0);
    assert!(!again.stderr.contains("recording-changed"), "one incident for one change: {}", again.stderr);
    assert!(!case.out.join("call-3.json").exists());
    fs::rename(&case.call, case.call.with_file_name("edited.wav")).unwrap();
    fs::write(&case.call, original).unwrap();
    let folder = case.call.parent().unwrap().to_str().unwrap();
    on("verify", &case.out, &["--recordings", folder]).with_code(0);
}

#[test]
fn exports_of_earlier_formats_follow_other_settings_and_another_model() {
    let case = case("json,vtt");
    let fingerprint = |out: &Path| {
        let document = document(out, "call");
        let mut made = document["provenance"].as_array().unwrap().iter();
        let forensics = made.find(|made| made["stage"] == "forensics").unwrap();
        forensics["fingerprint"].as_str().unwrap().to_owned()
    };
    for more in [&["--deception"][..], &["--model", "embedded", "--deception"]] {
        run(&[&case.call], &case.out, more).with_code(0);
        let vtt = fs::read_to_string(case.out.join("call.vtt")).unwrap();
        assert!(vtt.contains(&format!("forensics: {}", fingerprint(&case.out))), "{vtt}");
        on("verify", &case.out, &[]).with_code(0);
    }
}

#[test]
fn verify_detects_stale_missing_and_unrecorded_exports() {
    let case = case("json,srt");
    let model = test_model();
    let (call, out) = (case.call.to_str().unwrap(), case.out.to_str().unwrap());
    let stage = ["stage", "segment", call, "--out", out, "--vad", "energy", "--progress", "none", "--model", &model];
    finish(stage).with_code(0);
    let verified = on("verify", &case.out, &[]).with_code(5).stdout;
    for file in ["call.json: stale", "call.srt: stale"] {
        assert!(verified.contains(file), "{file}: {verified}");
    }
    run(&[&case.call], &case.out, &["--vad", "energy"]).with_code(0);
    on("verify", &case.out, &[]).with_code(0);
    fs::copy(case.out.join("call.json"), case.out.join("other.json")).unwrap();
    let verified = on("verify", &case.out, &[]).with_code(5).stdout;
    assert!(verified.contains("other.json: a result that this store has no record of"), "{verified}");
    fs::remove_file(case.out.join("other.json")).unwrap();
    fs::remove_file(case.out.join("call.srt")).unwrap();
    assert!(on("verify", &case.out, &[]).with_code(5).stdout.contains("call.srt: missing"));
    on("export", &case.out, &[]).with_code(0);
    on("verify", &case.out, &[]).with_code(0);
}

#[test]
fn documents_carry_renderer_version_and_settings() {
    let case = case("json");
    let renderer = document(&case.out, "call")["renderer"].clone();
    assert_eq!(renderer, json!({"format": "json", "version": 2, "settings": {}}));
}

#[test]
fn export_of_a_recording_without_artifacts_is_not_a_success() {
    let case = case("json");
    let model = test_model();
    let (call, out) = (case.call.to_str().unwrap(), case.out.to_str().unwrap());
    finish(["stage", "segment", call, "--out", out, "--vad", "energy", "--progress", "none", "--model", &model])
        .with_code(0);
    let exported = on("export", &case.out, &[]).with_code(3).stdout;
    assert!(exported.contains("nothing to export") && exported.contains("[missing-artifact]"), "{exported}");
}

#[test]
fn csv_begins_with_a_byte_order_mark_unless_it_is_switched_off() {
    let case = case("csv");
    let csv = case.out.join("call.csv");
    let with_bom = |csv: &Path| fs::read(csv).unwrap().starts_with(b"\xef\xbb\xbfchannel,");
    assert!(with_bom(&csv));
    run(&[&case.call], &case.out, &["--csv-bom=false"]).with_code(0);
    assert!(!with_bom(&csv) && fs::read(&csv).unwrap().starts_with(b"channel,"));
    on("export", &case.out, &["--format", "csv"]).with_code(0);
    assert!(with_bom(&csv));
    on("export", &case.out, &["--format", "csv", "--csv-bom=false"]).with_code(0);
    assert!(!with_bom(&csv));
    on("verify", &case.out, &[]).with_code(0);
}
