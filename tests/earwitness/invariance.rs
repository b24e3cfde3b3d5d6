//! Devices and batch sizes affect the speed, not the results.

use serde_json::Value;

use crate::support::{assert_same, calls, documents, finish_at_level, run, run_args};

#[test]
fn workers_and_batch_sizes_change_no_result() {
    let reference = tempfile::tempdir().unwrap();
    run(&[&calls()], reference.path(), &["--devices", "cpu:1", "--worker-batch-size", "10"]).with_code(0);
    let reference = documents(reference.path());
    assert!(reference.len() >= 4);
    for (devices, batch, device_batch) in [("cpu:2", "10", "8"), ("cpu:1", "1", "1"), ("cpu:2", "1", "3")] {
        let out = tempfile::tempdir().unwrap();
        let args = ["--devices", devices, "-b", batch, "--device-batch-size", device_batch];
        run(&[&calls()], out.path(), &args).with_code(0);
        let documents = documents(out.path());
        assert_eq!(documents.len(), reference.len());
        for ((name, a), (other, b)) in documents.iter().zip(&reference) {
            assert_eq!(name, other);
            assert_same(a, b, &format!("{name} with {devices}, batch {batch}"));
        }
    }
}

#[test]
fn instruction_sets_change_no_token() {
    let levels = available_levels();
    for precision in ["int8", "f32"] {
        let transcribed = |level: &str| {
            let out = tempfile::tempdir().unwrap();
            let args = run_args(&[&calls()], out.path(), &["--model", "embedded", "--precision", precision]);
            finish_at_level(level, args).with_code(0);
            let texts = documents(out.path()).into_iter().map(|(name, document)| (name, texts(&document)));
            texts.collect::<Vec<_>>()
        };
        let reference = transcribed(&levels[0]);
        assert!(reference.iter().filter(|(_, texts)| !texts.is_empty()).count() >= 4, "{reference:?}");
        for level in &levels[1..] {
            assert_eq!(transcribed(level), reference, "{precision} with {level} and with {}", levels[0]);
        }
    }
}

/// Instruction sets to which this CPU can be limited, best first.
fn available_levels() -> Vec<String> {
    let message = finish_at_level("unknown", ["schema"]).with_code(2).stderr;
    let known = message.split("known are: ").nth(1).expect("all levels");
    let levels = known.split(',').map(|level| level.trim().to_owned()).rev();
    let levels: Vec<_> = levels.filter(|level| finish_at_level(level, ["schema"]).code == Some(0)).collect();
    assert_eq!(levels.last().map(String::as_str), Some("portable"), "{message}");
    levels
}

/// The text and the language of every segment.
fn texts(document: &Value) -> Vec<(String, String)> {
    let segments = document["segments"].as_array().unwrap().iter();
    segments.map(|segment| (segment["text"].to_string(), segment["language"].to_string())).collect()
}
