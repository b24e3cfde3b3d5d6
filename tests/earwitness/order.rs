//! The order of recordings.

use std::fs;

use crate::record::{Found, look};
use crate::support::{artifact_count, document, folder_of_calls, run};

#[test]
fn priority_decides_the_order() {
    let (folder, inputs, out) = folder_of_calls(6);
    let config = folder.path().join("config.toml");
    let text = "[[priority]]\npath = '*call-3.wav'\npriority = 5\n[[priority]]\npath = '*call-0.wav'\npriority = -5\n";
    fs::write(&config, text).unwrap();
    let args = ["--devices", "cpu:1", "-b", "1", "--priority", "1", "--config", config.to_str().unwrap()];
    run(&[&inputs], &out, &args).with_code(0);
    let began = |call: usize| -> jiff::Timestamp {
        let provenance = document(&out, &format!("call-{call}"))["provenance"].clone();
        provenance[0]["started_at"].as_str().unwrap().parse().unwrap()
    };
    let began: Vec<_> = (0..6).map(began).collect();
    assert!(began.iter().all(|at| began[3] <= *at && *at <= began[0]), "{began:?}");
}

#[test]
fn workers_share_a_device() {
    let (_folder, inputs, out) = folder_of_calls(6);
    let finished = run(&[&inputs], &out, &["--devices", "cpu:1", "--workers-per-device", "2", "-b", "1"]).with_code(0);
    let up = |worker: &str| finished.stderr.contains(&format!("\"worker\":\"{worker}\""));
    assert!(up("cpu:0") && up("cpu:0#1"), "{}", finished.stderr);
    assert_eq!(finished.summary()["files_done"], 6);
}

#[test]
fn device_that_is_slow_loses_unstarted_recordings_and_all_finish_together() {
    let (folder, inputs, out) = folder_of_calls(24);
    let sim = folder.path().join("sim.toml");
    fs::write(&sim, "load_s = 0.0\ntime_scale = 10.0\nslower = { 'sim:0' = 30.0 }\n").unwrap();
    let args = ["--devices", "sim:2", "--device-batch-size", "1", "--sim", sim.to_str().unwrap()];
    let summary = run(&[&inputs], &out, &args).with_code(0).summary();
    assert!(summary["files_revoked"].as_u64().unwrap() > 0, "{summary}");
    assert_eq!(look(&out), Found { artifacts: 24 * artifact_count(), ..Found::default() });
    assert!(!out.join("call-0.json").exists(), "a simulated run writes no results");
}
