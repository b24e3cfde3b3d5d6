//! The store against faults: dead leases, second writers, altered rows, files that are no store.

use std::path::PathBuf;
use std::slice::from_ref;

use serde_json::json;
use stage_core::{ErrorClass, StageError, StageKey, StageKind};
use tempfile::TempDir;

use super::*;
use crate::store::{Alteration, NewArtifact};

fn new() -> (TempDir, PathBuf, SqliteStore) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made/on/demand.db");
    let store = SqliteStore::open(&path).unwrap();
    (folder, path, store)
}

fn key(stage: StageKind) -> StageKey {
    StageKey {
        file_sha256: "ab".repeat(32),
        stage,
        version: 1,
        settings: json!({"threshold_db": -0.1, "tiny": 5e-324, "third": 1.0 / 3.0}),
        model_sha256: None,
        numeric: None,
        inputs: vec![],
    }
}

fn commit(lease: Lease, body: &str, replace: bool) -> Commit {
    let artifact = NewArtifact {
        key: key(StageKind::Decode),
        body: body.to_owned(),
        started_at_ms: 1_763_900_000_123,
        duration_s: 0.25,
        tool_version: "0.1.0".to_owned(),
        device: "cpu:0".to_owned(),
    };
    Commit { lease, artifact, replace }
}

fn granted(store: &mut SqliteStore) -> Lease {
    let run = store.begin_run("test", "0.1.0").unwrap();
    store.grant(run).unwrap()
}

fn sound(store: &SqliteStore) -> crate::store::StoredArtifact {
    match store.artifact(&key(StageKind::Decode).fingerprint()).unwrap() {
        Lookup::Sound(stored) => *stored,
        other => panic!("{other:?}"),
    }
}

fn altered_by(sql: &str) -> Lookup {
    let (_folder, _path, mut store) = new();
    let lease = granted(&mut store);
    store.commit(&[commit(lease, "{}", false)]).unwrap();
    assert_eq!(store.db.execute(sql, []).unwrap(), 1);
    store.artifact(&key(StageKind::Decode).fingerprint()).unwrap()
}

#[test]
fn an_artifact_comes_back_as_it_was_written() {
    let (_folder, path, mut store) = new();
    let lease = granted(&mut store);
    let commit = commit(lease, r#"{"text":"안녕"}"#, false);
    assert_eq!(store.commit(from_ref(&commit)).unwrap(), [Committed::Written]);
    drop(store);
    let stored = sound(&SqliteStore::open_read_only(&path).unwrap());
    assert_eq!((stored.artifact, stored.computations), (commit.artifact, 1));
}

#[test]
fn a_stale_lease_writes_nothing() {
    let (_folder, _path, mut store) = new();
    let run = store.begin_run("test", "0.1.0").unwrap();
    let (revoked, live) = (store.grant(run).unwrap(), store.grant(run).unwrap());
    store.release(revoked, LeaseEnd::Revoked).unwrap();
    let forged = Lease { number: live.number + 1, ..live };
    let outcomes = store.commit(&[commit(revoked, "late", false), commit(forged, "forged", false)]).unwrap();
    assert_eq!(outcomes, [Committed::StaleLease, Committed::StaleLease]);
    assert_eq!(store.artifact(&key(StageKind::Decode).fingerprint()).unwrap(), Lookup::Missing);
    assert_eq!(store.commit(&[commit(live, "{}", false)]).unwrap(), [Committed::Written]);
}

#[test]
fn a_new_run_ends_the_leases_of_a_killed_one() {
    let (_folder, path, mut store) = new();
    let lease = granted(&mut store);
    drop(store);
    let mut store = SqliteStore::open(&path).unwrap();
    let newer = granted(&mut store);
    assert!(newer.number > lease.number);
    assert_eq!(store.commit(&[commit(lease, "{}", false)]).unwrap(), [Committed::StaleLease]);
}

#[test]
fn the_same_artifact_is_written_again_only_on_demand() {
    let (_folder, _path, mut store) = new();
    let lease = granted(&mut store);
    let group = [commit(lease, "1", false), commit(lease, "2", false)];
    assert_eq!(store.commit(&group).unwrap(), [Committed::Written, Committed::AlreadyThere]);
    assert_eq!((sound(&store).artifact.body.as_str(), sound(&store).computations), ("1", 1));
    assert_eq!(store.commit(&[commit(lease, "3", true)]).unwrap(), [Committed::Written]);
    assert_eq!((sound(&store).artifact.body.as_str(), sound(&store).computations), ("3", 2));
}

#[test]
fn an_altered_body_and_an_altered_key_are_told_apart() {
    let body = |lookup| matches!(lookup, Lookup::Altered(Alteration::Body { .. }));
    assert!(body(altered_by("UPDATE artifact SET body = '[]'")));
    assert!(body(altered_by("UPDATE artifact SET body = CAST(x'ff' AS TEXT)")));
    assert!(body(altered_by("UPDATE artifact SET body_sha256 = 'x'")));
    let key = altered_by("UPDATE artifact SET key = replace(key, '\"version\":1', '\"version\":2')");
    assert!(matches!(key, Lookup::Altered(Alteration::Key { found: Some(_), .. })));
    let no_key = altered_by("UPDATE artifact SET key = 'x'");
    assert!(matches!(no_key, Lookup::Altered(Alteration::Key { found: None, .. })));
}

#[test]
fn a_second_writer_is_told_who_holds_the_store_and_readers_are_not_kept_out() {
    let (_folder, path, mut store) = new();
    let error = SqliteStore::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Locked { holder, .. } if holder == std::process::id().to_string()));
    let lease = granted(&mut store);
    let mut reader = SqliteStore::open_read_only(&path).unwrap();
    store.commit(&[commit(lease, "{}", false)]).unwrap();
    assert_eq!(sound(&reader).computations, 1);
    assert!(matches!(reader.begin_run("test", "0"), Err(StoreError::Database(_))));
    drop(store);
    SqliteStore::open(&path).unwrap();
}

#[test]
fn files_that_are_no_store_of_ours_are_left_alone() {
    let (folder, path, store) = new();
    store.db.execute("UPDATE meta SET value = 99 WHERE key = 'schema_version'", []).unwrap();
    drop(store);
    assert!(matches!(SqliteStore::open(&path), Err(StoreError::NewerSchema { found: 99, known: 1, .. })));
    let text = folder.path().join("text.db");
    std::fs::write(&text, "not a database, but long enough to look like a header of one".repeat(20)).unwrap();
    assert!(matches!(SqliteStore::open(&text), Err(StoreError::Foreign { .. })));
    let foreign = folder.path().join("foreign.db");
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE other (x)").unwrap();
    assert!(matches!(SqliteStore::open(&foreign), Err(StoreError::Foreign { .. })));
    let none = folder.path().join("none.db");
    assert!(matches!(SqliteStore::open_read_only(&none), Err(StoreError::Missing { .. })));
    assert!(!none.exists());
}

#[test]
fn a_changed_file_is_not_in_the_cache() {
    let (_folder, _path, mut store) = new();
    let stat = InputStat { path: "a.wav".into(), size: 1, mtime_ns: -5, inode: u64::MAX };
    let facts = InputFacts { sha256: "ab".into(), audio_s: 1.5 };
    store.cache_inputs(&[(stat.clone(), facts.clone())]).unwrap();
    assert_eq!(store.cached_input(&stat).unwrap(), Some(facts));
    let changed = [
        InputStat { size: 2, ..stat.clone() },
        InputStat { mtime_ns: 5, ..stat.clone() },
        InputStat { inode: 7, ..stat.clone() },
        InputStat { path: "b.wav".into(), ..stat },
    ];
    assert!(changed.iter().all(|stat| store.cached_input(stat).unwrap().is_none()));
}

#[test]
fn a_shorter_run_does_not_forget_the_longer_chain() {
    let (_folder, _path, mut store) = new();
    let run = store.begin_run("test", "0.1.0").unwrap();
    let long = RecordingEntry {
        path: "a.wav".into(),
        file_sha256: "ab".into(),
        audio_s: 1.0,
        name: "a".into(),
        keys: vec![key(StageKind::Decode), key(StageKind::Segment)],
    };
    let short = RecordingEntry { keys: vec![key(StageKind::Decode)], ..long.clone() };
    store.put_recordings(run, from_ref(&long)).unwrap();
    store.put_recordings(run, &[short]).unwrap();
    assert_eq!(store.recordings().unwrap(), from_ref(&long));
    let other = StageKey { version: 2, ..key(StageKind::Decode) };
    let changed = RecordingEntry { keys: vec![other], ..long };
    store.put_recordings(run, from_ref(&changed)).unwrap();
    assert_eq!(store.recordings().unwrap(), [changed]);
}

#[test]
fn runs_failures_and_exports_are_on_record() {
    let (_folder, _path, mut store) = new();
    let first = store.begin_run("run a", "0.1.0").unwrap();
    let error = StageError::new(StageKind::Decode, ErrorClass::BadInput, "empty", "no audio");
    let failure = Failure { path: "a.wav".into(), error };
    store.record_failures(first, from_ref(&failure)).unwrap();
    store.end_run(first, RunEnd::Finished).unwrap();
    let second = store.begin_run("run b", "0.1.0").unwrap();
    let runs = store.runs(9).unwrap();
    assert_eq!(runs.iter().map(|run| run.id).collect::<Vec<_>>(), [second, first]);
    assert!(runs[0].ended.is_none() && matches!(runs[1].ended, Some((_, RunEnd::Finished))));
    assert_eq!(store.failures(first).unwrap(), [failure]);
    assert_eq!(store.failures(second).unwrap(), []);
    let export = Export { path: "a.json".into(), sha256: "cd".into(), recording: "a.wav".into() };
    store.put_exports(from_ref(&export)).unwrap();
    assert_eq!(store.exports().unwrap(), [export]);
    assert_eq!(store.integrity_faults().unwrap(), Vec::<String>::new());
}
