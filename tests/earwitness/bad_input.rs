//! An unusable recording is reported with its reason and does not affect other recordings.

use std::fs;

use testkit::shared;

use crate::support::{calls, document, finish_at_level, run};

#[test]
fn file_that_is_broken_fails_alone() {
    let folder = tempfile::tempdir().unwrap();
    let inputs = folder.path().join("calls");
    fs::create_dir(&inputs).unwrap();
    fs::copy(calls().join("reading.wav"), inputs.join("good.wav")).unwrap();
    fs::write(inputs.join("empty.wav"), b"").unwrap();
    fs::write(inputs.join("noise.m4a"), b"not a recording, in spite of its name").unwrap();
    let out = folder.path().join("out");
    let finished = run(&[&inputs], &out, &[]).with_code(3);
    let summary = finished.summary();
    assert_eq!(summary["files_failed"], 2);
    for name in ["empty.wav", "noise.m4a"] {
        let line = finished.stdout.lines().find(|line| line.contains(name));
        assert!(line.is_some_and(|line| line.contains("decode")), "{name} in {}", finished.stdout);
        assert!(!out.join(name).with_extension("json").exists());
    }
    assert!(!document(&out, "good")["words"].as_array().unwrap().is_empty());
}

#[test]
#[ignore = "needs ../shared"]
fn files_that_are_broken_end_in_an_error_or_an_empty_record() {
    let bad = shared("bad");
    let out = tempfile::tempdir().unwrap();
    let outright: Vec<_> = fs::read_dir(bad).unwrap().map(|entry| entry.unwrap().path()).collect();
    let mut inputs: Vec<_> = outright.iter().map(std::path::PathBuf::as_path).collect();
    let good = calls().join("reading.wav");
    inputs.push(&good);
    let finished = run(&inputs, out.path(), &[]).with_code(3);
    assert!(!finished.stderr.contains("panicked"), "{}", finished.stderr);
    let summary = finished.summary();
    // Empty files are one recording, like all files with the same bytes.
    let contents: std::collections::BTreeSet<_> = inputs.iter().map(|path| fs::read(path).unwrap()).collect();
    assert_eq!(summary["files"], contents.len());
    assert_eq!(
        summary["files_done"].as_u64().unwrap() + summary["files_failed"].as_u64().unwrap(),
        contents.len() as u64
    );
    assert!(!document(out.path(), "reading")["words"].as_array().unwrap().is_empty());
}

#[test]
#[ignore = "needs ../shared"]
fn audio_formats_run_through_the_whole_pipeline() {
    let formats = shared("formats");
    let out = tempfile::tempdir().unwrap();
    // The last block of p001.flac is damaged.
    let summary = run(&[&formats], out.path(), &["--devices", "cpu:2"]).with_code(7).summary();
    assert_eq!(
        (summary["files_done"].clone(), summary["files_with_warnings"].as_u64()),
        (summary["files"].clone(), Some(1))
    );
    assert!(summary["files"].as_u64().unwrap() >= 27);
}

#[test]
fn cpu_limit_that_is_wrong_is_an_error_before_anything_is_run() {
    let refused = |level| {
        let finished = finish_at_level(level, ["schema"]).with_code(2);
        assert!(finished.stdout.is_empty(), "{}", finished.stdout);
        finished.stderr
    };
    let message = refused("avx3");
    let known = "portable, avx2, avxvnni, avx512, avx512vnni, avx512bf16";
    assert!(message.contains("EARWITNESS_CPU") && message.contains("avx3") && message.contains(known), "{message}");
    finish_at_level("portable", ["schema"]).with_code(0);
}
