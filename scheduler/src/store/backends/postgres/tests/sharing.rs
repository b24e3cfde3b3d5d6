//! Several runs on one store at the same time: registration, take-over, and one custody log.

use std::thread;
use std::time::Duration;

use stage_core::StageKey;
use testkit::wait_until;

use super::*;
use crate::store::conformance::samples::{bodies, checkpoint, grant, key, sound};
use crate::store::{
    Commit, Deletion, Forgotten, Lease, Names, NewArtifact, NewRecord, RunEnd, Writer, audit, read_chain,
};

/// Ends the time of all registrations, as if their processes had stopped long ago.
pub(super) fn expire(harness: &PostgresHarness) {
    let mut client = harness.client();
    client.execute("UPDATE run SET expires_ms = 0, lease_ms = 0", &[]).unwrap();
}

#[test]
fn store_is_written_by_several_runs_at_once() {
    let Some(harness) = PostgresHarness::fresh() else { return };
    let (mut one, mut two) = (writer(&harness, ""), writer(&harness, ""));
    assert_eq!(one.writer().unwrap(), Writer::None);
    let (first, second) = (begun(&mut one), begun(&mut two));
    let (lease, other) = (grant(&mut one, first), grant(&mut two, second));
    assert_eq!(one.commit(&[checkpoint(lease, 0, "of one")]).unwrap(), [Committed::Written]);
    assert_eq!(two.commit(&[checkpoint(other, 1, "of two")]).unwrap(), [Committed::Written]);
    assert_eq!(bodies(&two), [(0, "of one".to_owned()), (1, "of two".to_owned())]);
    let asked = harness.open_to_read().writer().unwrap();
    assert!(matches!(&asked, Writer::Several(holders) if holders.len() == 2), "{asked:?}");
    assert!(asked.holders().iter().all(|holder| holder.pid == std::process::id() && holder.host.is_some()));
    one.end_run(first, RunEnd::Finished).unwrap();
    assert_eq!(one.commit(&[commit(lease, "{}", false)]).unwrap(), [Committed::StaleLease], "its run has ended");
    assert_eq!(two.commit(&[commit(other, "{}", false)]).unwrap(), [Committed::Written]);
    drop(two);
    assert_eq!(one.writer().unwrap(), Writer::None, "the other run was dropped");
}

#[test]
fn run_that_expired_is_taken_over_by_the_next_and_commits_nothing_more() {
    let Some(harness) = PostgresHarness::fresh() else { return };
    let mut stopped = writer(&harness, "");
    let run = begun(&mut stopped);
    let lease = grant(&mut stopped, run);
    stopped.commit(&[checkpoint(lease, 0, "kept")]).unwrap();
    expire(&harness);
    assert_eq!(harness.open_to_read().check().unwrap().abandoned_leases, 1);
    assert_eq!(stopped.commit(&[checkpoint(lease, 1, "kept")]).unwrap(), [Committed::Written], "nobody has taken over");
    let mut next = writer(&harness, "");
    let newer = granted(&mut next);
    assert_eq!(stopped.commit(&[commit(lease, "late", false)]).unwrap(), [Committed::StaleLease]);
    let error = stopped.grant(run, &batch()).unwrap_err();
    assert!(matches!(error, StoreError::TakenOver { run: lost } if lost == run), "{error}");
    assert!(error.to_string().contains("run again"), "{error}");
    assert_eq!(next.commit(&[commit(newer, "{}", false)]).unwrap(), [Committed::Written]);
    assert_eq!((sound(&next).artifact.body.as_str(), next.recomputations().unwrap()), ("{}", 0));
    stopped.end_run(run, RunEnd::Broken).unwrap();
    assert_eq!(next.runs(9).unwrap()[1].ended, None, "a run that was lost has no end");
}

fn batch() -> crate::store::NewBatch {
    crate::store::NewBatch { worker: "cpu:0".into(), priority: 0, recordings: 1, audio_s: 1.0 }
}

#[test]
fn run_that_lives_renews_its_registration() {
    let Some(harness) = PostgresHarness::fresh() else { return };
    let mut store = writer(&harness, "lease_s=1");
    let run = begun(&mut store);
    let expires = || -> i64 { harness.client().query_one("SELECT expires_ms FROM run", &[]).unwrap().get(0) };
    let first = expires();
    wait_until("the registration is renewed twice", || expires() > first + 400);
    thread::sleep(Duration::from_millis(1200));
    let mut other = writer(&harness, "");
    begun(&mut other);
    assert!(store.grant(run, &batch()).is_ok(), "its registration is older than a second, and was renewed");
    store.end_run(run, RunEnd::Finished).unwrap();
    let last = expires_of(&harness, run.0);
    thread::sleep(Duration::from_millis(600));
    assert_eq!(expires_of(&harness, run.0), last, "a run that has ended is not renewed");
}

fn expires_of(harness: &PostgresHarness, run: i64) -> i64 {
    harness.client().query_one("SELECT expires_ms FROM run WHERE id = $1", &[&run]).unwrap().get(0)
}

#[test]
fn maintenance_that_deletes_is_refused_beside_the_run_of_another_process() {
    let Some(harness) = PostgresHarness::fresh() else { return };
    let (mut store, mut other) = (writer(&harness, ""), writer(&harness, ""));
    let run = begun(&mut other);
    let forgotten = Forgotten { sha256: "ab".repeat(32), at_ms: 5, by: "kim".into(), reason: None };
    let deletion = Deletion::of(&store, forgotten, &Names::default()).unwrap();
    for outcome in [store.forget(&deletion), store.compact().map(drop)] {
        let error = outcome.unwrap_err();
        assert!(matches!(&error, StoreError::Locked { holder: Some(_), .. }), "{error}");
        assert!(error.to_string().contains("is in use by process"), "{error}");
    }
    other.end_run(run, RunEnd::Finished).unwrap();
    store.forget(&deletion).unwrap();
    store.compact().unwrap();
}

/// The commit of an artifact of another recording.
fn commit_of(lease: Lease, recording: &str) -> Commit {
    let artifact = NewArtifact {
        key: StageKey { file_sha256: recording.to_owned(), ..key() },
        body: "{}".to_owned(),
        ..crate::store::conformance::samples::artifact("")
    };
    Commit { lease, what: NewRecord::Artifact { artifact, replace: false } }
}

#[test]
fn custody_log_of_several_writers_is_one_chain_and_names_their_runs() {
    const EACH: usize = 20;
    let Some(harness) = PostgresHarness::fresh() else { return };
    drop(harness.open());
    let work = |name: char| {
        let (url, harness) = (harness.url.clone(), harness.server);
        move || {
            let mut store = writer(&PostgresHarness { server: harness, url }, "");
            let run = begun(&mut store);
            let lease = grant(&mut store, run);
            for number in 0..EACH {
                let recording = stage_core::sha256_hex(format!("{name}{number}").as_bytes());
                assert_eq!(store.commit(&[commit_of(lease, &recording)]).unwrap(), [Committed::Written]);
            }
            store.end_run(run, RunEnd::Finished).unwrap();
            run
        }
    };
    let threads: Vec<_> = ['a', 'b', 'c'].map(|name| thread::spawn(work(name))).into();
    let runs: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    let store = harness.open_to_read();
    let custody = store.custody().unwrap();
    let (lines, fault) = read_chain(custody.lines.iter().map(String::as_str));
    assert_eq!((fault, audit(&*store, &lines).unwrap().disagreements), (None, vec![]));
    for run in runs {
        assert_eq!(lines.iter().filter(|line| line.by == Some(run.0)).count(), EACH + 2, "began, committed, ended");
    }
    assert_eq!((lines.len(), lines[0].by), (3 * (EACH + 2) + 1, None));
}

#[test]
fn times_of_runs_and_of_the_custody_log_are_those_of_the_database() {
    let Some(harness) = PostgresHarness::fresh() else { return };
    let mut store = writer(&harness, "");
    let change = "CREATE OR REPLACE FUNCTION now_ms() RETURNS BIGINT LANGUAGE sql VOLATILE AS 'SELECT 4102444800000'";
    harness.client().batch_execute(change).unwrap();
    let run = begun(&mut store);
    let lease = grant(&mut store, run);
    store.commit(&[commit(lease, "{}", false)]).unwrap();
    assert_eq!(store.runs(1).unwrap()[0].started_at_ms, 4_102_444_800_000, "not the clock of this machine");
    let custody = store.custody().unwrap();
    assert!(custody.lines.last().unwrap().contains("4102444800000"), "{:?}", custody.lines.last());
    drop(store);
    let mut next = writer(&harness, "");
    begun(&mut next);
    assert_eq!(next.commit(&[commit(lease, "{}", true)]).unwrap(), [Committed::StaleLease]);
}
