//! Output about a run: trace, metrics, report and progress.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::{Finished, call_names, calls, folder_of_calls, run};

/// Runs the fixture calls and a file that cannot be decoded.
fn watched(folder: &Path, more: &[&str]) -> Finished {
    let broken = folder.join("broken.wav");
    fs::write(&broken, b"no audio").unwrap();
    run(&[&calls(), &broken], &folder.join("out"), more).with_code(3)
}

fn file(folder: &Path, name: &str) -> String {
    folder.join(name).to_str().unwrap().to_owned()
}

#[test]
fn trace_shows_both_lanes_of_a_worker() {
    let folder = tempfile::tempdir().unwrap();
    let trace = file(folder.path(), "trace.json");
    watched(folder.path(), &["--trace", &trace]);
    let events: Vec<Value> = serde_json::from_str(&fs::read_to_string(&trace).unwrap()).unwrap();
    let spans: Vec<_> = events.iter().filter(|event| event["ph"] == "X").collect();
    let of = |name: &str| spans.iter().filter(|span| span["name"] == name).count();
    assert!(of("transcribe infer") > 0 && of("decode run") >= 4, "{spans:?}");
    let threads: BTreeSet<_> = spans.iter().map(|span| (span["pid"].as_u64(), span["tid"].as_u64())).collect();
    assert!(threads.len() >= 2, "one thread did everything: {threads:?}");
    for span in spans {
        let named = |key: &str| {
            events.iter().any(|event| {
                event["name"] == key
                    && event["pid"] == span["pid"]
                    && (key == "process_name" || event["tid"] == span["tid"])
            })
        };
        assert!(named("process_name") && named("thread_name"), "{span}");
        assert!(span["ts"].as_u64().unwrap() < 600_000_000, "the trace begins with the run: {span}");
    }
}

#[test]
fn metrics_end_with_the_totals_of_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let metrics = file(folder.path(), "run.prom");
    watched(folder.path(), &["--metrics", &metrics]);
    let text = fs::read_to_string(&metrics).unwrap();
    let value = |sample: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{sample} is not in {text}")).parse::<f64>().unwrap()
    };
    let done = call_names().len() as f64;
    assert_eq!(value("earwitness_files"), done + 1.0);
    assert_eq!(value("earwitness_files_ended_total{end=\"done\"}"), done);
    assert_eq!(value("earwitness_files_ended_total{end=\"failed\"}"), 1.0);
    assert_eq!(value("earwitness_stages_committed_total{stage=\"transcribe\"}"), done);
    assert_eq!(value("earwitness_audio_seconds_remaining"), 0.0);
    assert!((value("earwitness_audio_seconds_done") - value("earwitness_audio_seconds")).abs() < 1e-6);
}

#[test]
fn report_lists_failures_and_is_kept_by_a_run_without_work() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    watched(folder.path(), &[]);
    let report = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(report.contains("broken.wav") && report.contains("bad_input") && report.contains("<svg"));
    run(&[&calls()], &out, &[]).with_code(0);
    assert_eq!(fs::read_to_string(out.join("report.html")).unwrap(), report, "nothing was computed");
}

#[test]
fn progress_as_json_reports_workers_and_failures() {
    let folder = tempfile::tempdir().unwrap();
    let finished = watched(folder.path(), &[]);
    let lines = finished.stderr.lines().filter(|line| line.starts_with('{'));
    let lines: Vec<Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    let line_of =
        |event: &str| lines.iter().find(|line| line["event"] == event).unwrap_or_else(|| panic!("no {event}"));
    assert_eq!(line_of("worker_up")["worker"], "cpu:0");
    assert!(line_of("worker_up")["pid"].as_u64().unwrap() > 1);
    let failed = line_of("file_failed");
    assert!(failed["path"].as_str().unwrap().ends_with("broken.wav"));
    assert_eq!((failed["origin"].as_str(), failed["class"].as_str()), (Some("decode"), Some("bad_input")));
    let last = lines.iter().rev().find(|line| line.get("eta_s").is_some()).unwrap();
    assert_eq!((&last["files_total"], &last["files_failed"]), (&(call_names().len() + 1).into(), &1.into()));
    assert!(last["audio_remaining_s"].as_f64().unwrap() < 1e-6);
}

#[test]
fn file_that_is_unwritable_is_reported_before_anything_runs() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = file(folder.path(), "no/such/folder/file");
    for flag in ["--trace", "--metrics", "--report"] {
        let finished = run(&[&calls()], &folder.path().join("out"), &[flag, &nowhere]).with_code(2);
        assert!(finished.stderr.contains(&nowhere), "{flag}: {}", finished.stderr);
        assert!(!folder.path().join("out/silence.json").exists(), "{flag}");
    }
}

#[test]
fn decoding_overlaps_inference() {
    let (folder, inputs, out) = folder_of_calls(12);
    let trace = file(folder.path(), "trace.json");
    run(&[&inputs], &out, &["--trace", &trace, "--devices", "cpu:1"]).with_code(0);
    let events: Vec<Value> = serde_json::from_str(&fs::read_to_string(&trace).unwrap()).unwrap();
    let of = |name: &str| -> Vec<(u64, u64)> {
        let spans = events.iter().filter(|event| event["ph"] == "X" && event["name"] == name);
        let span = |event: &Value| {
            let start_us = event["ts"].as_u64().unwrap();
            (start_us, start_us + event["dur"].as_u64().unwrap())
        };
        spans.map(span).collect()
    };
    let (decodes, calls_of_the_model) = (of("decode run"), of("transcribe infer"));
    assert_eq!(decodes.len(), 12);
    let overlaps = |a: &(u64, u64), b: &(u64, u64)| a.0.max(b.0) < a.1.min(b.1);
    let beside = decodes.iter().filter(|decode| calls_of_the_model.iter().any(|call| overlaps(decode, call))).count();
    assert!(beside > 0, "{decodes:?} never beside {calls_of_the_model:?}");
}
