//! Failures of recordings and workers. No failure affects other recordings.

use rustix::process::{Pid, Signal, kill_process};
use scheduler::coordinator::{Event, Interrupt, ItemEnd, Outcome, RunError};
use scheduler::store::{Incident, IncidentKind};
use stage_core::ErrorClass;

use crate::fixture::{Fixture, artifacts, ends, pids, planned};

pub(crate) fn tests() -> Vec<(&'static str, fn())> {
    vec![
        ("recording_that_kills_workers_fails_alone", crash),
        ("worker_that_crashes_once_costs_nothing", crash_once),
        ("worker_that_is_killed_costs_nothing", killed),
        ("worker_that_sends_malformed_messages_is_replaced", nonsense),
        ("worker_that_falls_silent_is_replaced", silent),
        ("panic_and_bad_input_fail_their_recordings_alone", panic_and_bad_input),
        ("unit_that_the_device_refuses_fails_its_recording_alone", poison),
        ("transient_failure_is_tried_three_times", transient),
        ("failure_of_the_device_goes_to_another_device", device),
        ("workers_that_refuse_end_the_run_with_their_reason", refused),
        ("worker_that_cannot_be_started_ends_the_run", not_started),
    ]
}

fn lost(events: &[Event]) -> Vec<&str> {
    let mut reasons = Vec::new();
    for event in events {
        if let Event::Incident(Incident { kind: IncidentKind::WorkerLost, message, .. }) = event {
            reasons.push(message.as_str());
        }
    }
    reasons
}

fn of_kind(events: &[Event], wanted: IncidentKind) -> usize {
    events.iter().filter(|event| matches!(event, Event::Incident(incident) if incident.kind == wanted)).count()
}

fn message(outcome: &Outcome, index: usize) -> &str {
    match &outcome.items[index] {
        ItemEnd::Failed(error) => &error.message,
        end => panic!("{end:?}"),
    }
}

fn crash() {
    let mut fixture = Fixture::new(2);
    let items = planned(&["a", "b", "crash", "c", "d", "e"]);
    let (outcome, events) = fixture.run(&items);
    assert_eq!(ends(&outcome), (5, vec!["worker-died"]));
    assert!(message(&outcome, 2).contains("exited with code 3"));
    // Alone it kills its worker twice. Among others it kills once, or twice if a half contains another started
    // recording.
    let lost = lost(&events);
    assert!((3..=4).contains(&lost.len()) && lost.iter().all(|reason| *reason == "exited with code 3"), "{lost:?}");
    let failures = fixture.store().failures(outcome.run).unwrap();
    assert_eq!(failures.iter().map(|failure| &failure.path).collect::<Vec<_>>(), [&items[2].path]);
}

fn crash_once() {
    let mut fixture = Fixture::new(1);
    let (outcome, events) = fixture.run(&planned(&["a", "b", "crashonce", "c"]));
    assert_eq!((ends(&outcome), lost(&events).len()), ((4, vec![]), 1));
}

fn killed() {
    let mut fixture = Fixture::new(2);
    fixture.settings.cpu_ms = 30;
    let items = planned(&["a", "b", "c", "d", "e", "f"]);
    let (mut up, mut shot) = (None, false);
    let (result, events) = fixture.try_run(&items, &Interrupt::default(), &mut |event| match event {
        Event::WorkerUp { pid, worker } => {
            up.get_or_insert((*pid, worker.clone()));
        }
        Event::StageCommitted { worker, .. } if !shot => {
            if let Some((pid, _)) = up.as_ref().filter(|(_, first)| first == worker) {
                kill_process(Pid::from_raw(*pid as i32).unwrap(), Signal::KILL).unwrap();
                shot = true;
            }
        }
        _ => {}
    });
    assert_eq!((ends(&result.unwrap()), lost(&events)), ((6, vec![]), vec!["killed by signal 9"]));
    let store = fixture.store();
    let counts = items.iter().flat_map(|item| artifacts(&*store, item)).map(|stored| stored.computations);
    assert!(counts.into_iter().all(|count| count == 1), "committed artifacts are not computed again");
}

fn nonsense() {
    let mut fixture = Fixture::new(1);
    fixture.options.worker.args.push(fixture.path("mark").into());
    let (outcome, events) = fixture.run(&planned(&["a", "b"]));
    assert_eq!(ends(&outcome), (2, vec![]));
    assert!(matches!(lost(&events)[..], [reason] if reason.contains("malformed message")));
}

fn silent() {
    let mut fixture = Fixture::new(1);
    let (outcome, events) = fixture.run(&planned(&["a", "stoponce"]));
    assert_eq!((ends(&outcome), lost(&events)), ((2, vec![]), vec!["sent nothing for 3.6 s"]));
}

fn panic_and_bad_input() {
    let mut fixture = Fixture::new(1);
    let (outcome, events) = fixture.run(&planned(&["a", "panic", "bad", "b"]));
    assert_eq!((ends(&outcome), pids(&events).len()), ((2, vec!["panic", "bad"]), 1));
    assert_eq!(message(&outcome, 1), "panicked: as its name says");
    assert_eq!(outcome.stages_computed, 12, "two recordings, and the artifacts before the failures");
}

fn poison() {
    let mut fixture = Fixture::new(1);
    fixture.options.device_batch = 16;
    let (outcome, _) = fixture.run(&planned(&["a", "poison", "b", "c"]));
    assert_eq!(ends(&outcome), (3, vec!["poison"]));
}

fn transient() {
    let mut fixture = Fixture::new(1);
    let (outcome, events) = fixture.run(&planned(&["a", "transient", "hopeless"]));
    assert_eq!(ends(&outcome), (2, vec!["stays"]));
    assert_eq!(of_kind(&events, IncidentKind::Retried), 4);
}

fn device() {
    let names = ["device-1", "device-2", "device-3", "device-4"];
    let (outcome, _) = Fixture::new(2).run(&planned(&names));
    assert_eq!(ends(&outcome), (4, vec![]));
    let (outcome, _) = Fixture::new(1).run(&planned(&names));
    assert_eq!(ends(&outcome), (0, vec!["not-here"; 4]));
}

fn refused() {
    let mut fixture = Fixture::new(2);
    fixture.settings.refuse = true;
    let (result, _) = fixture.try_run(&planned(&["a", "b", "c"]), &Interrupt::default(), &mut |_| ());
    match result {
        Err(RunError::WorkersRefused { error, .. }) => {
            assert_eq!((error.class, error.code.as_str()), (ErrorClass::BadInput, "model-missing"));
        }
        other => panic!("{other:?}"),
    }
}

fn not_started() {
    let mut fixture = Fixture::new(1);
    fixture.options.worker.program = "/nowhere/earwitness".into();
    let (result, _) = fixture.try_run(&planned(&["a"]), &Interrupt::default(), &mut |_| ());
    assert!(matches!(result, Err(RunError::WorkersLost { reason, .. }) if reason.contains("/nowhere/earwitness")));
    fixture.options.worker.program = "/bin/false".into();
    let (result, events) = fixture.try_run(&planned(&["a"]), &Interrupt::default(), &mut |_| ());
    assert!(matches!(result, Err(RunError::WorkersLost { reason, .. }) if reason.contains("exited with code 1")));
    assert_eq!(lost(&events).len(), 2, "the number of new starts is bounded");
}
