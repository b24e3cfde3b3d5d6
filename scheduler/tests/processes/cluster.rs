//! Workers on a cluster: the coordinator with the driver of `scheduler/ray`, over threads instead of Ray.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use scheduler::coordinator::{ClusterOptions, Event, Interrupt, Outcome, RunError, WorkerCommand};
use scheduler::store::{Incident, IncidentKind, RecordingEntry};

use crate::fixture::{Fixture, artifacts, ends, planned};

pub(crate) fn tests() -> Vec<(&'static str, fn())> {
    vec![
        ("cluster_makes_the_artifacts_of_a_local_run", same_artifacts),
        ("cluster_workers_without_room_wait_and_hold_nothing_up", without_room),
        ("cluster_worker_without_work_gives_its_resources_back", idle),
        ("cluster_that_loses_an_actor_costs_nothing", || lost("actor", IncidentKind::WorkerLost, "its actor died")),
        ("cluster_that_loses_a_node_costs_nothing", || lost("node", IncidentKind::WorkerLost, "left the cluster")),
        ("cluster_driver_that_crashes_is_started_again", || {
            lost("crash", IncidentKind::DriverLost, "exited with code 9: the last words of the driver");
        }),
        ("cluster_driver_that_sends_malformed_lines_is_replaced", || {
            lost("garbage", IncidentKind::DriverLost, "it begins `this is not an envelope`");
        }),
        ("cluster_worker_that_dies_is_bisected_as_on_this_machine", crash),
        ("cluster_driver_that_cannot_work_ends_the_run_with_its_remedy", fatal),
        ("cluster_without_python_ends_the_run_with_its_remedy", without_python),
        ("cluster_without_a_node_for_a_worker_ends_the_run", no_node),
        ("cluster_worker_of_another_version_is_retired_and_named", other_version),
        ("cluster_program_that_does_not_exist_is_named_with_its_node", no_program),
    ]
}

const NAMES: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];

/// A run on a cluster with these arguments of `local_driver.py`.
fn fixture(slots: Option<usize>, args: &[&str]) -> Fixture {
    let mut fixture = Fixture::new(1);
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("ray/tests/local_driver.py");
    let args = std::iter::once(script.into()).chain(args.iter().map(Into::into)).collect();
    fixture.options.cluster = Some(ClusterOptions {
        driver: WorkerCommand { program: "python3".into(), args },
        remedy: "install it".to_owned(),
        address: "auto".to_owned(),
        workers: slots.map(|slots| NonZeroUsize::new(slots).unwrap()),
        gpus: 1.0,
        cpus: 0.0,
        resources: [("slot".to_owned(), 1.0)].into(),
        threads: 4,
        environment: [].into(),
        idle: Duration::from_millis(100),
    });
    fixture
}

/// A fixture whose driver has this fault once, after some output.
fn faulty(kind: &str) -> Fixture {
    let mut fixture = fixture(Some(2), &[]);
    let once = fixture.path("once");
    let options = fixture.options.cluster.as_mut().unwrap();
    options.driver.args.extend(["--fault", kind, "--after", "60", "--once"].map(Into::into));
    options.driver.args.push(once.into());
    fixture.settings.cpu_ms = 20;
    fixture
}

fn incidents(events: &[Event], wanted: IncidentKind) -> Vec<&Incident> {
    let all =
        events.iter().filter_map(|event| if let Event::Incident(incident) = event { Some(incident) } else { None });
    all.filter(|incident| incident.kind == wanted).collect()
}

fn places(events: &[Event]) -> Vec<String> {
    let place = |event: &Event| match event {
        Event::WorkerUp { worker, .. } => Some(worker.to_string()),
        _ => None,
    };
    let mut places: Vec<_> = events.iter().filter_map(place).collect();
    places.sort();
    places
}

/// Asserts that every recording is done and no artifact was computed twice.
fn assert_complete(fixture: &Fixture, outcome: &Outcome, items: &[RecordingEntry]) {
    assert_eq!(ends(outcome), (items.len(), vec![]));
    let store = fixture.store();
    for item in items {
        assert!(artifacts(&*store, item).iter().all(|stored| stored.computations == 1), "{}", item.name);
    }
}

fn same_artifacts() {
    let items = planned(&NAMES);
    let (mut local, mut remote) = (Fixture::new(2), fixture(None, &["--room", "2"]));
    local.run(&items);
    // Long enough that both workers come up.
    remote.settings.cpu_ms = 200;
    let (outcome, events) = remote.run(&items);
    assert_complete(&remote, &outcome, &items);
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let expected = [1, 2].map(|node| format!("cpu:{}@{}.node{node:04}", node - 1, host.trim()));
    assert_eq!(places(&events), expected, "as many workers as there is room for");
    let (local, remote) = (local.store(), remote.store());
    for item in &items {
        let bodies = |store| artifacts(store, item).into_iter().map(|stored| stored.artifact.body).collect::<Vec<_>>();
        assert_eq!(bodies(&*local), bodies(&*remote), "{}", item.name);
    }
}

fn without_room() {
    let mut fixture = fixture(Some(5), &["--room", "2"]);
    let items = planned(&NAMES);
    let (outcome, events) = fixture.run(&items);
    assert_complete(&fixture, &outcome, &items);
    assert_eq!(places(&events).len(), 2);
}

fn idle() {
    let mut fixture = fixture(Some(2), &["--log"]);
    let log = fixture.path("driver-log");
    fixture.options.cluster.as_mut().unwrap().driver.args.push(log.clone().into());
    // The first recording has more inputs, which keep its worker busy after the other one is idle.
    let items = planned(&["follow-a", "b"]);
    (fixture.settings.device_ms, fixture.options.device_batch, fixture.options.batch_items) = (1_000, 1, 1);
    let count = |what| std::fs::read_to_string(&log).unwrap().lines().filter(|line| *line == what).count();
    let mut discarded = Vec::new();
    let (result, _) = fixture.try_run(&items, &Interrupt::default(), &mut |event| {
        if let Event::ItemDone { .. } = event {
            discarded.push(count("discard"));
        }
    });
    assert_complete(&fixture, &result.unwrap(), &items);
    assert_eq!((discarded[1], count("create")), (1, 2), "one is discarded while the other works");
}

fn lost(fault: &str, kind: IncidentKind, reason: &str) {
    let mut fixture = faulty(fault);
    let items = planned(&NAMES);
    let (outcome, events) = fixture.run(&items);
    assert_complete(&fixture, &outcome, &items);
    let found = incidents(&events, kind);
    assert!(found.len() == 1 && found[0].message.contains(reason), "{found:?}");
    for unfair in [IncidentKind::BatchBisected, IncidentKind::ProbePassed, IncidentKind::DeviceRetired] {
        assert_eq!(incidents(&events, unfair), Vec::<&Incident>::new(), "recordings and devices are not suspected");
    }
}

fn crash() {
    let mut fixture = fixture(Some(2), &[]);
    let items = planned(&["a", "b", "crash", "c", "d", "e"]);
    let (outcome, events) = fixture.run(&items);
    assert_eq!(ends(&outcome), (5, vec!["worker-died"]));
    let lost = incidents(&events, IncidentKind::WorkerLost);
    assert!(lost.len() >= 3 && lost.iter().all(|incident| incident.message == "exited with code 3"), "{lost:?}");
}

/// The error of a run that cannot start.
fn error(fixture: &mut Fixture) -> RunError {
    fixture.try_run(&planned(&["a"]), &Interrupt::default(), &mut |_| ()).0.unwrap_err()
}

fn fatal() {
    let error = error(&mut fixture(Some(1), &["--fault", "fatal"]));
    assert_eq!(error.to_string(), "the cluster cannot be used: no cluster: start one");
}

fn without_python() {
    let mut fixture = fixture(Some(1), &[]);
    fixture.options.cluster.as_mut().unwrap().driver.program = "/nowhere/python3".into();
    let expected = "the cluster cannot be used: /nowhere/python3 does not exist: install it";
    assert_eq!(error(&mut fixture).to_string(), expected);
    let driver = &mut fixture.options.cluster.as_mut().unwrap().driver;
    *driver = WorkerCommand { program: "python3".into(), args: ["-m", "no_such_package"].map(Into::into).into() };
    let error = error(&mut fixture).to_string();
    assert!(error.contains("No module named no_such_package: install it"), "{error}");
}

fn no_node() {
    let error = error(&mut fixture(None, &["--room", "0"])).to_string();
    assert!(error.contains("no node has what a worker reserves (gpu=1, cpu=0, slot=1)"), "{error}");
}

fn other_version() {
    let mut fixture = fixture(Some(1), &[]);
    fixture.options.tool_version = "9.9".to_owned();
    match error(&mut fixture) {
        RunError::WorkersLost { worker, reason } => {
            assert_eq!(reason, "is version 0.0.1-test of the program, expected 9.9");
            assert!(worker.to_string().contains(".node0001"), "{worker}");
        }
        other => panic!("{other:?}"),
    }
}

fn no_program() {
    let mut fixture = fixture(Some(1), &[]);
    fixture.options.worker.program = "/nowhere/earwitness".into();
    match error(&mut fixture) {
        RunError::WorkersLost { reason, .. } => {
            assert!(reason.ends_with(".node0001: /nowhere/earwitness cannot be started: No such file or directory"));
        }
        other => panic!("{other:?}"),
    }
}
