//! Runs, their incidents, failures and quarantined recordings.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::slice::from_ref;

use super::samples::{begun, error, fingerprint, other_fingerprint};
use super::{Harness, Tampering};
use crate::store::{Failure, Incident, IncidentKind, Quarantine, RunEnd, RunId, StoreError};

pub(crate) fn runs_are_listed_latest_first_with_their_end(harness: &dyn Harness) {
    let mut store = harness.open();
    let first = begun(&mut *store);
    store.end_run(first, RunEnd::Interrupted).unwrap();
    let second = begun(&mut *store);
    let runs = store.runs(9).unwrap();
    assert_eq!(runs.iter().map(|run| run.id).collect::<Vec<_>>(), [second, first]);
    assert_eq!(store.runs(1).unwrap(), runs[..1]);
    let Some((ended_at_ms, RunEnd::Interrupted)) = runs[1].ended else { panic!("{:?}", runs[1].ended) };
    assert!(ended_at_ms >= runs[1].started_at_ms && runs[0].started_at_ms >= runs[1].started_at_ms);
    assert_eq!((runs[0].ended, runs[0].priority, runs[0].pid), (None, 3, Some(std::process::id())));
    assert_eq!((runs[0].command.as_str(), runs[0].tool_version.as_str()), ("test", "0.1.0"));
}

pub(crate) fn run_of_a_killed_process_has_no_end(harness: &dyn Harness) {
    let mut store = harness.open();
    let killed = begun(&mut *store);
    drop(store);
    let mut store = harness.open();
    let next = begun(&mut *store);
    store.end_run(next, RunEnd::Finished).unwrap();
    let runs = store.runs(9).unwrap();
    assert_eq!((runs[1].id, runs[1].ended), (killed, None));
    assert!(matches!(runs[0].ended, Some((_, RunEnd::Finished))));
}

pub(crate) fn failures_belong_to_their_run(harness: &dyn Harness) {
    let mut store = harness.open();
    let first = begun(&mut *store);
    let failure = |path: &str| Failure { path: path.into(), error: error() };
    store.record_failures(first, &[failure("b.wav"), failure("a.wav")]).unwrap();
    store.record_failures(first, &[failure("a.wav")]).unwrap();
    let second = begun(&mut *store);
    assert_eq!(store.failures(first).unwrap(), [failure("a.wav"), failure("b.wav")]);
    assert_eq!(store.failures(second).unwrap(), []);
}

pub(crate) fn incidents_are_listed_in_the_order_of_recording(harness: &dyn Harness) {
    let mut store = harness.open();
    let run = begun(&mut *store);
    let lost = Incident {
        at_ms: 2,
        kind: IncidentKind::WorkerLost,
        worker: Some("cpu:0#1".into()),
        recording: None,
        message: "killed by signal 9".into(),
    };
    let bisected = Incident {
        at_ms: 1,
        kind: IncidentKind::BatchBisected,
        worker: None,
        recording: Some(OsString::from_vec(b"\xff.wav".to_vec()).into()),
        message: "10 recordings".into(),
    };
    store.record_incidents(run, &[lost.clone(), bisected.clone()]).unwrap();
    store.record_incidents(run, from_ref(&lost)).unwrap();
    assert_eq!(store.incidents(run).unwrap(), [lost.clone(), bisected, lost]);
    assert_eq!(store.incidents(RunId(run.0 + 1)).unwrap(), []);
    harness.tamper(&Tampering::IncidentKind("dropped"));
    assert!(matches!(store.incidents(run), Err(StoreError::Unreadable { what: "kind of incident", .. })));
}

pub(crate) fn quarantine_lasts_until_it_is_lifted(harness: &dyn Harness) {
    let mut store = harness.open();
    let run = begun(&mut *store);
    let quarantine = Quarantine { fingerprint: fingerprint(), path: "a.wav".into(), error: error() };
    store.quarantine(run, &[Quarantine { path: "old.wav".into(), ..quarantine.clone() }]).unwrap();
    store.quarantine(run, from_ref(&quarantine)).unwrap();
    drop(store);
    let mut store = harness.open();
    assert_eq!(store.quarantined(&fingerprint()).unwrap(), Some(quarantine.clone()));
    assert_eq!(store.quarantines().unwrap(), from_ref(&quarantine));
    assert_eq!(store.quarantined(&other_fingerprint()).unwrap(), None);
    store.lift_quarantine(&[other_fingerprint()]).unwrap();
    assert_eq!(store.quarantines().unwrap(), [quarantine]);
    store.lift_quarantine(&[fingerprint()]).unwrap();
    assert_eq!(store.quarantines().unwrap(), []);
}
