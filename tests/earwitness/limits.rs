//! Time and memory are bounded: a recording that exceeds a limit fails alone with its code.

use std::path::Path;

use serde_json::Value;
use testkit::Wav;

use crate::support::{Finished, calls, finish, folder_of_calls, many_calls, run};

/// Runs eight calls with these limits (TOML) and this fault in segment, for one of them.
fn run_with_fault(limits: &str, kind: &str) -> (tempfile::TempDir, Finished) {
    let (folder, inputs, out) = folder_of_calls(8);
    let [config, faults] = ["config.toml", "faults.toml"].map(|name| folder.path().join(name));
    std::fs::write(&config, format!("[timing]\nheartbeat_ms = 2000\n[limits]\n{limits}\n")).unwrap();
    let fault = format!("[[fault]]\nat = ['segment', 'run']\nkind = {kind}\nrecording = 'call-5'\n");
    std::fs::write(&faults, fault).unwrap();
    let [config, faults] = [&config, &faults].map(|path| path.to_str().unwrap());
    let more = ["--config", config, "--faults", faults, "--devices", "cpu:2", "-b", "4"];
    let finished = run(&[&inputs], &out, &more);
    (folder, finished)
}

/// Asserts that only the call with the fault failed, with this code and reason.
fn assert_isolated(folder: &Path, finished: Finished, code: &str, reason: &str) {
    let finished = finished.with_code(3);
    let summary: Value = finished.summary();
    assert_eq!((&summary["files_done"], &summary["files_failed"]), (&7.into(), &1.into()), "{summary}");
    let status = finish(["status", folder.join("out").to_str().unwrap()]).with_code(0).stdout;
    let line = status.lines().find(|line| line.contains("FAILED") && line.contains("call-5")).unwrap();
    assert!(line.ends_with(&format!("[{code}]")) && line.contains(reason), "{line}");
    assert!(!status.contains("device retired"), "{status}");
}

#[test]
fn stage_that_never_ends_fails_its_recording_alone() {
    let (folder, finished) = run_with_fault("task_s = 6\ntask_per_audio_s = 0", "'wedge'");
    assert_isolated(folder.path(), finished, "time-limit", "segment worked for more than 6.0 s");
}

#[test]
fn stage_that_fills_the_memory_fails_its_recording_alone() {
    let (folder, finished) = run_with_fault("worker_memory_mib = 1000", "{ fill-mib = 2000 }");
    assert_isolated(folder.path(), finished, "memory-limit", "the limit is 1000 MiB");
}

/// Highest resident memory of the program and its workers while it runs on one call, in MiB.
fn peak_mib(batch: &str) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let inputs = folder.path().join("calls");
    std::fs::create_dir(&inputs).unwrap();
    many_calls(&inputs, 1);
    let args =
        ["run", inputs.to_str().unwrap(), "--out", folder.path().join("out").to_str().unwrap()].map(str::to_owned);
    let more = ["--devices", "cpu", "--device-batch-size", batch, "--progress", "none"].map(str::to_owned);
    let mut child = crate::support::earwitness(args.iter().chain(&more))
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let (status, peak) = testkit::wait_with_peak_memory(&mut child);
    assert_eq!(status.code(), Some(0), "--device-batch-size {batch}");
    peak >> 20
}

#[test]
fn batch_size_costs_memory_only_for_the_windows_that_exist() {
    let usual = peak_mib("8");
    for batch in ["5000", "100000"] {
        let peak = peak_mib(batch);
        assert!(peak < usual + 200, "--device-batch-size {batch}: {peak} MiB, with 8: {usual} MiB");
    }
}

#[test]
fn recording_with_many_channels_ends_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("many.wav");
    let call = Wav::read(&calls().join("reading.wav"));
    let mut random = testkit::Random(3);
    let channels = 16;
    let samples = call.samples.iter().take(2 * call.rate_hz as usize).flat_map(|sample| {
        (0..channels).map(|channel| sample * (1.0 + channel as f32) / 64.0 + 0.01 * random.signed()).collect::<Vec<_>>()
    });
    Wav { channels, rate_hz: call.rate_hz, samples: samples.collect() }.write(&path);
    let finished =
        finish(["stage", "segment", path.to_str().unwrap(), "--out", folder.path().join("out").to_str().unwrap()]);
    finished.with_code(0);
}
