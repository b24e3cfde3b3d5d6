//! The interface for scripts: exit codes, names, formats, schema.

use std::fs;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::{
    Finished, call_names, calls, document, earwitness, finish, finish_at_level, run, run_args, test_model,
};

#[test]
fn usage_that_is_wrong_is_reported_before_anything_runs() {
    let out = tempfile::tempdir().unwrap();
    let (call, folder) = (calls().join("reading.wav"), out.path().join("never"));
    let (call, folder) = (call.to_str().unwrap(), folder.to_str().unwrap());
    let model = &test_model();
    for (args, named) in [
        (vec!["run", "/no/such/call.wav", "--out", folder], "/no/such/call.wav"),
        (vec!["run", call, "--out", folder, "--devices", "tpu:0"], "tpu:0"),
        (vec!["run", call, "--out", folder, "--model", "/no/such/model"], "/no/such/model"),
        (vec!["run", call, "--out", folder, "--language", "English"], "English"),
        (vec!["run", call, "--out", folder, "--devices", "cpu", "--precision", "f16"], "precision is f16"),
        (vec!["run", call, "--out", folder, "--lexicon", "/no/such.toml"], "/no/such.toml"),
        (vec!["run", call, "--out", folder, "--vad", "silero:/no/weights"], "/no/weights"),
        (vec!["run", call, "--out", folder, "--aligner", "/no/aligner"], "/no/aligner"),
        (vec!["run", call, "--out", folder, "--aligner", model], "vocab.json"),
        (vec!["run", call, "--out", folder, "-b", "0"], "0"),
        (vec!["stage", "listen", call], "listen"),
    ] {
        let finished = finish(&args).with_code(2);
        assert!(finished.stderr.contains(named), "{args:?}: {}", finished.stderr);
        let (_, reason) = finished.stderr.split_once(": ").unwrap_or_default();
        assert!(reason.len() < 9 || !reason[9..].contains(&reason[..9]), "repeated: {reason}");
        assert!(!std::path::Path::new(folder).exists(), "{args:?} left a folder behind");
    }
}

#[test]
fn recordings_with_the_same_stem_have_separate_results() {
    let folder = tempfile::tempdir().unwrap();
    for (sub, call) in [("a", "reading.wav"), ("b", "silence.mp3")] {
        let path = folder.path().join(sub);
        fs::create_dir(&path).unwrap();
        let extension = call.rsplit('.').next().unwrap();
        fs::copy(calls().join(call), path.join(format!("call.{extension}"))).unwrap();
    }
    let out = folder.path().join("out");
    run(&[&folder.path().join("a"), &folder.path().join("b")], &out, &[]).with_code(0);
    let (first, second) = (document(&out, "call"), document(&out, "call-2"));
    assert_ne!(first["recording"]["sha256"], second["recording"]["sha256"]);
    assert!(first["recording"]["path"].as_str().unwrap().ends_with("a/call.wav"));
}

#[test]
fn documents_follow_the_schema() {
    let out = tempfile::tempdir().unwrap();
    run(&[&calls()], out.path(), &[]).with_code(0);
    let schema: Value = serde_json::from_str(&finish(["schema"]).with_code(0).stdout).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for name in call_names() {
        let document = document(out.path(), &name);
        let errors: Vec<_> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{name}: {errors:?}");
    }
    assert!(!validator.is_valid(&serde_json::json!({"schema_version": 1})));
}

#[test]
fn provenance_names_precision_device_instruction_set_and_libraries() {
    let out = tempfile::tempdir().unwrap();
    let args = run_args(&[&calls().join("reading.wav")], out.path(), &["--precision", "int8"]);
    finish_at_level("portable", args).with_code(0);
    let document = document(out.path(), "reading");
    for link in document["provenance"].as_array().unwrap() {
        assert_eq!((&link["device"], &link["instruction_set"]), (&json!("cpu:0"), &json!("portable")), "{link}");
        for library in ["candle-core", "symphonia", "tokenizers"] {
            assert!(
                link["libraries"][library].as_str().is_some_and(|version| version.contains('.')),
                "{library}: {link}"
            );
        }
        if link["stage"] == "transcribe" {
            assert_eq!(link["precision"], "int8");
        }
    }
    assert_eq!(document["provenance"][0]["precision"], Value::Null, "decoding has no model");
}

#[test]
fn formats_are_written_and_exported_again() {
    let folder = tempfile::tempdir().unwrap();
    let call = calls().join("two-speakers_261105_142530.m4a");
    run(&[&call], folder.path(), &["--format", "json,srt,vtt,csv,textgrid"]).with_code(0);
    let files = ["json", "srt", "vtt", "csv", "TextGrid"]
        .map(|extension| folder.path().join(format!("two-speakers_261105_142530.{extension}")));
    let before = files.each_ref().map(|path| fs::read_to_string(path).unwrap());
    assert!(before[1].contains(" --> ") && before[2].starts_with("WEBVTT") && before[4].contains("IntervalTier"));
    assert_interleaved(&before[3]);
    files.iter().for_each(|path| fs::remove_file(path).unwrap());
    let out = folder.path().to_str().unwrap();
    finish(["export", out, "--format", "srt,vtt,csv,textgrid"]).with_code(0);
    assert_eq!(files.each_ref().map(|path| fs::read_to_string(path).unwrap()), before);
}

/// The lines of a CSV are sorted by time across all channels.
fn assert_interleaved(csv: &str) {
    let lines: Vec<Vec<&str>> = csv.lines().skip(1).map(|line| line.split(',').collect()).collect();
    let starts: Vec<f64> = lines.iter().map(|line| line[2].parse().unwrap()).collect();
    assert!(starts.is_sorted(), "{csv}");
    let changes = lines.windows(2).filter(|pair| pair[0][0] != pair[1][0]).count();
    assert!(changes > 1, "the channels take turns: {csv}");
}

#[test]
fn commands_without_a_run_work() {
    let out = tempfile::tempdir().unwrap();
    run(&[&calls()], out.path(), &[]).with_code(0);
    let status = finish(["status", out.path().to_str().unwrap()]).with_code(0).stdout;
    assert!(status.contains("reading") && status.contains(&format!("{} recordings", call_names().len())), "{status}");
    assert!(finish(["devices"]).with_code(0).stdout.contains("cpu"));
    assert!(finish(["models"]).with_code(0).stdout.contains("MB of f"));
    assert!(finish(["--help"]).with_code(0).stdout.contains("Exit codes"));
}

#[test]
fn model_that_is_quantized_runs_and_is_another_model() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("int8");
    let quantize = ["models", "quantize", "--model", &test_model(), "--out", model.to_str().unwrap()];
    let printed = finish(quantize).with_code(0).stdout;
    assert!(printed.contains("int8") && printed.contains("sha256"), "{printed}");
    let call = calls().join("reading.wav");
    let out = folder.path().join("out");
    run(&[&call], &out, &["--model", model.to_str().unwrap(), "--precision", "int8"]).with_code(0);
    assert!(!document(&out, "reading")["words"].as_array().unwrap().is_empty());
    let again = finish(quantize).with_code(2).stderr;
    assert!(again.contains("int8: cannot be written"), "{again}");
}

#[test]
fn hub_is_not_used_offline() {
    let cache = tempfile::tempdir().unwrap();
    let model = ["models", "--model", "openai/whisper-tiny", "--offline"];
    let output = earwitness(model).env("HF_HOME", cache.path()).output().unwrap();
    let finished = Finished::of(output).with_code(2);
    assert!(finished.stderr.contains("`config.json` is not in the hub's cache"), "{}", finished.stderr);
}

#[test]
fn printing_ends_with_its_reader() {
    let mut child = earwitness(["schema"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}
