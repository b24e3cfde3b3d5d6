//! One test for each failure mode of a worker or its device. Real workers inject the faults.

use std::path::{Path, PathBuf};

use scheduler::store::IncidentKind;
use serde_json::Value;

use crate::record::{Found, incidents, look};
use crate::support::{Finished, artifact_count, finish, many_calls, run};

/// Calls and a result folder for a run with faults.
struct Case {
    folder: tempfile::TempDir,
    files: usize,
}

impl Case {
    fn new(files: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let inputs = folder.path().join("calls");
        std::fs::create_dir(&inputs).unwrap();
        many_calls(&inputs, files);
        let timing = "[timing]\nheartbeat_ms = 1500\ndevice_stall_ms = 4000\nbackoff_ms = 10\n";
        std::fs::write(folder.path().join("config.toml"), timing).unwrap();
        Self { folder, files }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn out(&self) -> PathBuf {
        self.path("out")
    }

    /// Runs two workers with `faults` (TOML). `MARK` stands for a file that is created once.
    fn run(&self, faults: &str, more: &[&str]) -> Finished {
        let mark = self.path("mark").to_string_lossy().into_owned();
        std::fs::write(self.path("faults.toml"), faults.replace("MARK", &mark)).unwrap();
        let (faults, config) = (self.path("faults.toml"), self.path("config.toml"));
        let mut args = vec!["--faults", faults.to_str().unwrap(), "--config", config.to_str().unwrap()];
        for default in [["--devices", "cpu:2"], ["-b", "4"], ["--device-batch-size", "1"]] {
            args.extend(default.into_iter().filter(|_| !more.contains(&default[0])));
        }
        args.extend(more);
        run(&[&self.path("calls")], &self.out(), &args)
    }

    /// Asserts that every call is done, nothing was computed twice, and the results are complete.
    fn assert_whole(&self, finished: Finished) -> Value {
        let summary = finished.with_code(0).summary();
        assert_eq!(summary["files_done"], self.files, "{summary}");
        assert_eq!(look(&self.out()), Found { artifacts: artifact_count() * self.files, ..Found::default() });
        finish(["verify", self.out().to_str().unwrap()]).with_code(0);
        summary
    }

    fn messages(&self, kind: IncidentKind) -> Vec<String> {
        let all = incidents(&self.out()).into_iter();
        all.filter(|incident| incident.kind == kind).map(|incident| incident.message).collect()
    }

    fn status(&self) -> String {
        finish(["status", self.out().to_str().unwrap()]).with_code(0).stdout
    }
}

const AT_INFER: &str = "[[fault]]\nat = ['transcribe', 'infer']\nafter = 2\n";

/// Slow device calls, so that windows queue up and workers can restart.
const SLOW: &str = "[[fault]]\nat = ['transcribe', 'infer']\nkind = { pause-ms = 60 }\n";

fn contains_all(text: &str, parts: &[&str]) {
    parts.iter().for_each(|part| assert!(text.contains(part), "no `{part}` in:\n{text}"));
}

#[test]
fn worker_that_exits_is_replaced() {
    let case = Case::new(8);
    // Slow calls, so that work is left when the new worker is ready.
    case.assert_whole(case.run(&format!("{AT_INFER}kind = {{ exit = 7 }}\nonce = 'MARK'\n{SLOW}"), &[]));
    assert_eq!(case.messages(IncidentKind::WorkerLost), ["exited with code 7"]);
    assert_eq!(case.messages(IncidentKind::ProbePassed).len(), 1, "the probe passed before work continued");
    contains_all(&case.status(), &["exited with code 7"]);
}

#[test]
fn worker_that_is_silent_is_replaced() {
    let case = Case::new(8);
    case.assert_whole(case.run(&format!("{AT_INFER}kind = 'stop'\nonce = 'MARK'\n"), &[]));
    assert_eq!(case.messages(IncidentKind::WorkerLost), ["sent nothing for 2.7 s"]);
}

#[test]
fn lane_that_hangs_is_detected_in_spite_of_heartbeats() {
    let case = Case::new(8);
    case.assert_whole(case.run(&format!("{AT_INFER}kind = 'wedge'\nonce = 'MARK'\n"), &[]));
    assert_eq!(case.messages(IncidentKind::WorkerLost), ["made no step on its device for 4.0 s"]);
}

#[test]
fn worker_that_sends_malformed_messages_is_replaced() {
    let case = Case::new(8);
    case.assert_whole(case.run(&format!("{AT_INFER}kind = 'garbage'\nonce = 'MARK'\n"), &[]));
    let lost = case.messages(IncidentKind::WorkerLost);
    assert!(matches!(&lost[..], [reason] if reason.contains("this is not a message")), "{lost:?}");
}

#[test]
fn device_that_fails_is_retired_and_the_other_finishes() {
    let case = Case::new(6);
    let faults = "[[fault]]\nat = 'build'\nkind = { fail = 'device' }\ndevice = 'cpu:1'\n";
    case.assert_whole(case.run(faults, &[]));
    assert_eq!(case.messages(IncidentKind::DeviceRetired).len(), 1);
    contains_all(&case.status(), &["cpu:1", "device retired"]);
}

#[test]
fn memory_that_is_full_halves_the_batches_and_fails_no_recording() {
    let case = Case::new(8);
    let faults = format!("{SLOW}{SLOW}[[fault]]\nat = ['transcribe', 'infer']\nkind = {{ memory-for = 1 }}\n");
    case.assert_whole(case.run(&faults, &["--devices", "cpu:1", "-b", "8", "--device-batch-size", "8"]));
    let shrunk = case.messages(IncidentKind::BatchShrunk);
    assert!(!shrunk.is_empty() && shrunk.iter().all(|message| message.contains("at most")), "{shrunk:?}");
    assert!(case.messages(IncidentKind::WorkerLost).is_empty());
}

#[test]
fn recording_that_kills_workers_is_isolated_by_bisection_and_quarantined_with_its_reason() {
    let case = Case::new(8);
    let poison = "[[fault]]\nat = ['transcribe', 'prepare']\nkind = { exit = 9 }\nrecording = 'call-5'\n";
    let summary = case.run(poison, &["-b", "8"]).with_code(3).summary();
    assert_eq!((&summary["files_done"], &summary["files_failed"]), (&7.into(), &1.into()));
    let quarantined = case.messages(IncidentKind::Quarantined);
    assert!(matches!(&quarantined[..], [reason] if reason.contains("exited with code 9")), "{quarantined:?}");
    assert!(case.messages(IncidentKind::DeviceRetired).is_empty(), "no device is blamed");
    let deaths = case.messages(IncidentKind::WorkerLost).len();
    assert!((2..=6).contains(&deaths), "{deaths} workers died for one of eight");
    contains_all(&case.status(), &["call-5.wav", "worker: killed its worker", "[worker-died]", "--retry-quarantined"]);

    let again = case.run(poison, &[]).with_code(3).summary();
    assert_eq!(again["stages_computed"], 0, "the recording is skipped until it is requested");
    case.assert_whole(case.run("fault = []\n", &["--retry-quarantined"]));
    assert!(!case.status().contains("quarantined, because"), "a recording that works is not quarantined any more");
}

#[test]
fn device_is_retired_only_if_its_health_probe_fails() {
    let case = Case::new(8);
    // Recordings fail on the device, but the health probe passes. The device stays in use, and other recordings may
    // succeed.
    let suspicious = "[[fault]]\nat = ['align', 'run']\nkind = { fail = 'device' }\ndevice = 'cpu:1'\nonce = 'MARK'\n";
    // Slow calls, so that both devices get recordings however late their workers start.
    case.assert_whole(case.run(&format!("{suspicious}{SLOW}"), &[]));
    assert_eq!(case.messages(IncidentKind::ProbePassed).len(), 1);
    assert!(case.messages(IncidentKind::DeviceRetired).is_empty());

    // More recordings, so that work is left for the second probe also on a busy machine.
    let case = Case::new(24);
    let sick =
        format!("{suspicious}{SLOW}[[fault]]\nat = 'health-probe'\nkind = {{ fail = 'device' }}\ndevice = 'cpu:1'\n");
    case.assert_whole(case.run(&sick, &[]));
    assert_eq!(
        (case.messages(IncidentKind::ProbeFailed).len(), case.messages(IncidentKind::DeviceRetired).len()),
        (2, 1)
    );
}

#[test]
fn run_ends_clearly_when_all_devices_are_retired() {
    let case = Case::new(8);
    let sick =
        format!("{AT_INFER}kind = {{ exit = 7 }}\n[[fault]]\nat = 'health-probe'\nkind = {{ fail = 'device' }}\n");
    let finished = case.run(&sick, &[]).with_code(4);
    contains_all(&finished.stderr, &["no device is left to work on", "the health probe failed"]);
    assert!(look(&case.out()).artifacts > 0);
    case.assert_whole(case.run("fault = []\n", &[]));
}

#[test]
fn faults_and_rules_that_are_unreadable_are_reported_before_anything_runs() {
    let case = Case::new(1);
    for (flag, text) in [
        ("--faults", "[[fault]]\nat = 'moon'\nkind = 'stop'\n"),
        ("--config", "[timing]\nheartbeat_ms = 1\n"),
        ("--config", "[devices]\ntemperature_pause = 3\n"),
        ("--config", "[[priority]]\npath = 'x'\n"),
    ] {
        let file = case.path("wrong.toml");
        std::fs::write(&file, text).unwrap();
        let args = ["--devices", "cpu:1", flag, file.to_str().unwrap()];
        let finished = run(&[&case.path("calls")], &case.out(), &args).with_code(2);
        contains_all(&finished.stderr, &["wrong.toml"]);
        assert!(!Path::new(&case.out()).exists());
    }
}
