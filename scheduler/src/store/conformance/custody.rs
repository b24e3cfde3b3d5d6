//! The custody log.

use std::slice::from_ref;
use std::sync::Arc;

use super::reviews::review;
use super::samples::{artifact, begun, checkpoint, commit, entry, error, fingerprint, grant, granted, recipe};
use super::{Harness, Tampering};
use crate::store::custody::Digests;
use crate::store::{
    Audit, Committed, Deletion, Difference, Entry, Failure, Forgotten, Incident, IncidentKind, LeaseEnd, Line, Names,
    OutputFile, Quarantine, RunEnd, Store, Subject, audit, read_chain,
};

/// Texts that must not be in a log.
const SECRET: [&str; 4] = ["a.wav", "the message", "secret.srt", "no audio"];

pub(super) fn incident() -> Incident {
    Incident {
        at_ms: 5,
        kind: IncidentKind::WorkerLost,
        worker: Some("cpu:0".to_owned()),
        recording: Some(SECRET[0].into()),
        message: SECRET[1].to_owned(),
    }
}

pub(super) fn output() -> OutputFile {
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
pub(super) fn written(store: &mut dyn Store) {
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
    assert_eq!(store.head().unwrap(), store.custody().unwrap().head());
    assert_eq!(store.case_id().unwrap(), store.custody().unwrap().case);
    store.log(&[Entry::Clock { moved_ms: 60_000 }]).unwrap();
    begun(store);
}

pub(super) fn lines(store: &dyn Store) -> Vec<Line> {
    let custody = store.custody().unwrap();
    let (lines, fault) = read_chain(custody.lines.iter().map(String::as_str));
    assert_eq!(fault, None);
    lines
}

pub(super) fn audited(store: &dyn Store) -> Audit {
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

/// What disagrees with the log.
fn differences(store: &dyn Store) -> Vec<(Subject, Difference)> {
    audited(store).disagreements.into_iter().map(|one| (one.subject, one.difference)).collect()
}

pub(crate) fn checkpoints_are_in_the_custody_log_until_their_artifact_is_stored(harness: &dyn Harness) {
    let mut store = harness.open();
    let lease = granted(&mut *store);
    store.commit(&[checkpoint(lease, 0, "{}"), checkpoint(lease, 1, "[]")]).unwrap();
    assert_eq!(differences(&*store), []);
    harness.tamper(&Tampering::CheckpointBody { index: 1, body: b"[1]" });
    let of = |index| Subject::Checkpoint(fingerprint().to_string(), index);
    assert_eq!(differences(&*store), [(of(1), Difference::Changed)]);
    store.forget_checkpoints(&fingerprint()).unwrap();
    assert_eq!(differences(&*store), []);
    store.commit(&[checkpoint(lease, 2, "{}"), commit(lease, "{}", false)]).unwrap();
    assert_eq!(differences(&*store), [], "the artifact ends its checkpoints");
    harness.tamper(&Tampering::CheckpointOfArtifact);
    assert_eq!(differences(&*store), [(of(7), Difference::Unlogged)]);
}

pub(crate) fn artifact_that_is_stated_again_was_deleted_in_between(harness: &dyn Harness) {
    let mut store = harness.open();
    let lease = granted(&mut *store);
    store.commit(&[commit(lease, "{}", false)]).unwrap();
    store.commit(&[commit(lease, "[1]", true)]).unwrap();
    assert_eq!(differences(&*store), [], "it was replaced on demand");
    let line = lines(&*store).pop().unwrap();
    let Entry::Artifact { replaces: true, .. } = line.entry else { panic!("{line:?}") };
    let Entry::Artifact { recording, stage, fingerprint, sha256, record, .. } = line.entry else { unreachable!() };
    let subject = Subject::Artifact(fingerprint.to_string());
    store.log(&[Entry::Artifact { recording, stage, fingerprint, sha256, record, replaces: false }]).unwrap();
    assert_eq!(differences(&*store), [(subject, Difference::Repeated)]);
}

pub(crate) fn run_or_review_that_is_stated_again_was_deleted_in_between(harness: &dyn Harness) {
    let mut store = harness.open();
    begun(&mut *store);
    store.put_reviews(&[review("a", 1)]).unwrap();
    let again: Vec<_> = lines(&*store).into_iter().skip(1).map(|line| line.entry).collect();
    store.log(&again).unwrap();
    let review = Subject::Review("a".repeat(16));
    assert_eq!(differences(&*store), [(Subject::Run(1), Difference::Repeated), (review, Difference::Repeated)]);
}

pub(crate) fn deleted_texts_are_valid_only_with_the_entry_of_a_forgotten_recording(harness: &dyn Harness) {
    let mut store = harness.open();
    let run = begun(&mut *store);
    harness.tamper(&Tampering::RunCommand("run (forgotten) edited"));
    assert_eq!(audited(&*store).disagreements.len(), 1);
    let custody = store.custody().unwrap();
    let digests = Digests(&custody.salt);
    let edited = Entry::RunForgotten { run: run.0, record: digests.run_began(&store.runs(1).unwrap()[0]).unwrap() };
    store.log(from_ref(&edited)).unwrap();
    let found = audited(&*store).disagreements;
    assert!(found[0].to_string().contains("with no recording that was forgotten"), "{found:?}");
    assert_eq!(found[0].difference, Difference::Unfounded);

    let forgotten = Forgotten { sha256: "cd".repeat(32), at_ms: 5, by: "kim".into(), reason: None };
    store.forget(&Deletion::of(&*store, forgotten.clone(), &Names::default()).unwrap()).unwrap();
    store.log(from_ref(&edited)).unwrap();
    assert_eq!(audited(&*store).disagreements.len(), 1, "the entry states no texts");
    let record = digests.forgotten(&forgotten).unwrap();
    let stated =
        |texts| Entry::Forgotten { recording: forgotten.sha256.clone(), record: record.clone(), texts: Some(texts) };
    store.log(&[stated(2), edited.clone(), Entry::Repaired { appended: 1, torn: false }]).unwrap();
    let found: Vec<_> =
        audited(&*store).disagreements.iter().map(|one| (one.subject.clone(), one.difference)).collect();
    let expected = [
        (Subject::Run(1), Difference::Unfounded),
        (Subject::Forgotten(forgotten.sha256, 1), Difference::Missing),
        (Subject::Texts(6), Difference::Unfounded),
    ];
    assert_eq!(found, expected, "a text is missing, and the store has no record of the second time");
}

pub(crate) fn text_that_was_edited_instead_of_deleted_is_found(harness: &dyn Harness) {
    let mut store = harness.open();
    let run = begun(&mut *store);
    harness.tamper(&Tampering::RunCommand("edited"));
    let custody = store.custody().unwrap();
    let digests = Digests(&custody.salt);
    let edited = Entry::RunForgotten { run: run.0, record: digests.run_began(&store.runs(1).unwrap()[0]).unwrap() };
    let forgotten = Forgotten { sha256: "cd".repeat(32), at_ms: 5, by: "kim".into(), reason: None };
    store.forget(&Deletion::of(&*store, forgotten.clone(), &Names::default()).unwrap()).unwrap();
    let again = Entry::Forgotten {
        recording: forgotten.sha256.clone(),
        record: digests.forgotten(&forgotten).unwrap(),
        texts: Some(1),
    };
    store.log(&[again, edited]).unwrap();
    let found: Vec<_> =
        audited(&*store).disagreements.iter().map(|one| (one.subject.clone(), one.difference)).collect();
    let second = (Subject::Forgotten(forgotten.sha256, 1), Difference::Missing);
    assert_eq!(found, [(Subject::Run(1), Difference::Changed), second]);
}
