//! `bench` measures one stage alone, prints the measurements, and leaves no files.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Finished, calls, earwitness, finish};

/// Runs `bench STAGE` on a fixture call with further arguments.
fn bench(stage: &str, more: &[&str]) -> Finished {
    let call = calls().join("reading.wav");
    finish([&["bench", stage, call.to_str().unwrap()], more].concat())
}

/// The output of `--json`.
fn measured(finished: &Finished) -> Value {
    serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {}", finished.stdout))
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is not a number"))
}

fn numbers(values: &Value, of: &str) -> Vec<f64> {
    values
        .as_array()
        .unwrap()
        .iter()
        .map(|value| if of.is_empty() { number(value) } else { number(&value[of]) })
        .collect()
}

fn assert_near(a: f64, b: f64, what: &str) {
    assert!((a - b).abs() <= 1e-6 * b.abs().max(1.0), "{what}: {a} and {b}");
}

#[test]
fn bench_prints_every_combination_and_recommends_one() {
    let lists = ["--precision", "f32,int8", "--device-batch-size", "1,4", "--repeat", "1"];
    let finished = bench("transcribe", &lists).with_code(0);
    let rows: Vec<Vec<&str>> = finished.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    for (precision, batch) in [("f32", "1"), ("f32", "4"), ("int8", "1"), ("int8", "4")] {
        let is_row = |row: &&Vec<&str>| row.len() >= 9 && row[1..3] == [precision, batch];
        assert_eq!(rows.iter().filter(is_row).count(), 1, "{precision} {batch} in {}", finished.stdout);
    }
    for said in
        ["x real time", "peak MiB", "1 warm-up", "instructions", " threads", "earwitness 0", "recommended: --precision"]
    {
        assert!(finished.stdout.contains(said), "{said} in {}", finished.stdout);
    }
}

#[test]
fn bench_json_is_consistent_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let inputs = ["reading.wav", "two-speakers_261105_142530.m4a"].map(|name| calls().join(name));
    let mut command = earwitness(["bench", "transcribe", "--json", "--repeat", "2", "--device-batch-size", "1,3"]);
    command.args(&inputs).current_dir(folder.path());
    let finished = Finished::of(command.output().unwrap()).with_code(0);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "something was written");

    let report = measured(&finished);
    assert_eq!(
        (&report["stage"], &report["warm_up_runs"], &report["timed_runs"]),
        (&json!("transcribe"), &json!(1), &json!(2))
    );
    assert_eq!(report["model_sha256"].as_str().unwrap().len(), 64);
    assert!(report["machine"]["threads"].as_u64() > Some(0) && report["machine"]["instruction_set"].is_string());
    let combinations = report["combinations"].as_array().unwrap();
    assert_eq!(combinations.len(), 2);
    for (combination, batch) in combinations.iter().zip([1, 3]) {
        assert_eq!(combination["settings"], json!({"devices": "cpu", "precision": "int8", "device_batch_size": batch}));
        assert_consistent(&combination["measured"]);
        let at_once = combination["measured"]["windows_at_once"].as_u64().unwrap();
        assert!((batch.min(2)..=batch).contains(&at_once), "{at_once} of {batch}: {combination}");
        assert_near(number(&combination["measured"]["audio_s"]), number(&report["audio_s"]), "audio");
    }
    let recommended = &report["recommended"]["settings"];
    assert!(combinations.iter().any(|combination| combination["settings"] == *recommended), "{recommended}");
}

fn assert_consistent(measured: &Value) {
    let (run_s, recordings) = (numbers(&measured["run_s"], ""), &measured["recordings"]);
    let (audio_s, best_s) = (numbers(recordings, "audio_s").iter().sum::<f64>(), number(&measured["best_run_s"]));
    let slowest_s = run_s.iter().copied().fold(0.0, f64::max);
    assert_eq!((run_s.len(), recordings.as_array().unwrap().len()), (2, 2), "{measured}");
    assert_near(best_s, run_s.iter().copied().fold(f64::INFINITY, f64::min), "the best run");
    assert_near(number(&measured["times_real_time"]), audio_s / best_s, "times real time");
    assert_near(number(&measured["spread_percent"]), 100.0 * (slowest_s / best_s - 1.0), "spread");
    let mut stage_s = numbers(recordings, "stage_s");
    stage_s.sort_by(f64::total_cmp);
    assert!(stage_s[0] > 0.0 && stage_s[1] <= best_s, "{stage_s:?} in {best_s}");
    assert_near(number(&measured["recording_median_s"]), f64::midpoint(stage_s[0], stage_s[1]), "median");
    assert_near(number(&measured["recording_p95_s"]), stage_s[0] + 0.95 * (stage_s[1] - stage_s[0]), "95 %");
    assert!(number(&measured["peak_memory_mib"]) > number(&measured["memory_before_mib"]), "{measured}");
    assert!(number(&measured["model_load_s"]) > 0.0);
}

#[test]
fn bench_measures_every_stage_on_a_list_of_devices() {
    for stage in ["decode", "segment", "align", "forensics"] {
        let finished = bench(stage, &["--json", "--repeat", "1", "--devices", "cpu,cpu:2"]).with_code(0);
        let report = measured(&finished);
        let combinations = report["combinations"].as_array().unwrap();
        for (combination, (devices, processes)) in combinations.iter().zip([("cpu", 1), ("cpu:2", 2)]) {
            let settings = json!({"devices": devices, "precision": null, "device_batch_size": null});
            assert_eq!((&combination["settings"], &combination["status"]), (&settings, &json!("measured")), "{stage}");
            assert_eq!(combination["measured"]["processes"], processes);
            assert!(number(&combination["measured"]["times_real_time"]) > 1.0, "{stage}: {combination}");
        }
        assert_eq!((combinations.len(), &report["recommended"]), (2, &Value::Null));
    }
}

#[test]
fn bench_names_a_bad_file_and_measures_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken.wav");
    fs::write(&broken, b"no audio").unwrap();
    for stage in ["decode", "transcribe"] {
        let finished = bench(stage, &[broken.to_str().unwrap(), "--json", "--repeat", "1"]).with_code(3);
        let line = finished.stderr.lines().find(|line| line.contains("broken.wav"));
        assert!(line.is_some_and(|line| line.contains("decode: ")), "{stage}: {}", finished.stderr);
        let report = measured(&finished);
        assert_eq!((&report["recordings"], &report["combinations"][0]["status"]), (&json!(1), &json!("measured")));
        let failed = report["failed"].as_array().unwrap();
        assert_eq!(
            (failed.len(), Path::new(failed[0]["path"].as_str().unwrap())),
            (1, &*broken.canonicalize().unwrap())
        );
    }
    let alone = finish(["bench", "decode", broken.to_str().unwrap()]).with_code(3);
    assert!(alone.stdout.contains("FAILED") && alone.stdout.contains("broken.wav"), "{}", alone.stdout);
}

#[test]
fn bench_says_which_combinations_are_not_possible() {
    let lists = ["--precision", "int8,f16", "--devices", "cpu", "--repeat", "1", "--json"];
    let report = measured(&bench("transcribe", &lists).with_code(0));
    let status = |index: usize| report["combinations"][index]["status"].clone();
    assert_eq!([status(0), status(1)], ["measured", "not_possible"]);
    assert!(report["combinations"][1]["reason"].as_str().unwrap().contains("f16"), "{report}");
}

#[test]
fn bench_refuses_wrong_usage_before_anything_runs() {
    for (stage, more, named) in [
        ("listen", vec![], "possible values: decode, segment"),
        ("segment", vec!["--precision", "f32,int8"], "segment does not depend on it"),
        ("decode", vec!["--device-batch-size", "1,8"], "decode does not depend on it"),
        ("decode", vec!["--devices", "sim:1"], "sim:1"),
        ("decode", vec!["--devices", "cpu,tpu:0"], "tpu:0"),
        ("transcribe", vec!["--device-batch-size", "1,0"], "a whole number from 1"),
        ("transcribe", vec!["--precision", "f32,f8"], "f8"),
        ("transcribe", vec!["--precision", "f16", "--devices", "cpu"], "precision is f16"),
        ("transcribe", vec!["--model", "/no/such/model"], "/no/such/model"),
        ("decode", vec!["/no/such/call.wav"], "/no/such/call.wav"),
    ] {
        let finished = bench(stage, &more).with_code(2);
        assert!(finished.stderr.contains(named), "{stage} {more:?}: {}", finished.stderr);
        assert!(finished.stdout.is_empty() && !finished.stderr.contains("preparing"), "{}", finished.stderr);
    }
}

#[test]
fn bench_ends_at_once_when_interrupted() {
    let call = calls().join("reading.wav");
    let mut command = earwitness(["bench", "transcribe", call.to_str().unwrap(), "--repeat", "100000"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("1 of 1") {
        line.clear();
        assert!(stderr.read_line(&mut line).unwrap() > 0, "it ended before it measured");
    }
    let interrupted = Instant::now();
    assert!(testkit::send_signal(child.id(), "INT"));
    // Standard error ends only when the measuring process, which shares it, has exited too.
    stderr.read_to_string(&mut line).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{line}");
    assert!(interrupted.elapsed() < Duration::from_secs(5), "{:?}", interrupted.elapsed());
}
