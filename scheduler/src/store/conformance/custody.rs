//! The custody log.

use std::slice::from_ref;
use std::sync::Arc;

use super::samples::{artifact, begun, checkpoint, commit, entry, error, fingerprint, grant, recipe};
use super::{Harness, Tampering};
use crate::store::{
    Audit, Committed, Entry, Failure, Forgotten, Incident, IncidentKind, LeaseEnd, Line, NewRun, OutputFile,
    Quarantine, RunEnd, RunId, Store, audit, read_chain,
};

/// Texts that must not be in a log.
const SECRET: [&str; 4] = ["a.wav", "the message", "secret.srt", "no audio"];

fn incident() -> Incident {
    Incident {
        at_ms: 5,
        kind: IncidentKind::WorkerLost,
        worker: Some("cpu:0".to_owned()),
        recording: Some(SECRET[0].into()),
        message: SECRET[1].to_owned(),
    }
}

fn output() -> OutputFile {
    OutputFile {
        path: SECRET[2].into(),
        sha256: Some("ab".repeat(32)),
        replaces: None,
        recording: Some("ab".repeat(32)),
        format: "srt".to_owned(),
        renderer: 1,
        settings: serde_json::json!({}),
        made_from: vec![],
        document: None,
        context: serde_json::json!({}),
    }
}

/// Writes every kind of record, and some that are deleted or replaced again.
fn written(store: &mut dyn Store) {
    let run = begun(store);
    store.put_recordings(run, &[entry(&Arc::new(recipe()))]).unwrap();
    let lease = grant(store, run);
    let first = store.commit(&[checkpoint(lease, 0, "{}"), commit(lease, "{}", false)]).unwrap();
    assert_eq!(first, [Committed::Written; 2]);
    store.commit(&[commit(lease, "[1]", true), commit(lease, "[2]", false)]).unwrap();
    store.release(lease, LeaseEnd::Finished).unwrap();
    store.record_incidents(run, &[incident(), incident()]).unwrap();
    store.record_failures(run, &[Failure { path: SECRET[0].into(), error: error() }]).unwrap();
    let quarantined = Quarantine { fingerprint: fingerprint(), path: SECRET[0].into(), error: error() };
    store.quarantine(run, from_ref(&quarantined)).unwrap();
    store.lift_quarantine(&[fingerprint()]).unwrap();
    store.quarantine(run, &[quarantined]).unwrap();
    store.put_outputs(&[output(), OutputFile { path: "gone".into(), ..output() }]).unwrap();
    store.forget_outputs(&["gone".into(), "never".into()]).unwrap();
    store.end_run(run, RunEnd::Finished).unwrap();
    store.log(&[Entry::Clock { moved_ms: 60_000 }]).unwrap();
    begun(store);
}

fn lines(store: &dyn Store) -> Vec<Line> {
    let custody = store.custody().unwrap();
    let (lines, fault) = read_chain(custody.lines.iter().map(String::as_str));
    assert_eq!(fault, None);
    lines
}

fn audited(store: &dyn Store) -> Audit {
    audit(store, &lines(store)).unwrap()
}

pub(crate) fn custody_log_agrees_with_everything_that_is_written(harness: &dyn Harness) {
    let mut store = harness.open();
    assert_eq!(audited(&*store).disagreements, [], "a new store");
    written(&mut *store);
    let found = audited(&*store);
    assert_eq!((found.disagreements, found.records), (vec![], 12));
    drop(store);
    assert_eq!(audited(&*harness.open_to_read()).disagreements, []);
    let mut store = harness.open();
    let before = lines(&*store).len();
    begun(&mut *store);
    assert_eq!(lines(&*store).len(), before + 1, "the chain continues without a repair");
}

pub(crate) fn custody_log_contains_ids_and_hashes_alone(harness: &dyn Harness) {
    let mut store = harness.open();
    written(&mut *store);
    let custody = store.custody().unwrap();
    let secrets = SECRET.iter().copied().chain(["test", artifact("").device.as_str()].map(|_| "\"test\""));
    for secret in secrets {
        assert!(custody.lines.iter().all(|line| !line.contains(secret)), "{secret}");
    }
    let Entry::Case { case, chain, salt_sha256, .. } = &lines(&*store)[0].entry else { panic!("the case is first") };
    assert_eq!((case, chain, salt_sha256), (&custody.case, &custody.chain, &custody.salt.sha256()));
}

pub(crate) fn custody_log_finds_every_alteration(harness: &dyn Harness) {
    let mut store = harness.open();
    written(&mut *store);
    harness.tamper(&Tampering::ArtifactBody(b"changed"));
    assert_eq!(audited(&*store).disagreements.len(), 1);
    harness.tamper(&Tampering::NoRuns);
    let missing = audited(&*store).disagreements;
    assert!(missing.len() >= 4 && missing[0].to_string().contains("run 1: in the custody log"), "{missing:?}");
}

pub(crate) fn recording_that_is_forgotten_leaves_its_hash_and_log_and_store_agree(harness: &dyn Harness) {
    let mut store = harness.open();
    written(&mut *store);
    let named = NewRun { command: "run /calls/a.wav".to_owned(), ..NewRun::default() };
    store.begin_run(&named).unwrap();
    let forgotten =
        Forgotten { sha256: "ab".repeat(32), at_ms: 5, by: "kim".into(), reason: Some("privileged".into()) };
    store.forget(&forgotten).unwrap();
    assert_eq!(store.forgotten().unwrap(), from_ref(&forgotten));
    assert_eq!((store.recordings().unwrap(), store.artifact_names().unwrap()), (vec![], vec![]));
    assert_eq!((store.outputs().unwrap(), store.quarantines().unwrap()), (vec![], vec![]));
    let runs = store.runs(9).unwrap();
    assert_eq!((&*runs[0].command, &*runs[1].command), ("(forgotten)", "test"));
    assert_eq!(store.failures(RunId(1)).unwrap(), []);
    assert!(
        store.incidents(RunId(1)).unwrap().iter().all(|one| one.recording.is_none() && one.message == "(forgotten)")
    );
    assert_eq!(audited(&*store).disagreements, []);
    store.forget(&Forgotten { at_ms: 6, ..forgotten }).unwrap();
    assert_eq!(audited(&*store).disagreements, [], "it may be repeated");
    let run = begun(&mut *store);
    let lease = grant(&mut *store, run);
    store.put_recordings(run, &[entry(&Arc::new(recipe()))]).unwrap();
    store.commit(&[commit(lease, "{}", false)]).unwrap();
    assert_eq!(audited(&*store).disagreements.len(), 1, "taken up again behind the back of the program");
}
