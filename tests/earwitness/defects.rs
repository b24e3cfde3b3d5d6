//! Warnings of decode reach the console, `status`, the report, the summary, the results and the exit code.

use std::fs;
use std::path::PathBuf;

use crate::support::{calls, document, finish, run};

/// A folder with a whole call, one that is cut, and one whose header was never completed.
fn recordings() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let inputs = folder.path().join("calls");
    fs::create_dir(&inputs).unwrap();
    let call = fs::read(calls().join("reading.wav")).unwrap();
    fs::write(inputs.join("whole.wav"), &call).unwrap();
    fs::write(inputs.join("cut.wav"), &call[..call.len() * 9 / 10]).unwrap();
    let mut unfinished = call;
    unfinished[4..8].copy_from_slice(&36u32.to_le_bytes());
    unfinished[40..44].fill(0);
    fs::write(inputs.join("unfinished.wav"), unfinished).unwrap();
    let out = folder.path().join("out");
    (folder, inputs, out)
}

#[test]
fn warnings_of_decode_are_shown_everywhere() {
    let (_folder, inputs, out) = recordings();
    let finished = run(&[&inputs], &out, &[]).with_code(7);
    let counts = "2 recordings have warnings, 1 of them without a part of their sound";
    assert!(finished.stdout.contains(counts), "{}", finished.stdout);
    let summary = finished.summary();
    assert_eq!((summary["files_with_warnings"].as_u64(), summary["files_losing_sound"].as_u64()), (Some(2), Some(1)));
    let events = finished.stderr.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    assert_eq!(events.filter(|event| event["event"] == "warnings").count(), 2);

    let cut = &document(&out, "cut")["recording"];
    assert_eq!(cut["warnings"][0]["kind"], "incomplete");
    assert!(cut["account"]["audio_bytes"].as_u64().unwrap() > 100_000);
    assert_eq!(document(&out, "unfinished")["recording"]["warnings"][0]["kind"], "header");
    assert_eq!(document(&out, "whole")["recording"]["warnings"].as_array().unwrap().len(), 0);

    let out_name = out.to_str().unwrap();
    let status = finish(["status", out_name]).with_code(0).stdout;
    for line in
        [counts, "cut.wav: incomplete: the header promises", "unfinished.wav: header: the header states 0.000 s"]
    {
        assert!(status.contains(line), "{line}\n{status}");
    }
    let report = fs::read_to_string(out.join("report.html")).unwrap();
    for text in ["the header promises", "incomplete", "sound of some recordings is missing"] {
        assert!(report.contains(text), "{text}");
    }

    // Cached results say the same.
    run(&[&inputs], &out, &[]).with_code(7);
    let stage = finish(["stage", "decode", inputs.to_str().unwrap(), "--out", out_name]).with_code(7);
    assert!(stage.stderr.contains("cut.wav: incomplete: "), "{}", stage.stderr);
}

#[test]
fn warnings_without_loss_leave_the_exit_code_alone() {
    let (_folder, inputs, out) = recordings();
    fs::remove_file(inputs.join("cut.wav")).unwrap();
    let finished = run(&[&inputs], &out, &[]).with_code(0);
    assert!(finished.stdout.contains("1 recording has warnings; no sound was lost"), "{}", finished.stdout);
}
