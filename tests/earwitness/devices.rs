//! GPU handling without a GPU: a fake NVML follows a script and the devices are simulated; the rest of the program is
//! real.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use scheduler::store::IncidentKind;
use serde_json::Value;
use testkit::{Lines, send_signal, wait_until};

use crate::record::{Found, incidents, look};
use crate::running::Running;
use crate::support::{Finished, artifact_count, earwitness, many_calls, run_args};

/// A folder with calls, and the script of the fake NVML.
struct Machine {
    folder: tempfile::TempDir,
    calls: usize,
}

/// Frequent polls keep the tests short.
const CONFIG: &str = "[devices]\npoll_ms = 20\n[timing]\nheartbeat_ms = 2000\n";
/// Each call takes 100 ms on the device.
const SERVICE: &str = "load_s = 0.0\ndevice_s_per_call = 0.1\ndevice_s_per_input = 0.0\n";

impl Machine {
    fn new(calls: usize, script: &str) -> Self {
        let machine = Self { folder: tempfile::tempdir().unwrap(), calls };
        std::fs::create_dir(machine.path("calls")).unwrap();
        many_calls(&machine.path("calls"), calls);
        machine.write("config.toml", CONFIG);
        machine.write("sim.toml", SERVICE);
        machine.write("faults.toml", "fault = []\n");
        machine.follow(script);
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// Replaces the script of the fake NVML atomically.
    fn follow(&self, script: &str) {
        self.write("next-script", script);
        std::fs::rename(self.path("next-script"), self.path("script")).unwrap();
    }

    fn with_fake(&self, command: &mut Command) {
        command.env(fake_nvml::SCRIPT_ENV, self.path("script"));
    }

    /// The command `earwitness devices` with further arguments.
    fn devices(&self, more: &[&str]) -> Command {
        let library = fake_nvml::library();
        let mut command = earwitness(["devices", "--nvml", library.to_str().unwrap()]);
        self.with_fake(command.args(more));
        command
    }

    /// Starts `earwitness devices --watch`. Returns it with its lines on standard output.
    fn watch(&self, more: &[&str]) -> (Child, Lines) {
        let mut child = self.devices(&["--watch", "0.3"]).args(more).stdout(Stdio::piped()).spawn().unwrap();
        let lines = Lines::of(child.stdout.take().unwrap());
        (child, lines)
    }

    /// Waits until the fake NVML was asked this many more times for a temperature.
    fn await_readings(&self, count: u64) {
        let file = fake_nvml::readings(&self.path("script"));
        let readings = || std::fs::metadata(&file).map_or(0, |file| file.len());
        let before = readings();
        wait_until("the GPUs are read", || readings() >= before + count);
    }

    fn show(&self, more: &[&str]) -> Finished {
        Finished::of(self.devices(more).output().unwrap()).with_code(0)
    }

    /// Starts a run on two simulated devices, each monitored as the GPU with its number.
    fn start(&self) -> Running {
        let path = |name: &str| self.path(name).to_string_lossy().into_owned();
        let (library, sim, config) = (fake_nvml::library(), path("sim.toml"), path("config.toml"));
        let faults = path("faults.toml");
        let more = ["--devices", "sim:2", "-b", "2", "--device-batch-size", "1", "--nvml", library.to_str().unwrap()];
        let more = [&more[..], &["--sim", &sim, "--config", &config, "--faults", &faults]].concat();
        let mut command = earwitness(run_args(&[&self.path("calls")], &self.path("out"), &more));
        self.with_fake(&mut command);
        Running::spawn(command)
    }

    fn committed(&self) -> usize {
        look(&self.path("out")).artifacts
    }

    fn assert_whole(&self) {
        assert_eq!(look(&self.path("out")), Found { artifacts: artifact_count() * self.calls, ..Found::default() });
    }

    /// Incidents of a device, in order.
    fn incidents(&self, device: &str) -> Vec<(IncidentKind, String)> {
        let all = incidents(&self.path("out")).into_iter();
        let of_device = all.filter(|incident| incident.worker.as_deref() == Some(device));
        of_device.map(|incident| (incident.kind, incident.message)).collect()
    }

    fn kinds(&self, device: &str) -> Vec<IncidentKind> {
        self.incidents(device).into_iter().map(|(kind, _)| kind).collect()
    }
}

/// Waits for an incident of a device.
fn await_incident(run: &mut Running, kind: &str, device: &str) -> String {
    loop {
        let event = run.await_event("incident");
        if event["kind"] == kind && event["worker"] == device {
            return event["message"].as_str().unwrap().to_owned();
        }
    }
}

/// Readings of two GPUs, 20 ms apart, during which a run that is not paused commits an artifact.
const MANY_READINGS: u64 = 70;

/// Waits until an artifact is committed.
fn await_commit(machine: &Machine) {
    wait_until("an artifact is committed", || {
        machine.await_readings(1);
        machine.committed() > 0
    });
}

/// Waits until no more artifacts are committed. Returns their number.
fn await_standstill(machine: &Machine) -> usize {
    let mut before = None;
    wait_until("no more artifacts are committed", || {
        machine.await_readings(MANY_READINGS);
        let now = Some(machine.committed());
        std::mem::replace(&mut before, now) == now
    });
    machine.committed()
}

#[test]
fn devices_lists_all_gpus() {
    let machine = Machine::new(0, "* gpus 2\n1 memory_used_percent 91\n1 temperature 66\n0 xid 13\n");
    let shown = machine.show(&[]).stdout;
    for part in ["Fake GPU 0", "Fake GPU 1", "72.8 of 80.0 GiB (91 %)", "66 C", "13", "admitted"] {
        assert!(shown.contains(part), "no `{part}` in:\n{shown}");
    }
    let json: Value = serde_json::from_str(&machine.show(&["--json"]).stdout).unwrap();
    let gpus = json["gpus"]["gpus"].as_array().unwrap();
    let states: Vec<_> = gpus.iter().map(|gpu| gpu["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["admitted", "held"]);
    assert_eq!(gpus[1]["state_reason"], "91 % of its memory is in use, admitted below 80 %");
    assert_eq!(gpus[1]["uuid"]["value"], fake_nvml::uuid(1));
}

#[test]
fn limits_come_from_the_configuration() {
    let machine = Machine::new(0, "* gpus 1\n0 temperature 61\n");
    machine.write("limits.toml", "[devices]\ntemperature_admit_c = 60\ntemperature_resume_c = 50\n");
    let shown = machine.show(&["--config", machine.path("limits.toml").to_str().unwrap()]).stdout;
    assert!(shown.contains("held: 61 C"), "{shown}");
    machine.write("limits.toml", "[devices]\ntemperature_resume_c = 90\n");
    let wrong = machine.devices(&["--config", machine.path("limits.toml").to_str().unwrap()]).output().unwrap();
    let wrong = Finished::of(wrong).with_code(2);
    assert!(wrong.stderr.contains("limits.toml") && wrong.stderr.contains("temperature_resume_c"), "{}", wrong.stderr);
}

#[test]
fn temperature_that_is_unreadable_is_unknown_with_its_reason() {
    let machine = Machine::new(0, "* gpus 1\n0 temperature error 999\n0 ecc_uncorrected error 3\n");
    let json: Value = serde_json::from_str(&machine.show(&["--json"]).stdout).unwrap();
    let gpu = &json["gpus"]["gpus"][0];
    assert_eq!((&gpu["temperature_c"]["value"], &gpu["state"]), (&Value::Null, &"held".into()));
    assert!(!gpu["temperature_c"]["reason"].as_str().unwrap().is_empty());
    let shown = machine.show(&[]).stdout;
    for part in ["cuda:0: temperature unknown: an internal driver error occurred", "cuda:0: ECC unknown: "] {
        assert!(shown.contains(part), "no `{part}` in:\n{shown}");
    }
}

#[test]
fn gpu_that_is_lost_is_shown_with_the_others() {
    let machine = Machine::new(0, "* gpus 2\n0 lost\n");
    let json: Value = serde_json::from_str(&machine.show(&["--json"]).stdout).unwrap();
    let gpus = &json["gpus"]["gpus"];
    assert_eq!((&gpus[0]["lost"], &gpus[0]["state"]), (&true.into(), &"lost".into()));
    assert_eq!((&gpus[1]["lost"], &gpus[1]["state"]), (&false.into(), &"admitted".into()));
    assert!(machine.show(&[]).stdout.contains("lost: "));
}

#[test]
fn devices_without_gpu_or_driver_are_reported() {
    for (script, said, warning) in [
        ("* gpus 0\n", "none: the driver reports no GPU", ""),
        ("* gpus two\n", "none: an internal driver error occurred", "script:1: the value is not a whole number"),
    ] {
        let shown = Machine::new(0, script).show(&["--watch"]);
        assert!(shown.stdout.contains(said) && shown.stderr.contains(warning), "{}{}", shown.stdout, shown.stderr);
    }
    let finished = earwitness(["devices", "--watch", "--nvml", "/nowhere/libnvidia-ml.so.1"]).output().unwrap();
    assert!(Finished::of(finished).with_code(0).stdout.contains("none: "));
}

#[test]
fn devices_watch_follows_a_gpu_that_heats_up_and_cools_down() {
    let machine = Machine::new(0, "* gpus 1\n");
    let (mut child, mut lines) = machine.watch(&["--json"]);
    let mut states = Vec::new();
    for (temperature_c, expected) in [(40, "admitted"), (81, "throttled"), (86, "paused"), (70, "admitted")] {
        machine.follow(&format!("* gpus 1\n0 temperature {temperature_c}\n"));
        while states.last().is_none_or(|state| state != expected) {
            let shown: Value = serde_json::from_str(&lines.next().unwrap()).unwrap();
            states.push(shown["gpus"]["gpus"][0]["state"].as_str().unwrap().to_owned());
        }
    }
    assert!(send_signal(child.id(), "INT"));
    assert_eq!(child.wait().unwrap().code(), Some(130));
    states.dedup();
    assert_eq!(states, ["admitted", "throttled", "paused", "admitted"]);
}

#[test]
fn devices_watch_says_so_when_nvml_hangs() {
    let machine = Machine::new(0, "* gpus 1\n");
    let (mut child, mut lines) = machine.watch(&[]);
    lines.find(|line| line.contains("admitted")).expect("the GPU is shown");
    machine.follow("* gpus 1\n0 hang\n");
    lines.find(|line| line.contains("unknown")).expect("the GPU is shown as unknown");
    assert!(send_signal(child.id(), "TERM"));
    assert_eq!(child.wait().unwrap().code(), Some(143));
}

#[test]
fn device_that_is_full_is_held_until_memory_is_free() {
    let machine = Machine::new(4, "* gpus 2\n* memory_used_percent 95\n");
    let mut run = machine.start();
    for device in ["sim:0", "sim:1"] {
        let said = await_incident(&mut run, "device-held", device);
        assert_eq!(said, "95 % of its memory is in use, admitted below 80 %");
    }
    machine.await_readings(MANY_READINGS);
    assert!(run.workers().is_empty() && machine.committed() == 0, "no worker is started");
    machine.follow("* gpus 2\n1 memory_used_percent 95\n");
    run.wait().with_code(0);
    machine.assert_whole();
    assert_eq!(machine.kinds("sim:0"), [IncidentKind::DeviceHeld, IncidentKind::DeviceResumed]);
    assert_eq!(machine.kinds("sim:1"), [IncidentKind::DeviceHeld], "reported once, and never used");
}

#[test]
fn device_that_is_unreadable_is_held_and_the_other_finishes() {
    let machine = Machine::new(4, "* gpus 2\n0 temperature error 999\n");
    machine.start().wait().with_code(0);
    machine.assert_whole();
    let incidents = machine.incidents("sim:0");
    assert!(
        matches!(&incidents[..], [(IncidentKind::DeviceHeld, why)] if why.starts_with("its temperature is unknown"))
    );
}

#[test]
fn device_continues_without_readings_and_does_not_wait_for_nvml() {
    let machine = Machine::new(20, "* gpus 2\n");
    let mut run = machine.start();
    run.await_event("worker_up");
    machine.follow("* gpus 2\n* hang\n");
    run.wait().with_code(0);
    machine.assert_whole();
}

#[test]
fn device_that_is_hot_finishes_its_batches_and_gets_no_new_one() {
    let machine = Machine::new(40, "* gpus 2\n");
    let mut run = machine.start();
    run.await_event("worker_up");
    await_commit(&machine);
    machine.follow("* gpus 2\n* temperature 82\n");
    for device in ["sim:0", "sim:1"] {
        assert_eq!(await_incident(&mut run, "device-throttled", device), "82 C, throttled at 80 C");
    }
    let done = await_standstill(&machine);
    let all = 40 * artifact_count();
    assert!(done > 0 && done < all, "{done} of {all} artifacts: its recordings were finished, and it got no more");
    machine.follow("* gpus 2\n* temperature 69\n");
    run.wait().with_code(0);
    machine.assert_whole();
    assert_eq!(machine.kinds("sim:0"), [IncidentKind::DeviceThrottled, IncidentKind::DeviceResumed]);
}

#[test]
fn device_that_is_hot_pauses_between_two_calls_and_resumes_when_cool() {
    let machine = Machine::new(12, "* gpus 2\n");
    let mut run = machine.start();
    run.await_event("worker_up");
    machine.follow("* gpus 2\n* temperature 86\n");
    for device in ["sim:0", "sim:1"] {
        assert_eq!(await_incident(&mut run, "device-paused", device), "86 C, paused at 85 C");
    }
    let before = await_standstill(&machine);
    assert!(before < 60, "nothing was left to stop");
    machine.follow("* gpus 2\n* temperature 75\n");
    machine.await_readings(MANY_READINGS);
    assert_eq!(machine.committed(), before, "75 C is not cool enough");
    machine.follow("* gpus 2\n* temperature 70\n");
    run.wait().with_code(0);
    machine.assert_whole();
    let (paused, resumed) = (IncidentKind::DevicePaused, IncidentKind::DeviceResumed);
    let incidents = [(paused, "86 C, paused at 85 C".to_owned()), (resumed, "70 C, resumed at 70 C".to_owned())];
    assert_eq!(machine.incidents("sim:0"), incidents);
}

#[test]
fn device_that_is_hot_leaves_all_work_to_a_cool_one() {
    let machine = Machine::new(12, "* gpus 2\n");
    let mut run = machine.start();
    run.await_event("worker_up");
    run.await_event("worker_up");
    machine.follow("* gpus 2\n0 temperature 86\n");
    run.wait().with_code(0);
    machine.assert_whole();
    assert_eq!(machine.kinds("sim:0"), [IncidentKind::DevicePaused], "the run ended although the device stayed hot");
}

#[test]
fn gpu_that_is_lost_is_retired_and_the_other_finishes() {
    let machine = Machine::new(40, "* gpus 2\n");
    machine.write("faults.toml", "[[fault]]\nat = 'health-probe'\nkind = { fail = 'device' }\ndevice = 'sim:1'\n");
    let mut run = machine.start();
    run.await_event("worker_up");
    run.await_event("worker_up");
    machine.follow("* gpus 2\n1 lost\n");
    run.wait().with_code(0);
    machine.assert_whole();
    let kinds = machine.kinds("sim:1");
    assert_eq!(kinds.first(), Some(&IncidentKind::DeviceLost), "{kinds:?}");
    assert!(kinds.contains(&IncidentKind::DeviceRetired) && !kinds.contains(&IncidentKind::ProbePassed), "{kinds:?}");
}

#[test]
fn device_with_an_xid_continues_if_its_probe_passes() {
    let machine = Machine::new(12, "* gpus 2\n");
    let mut run = machine.start();
    run.await_event("worker_up");
    run.await_event("worker_up");
    machine.follow("* gpus 2\n1 xid 95\n");
    assert_eq!(await_incident(&mut run, "device-lost", "sim:1"), "Xid 95: a memory error that could not be contained");
    let passed = await_incident(&mut run, &IncidentKind::ProbePassed.name(), "sim:1");
    assert!(passed.contains("Xid 95"), "{passed}");
    run.wait().with_code(0);
    machine.assert_whole();
}

#[test]
fn run_ends_clearly_when_all_gpus_are_lost() {
    let machine = Machine::new(12, "* gpus 2\n");
    machine.write("faults.toml", "[[fault]]\nat = 'health-probe'\nkind = { fail = 'device' }\n");
    let mut run = machine.start();
    run.await_event("worker_up");
    machine.follow("* gpus 2\n* lost\n");
    let finished = run.wait().with_code(4);
    assert!(finished.stderr.contains("no device is left to work on"), "{}", finished.stderr);
    machine.follow("* gpus 2\n");
    machine.write("faults.toml", "fault = []\n");
    machine.start().wait().with_code(0);
    machine.assert_whole();
}
