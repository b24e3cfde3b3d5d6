//! The file of the custody log: what a kill leaves, and what an altered or older store is refused for.

use super::*;
use crate::store::{Entry, audit, logs_beside, read_chain};

/// A store with some lines, closed, and its log.
fn closed() -> (TempDir, PathBuf, PathBuf) {
    let (folder, path, mut store) = new();
    let lease = granted(&mut store);
    store.commit(&[commit(lease, "{}", false)]).unwrap();
    let log = store.custody().unwrap().file.unwrap();
    (folder, path, log)
}

fn last_entry(store: &SqliteStore) -> Entry {
    let custody = store.custody().unwrap();
    let (mut lines, fault) = read_chain(custody.lines.iter().map(String::as_str));
    assert_eq!(fault, None);
    assert_eq!(audit(store, &lines).unwrap().disagreements, []);
    lines.pop().unwrap().entry
}

fn text(log: &Path) -> String {
    std::fs::read_to_string(log).unwrap()
}

#[test]
fn log_file_has_every_line_when_a_method_returns() {
    let (_folder, _path, mut store) = new();
    let log = store.custody().unwrap().file.unwrap();
    let lines =
        |store: &SqliteStore| store.custody().unwrap().lines.iter().map(|line| line.clone() + "\n").collect::<String>();
    assert_eq!(text(&log), lines(&store));
    let lease = granted(&mut store);
    store.commit(&[commit(lease, "{}", false)]).unwrap();
    assert_eq!((text(&log), text(&log).lines().count()), (lines(&store), 3));
}

#[test]
fn log_file_that_a_kill_left_behind_is_completed_and_that_is_noted() {
    for (cut, appended, torn) in [(1, 1, true), (40, 1, true), (0, 0, false)] {
        let (_folder, path, log) = closed();
        let whole = text(&log);
        std::fs::write(&log, &whole[..whole.len() - cut]).unwrap();
        let store = write(&path).unwrap();
        assert!(text(&log).starts_with(&whole));
        match last_entry(&store) {
            Entry::Repaired { appended: found, torn: was_torn } => assert_eq!((found, was_torn), (appended, torn)),
            other => assert!(cut == 0 && matches!(other, Entry::Artifact { .. }), "{other:?}"),
        }
    }
    let (_folder, path, log) = closed();
    std::fs::remove_file(&log).unwrap();
    assert_eq!(last_entry(&write(&path).unwrap()), Entry::Repaired { appended: 3, torn: false });
}

#[test]
fn store_that_is_older_than_its_log_is_refused() {
    let (_folder, path, log) = closed();
    let older = std::fs::read(&path).unwrap();
    let mut store = write(&path).unwrap();
    granted(&mut store);
    drop(store);
    let now = text(&log);
    std::fs::write(&path, older).unwrap();
    let error = write(&path).unwrap_err();
    assert!(matches!(error, StoreError::CustodyBroken { .. }) && error.to_string().contains("older"), "{error}");
    assert_eq!(text(&log), now);
}

#[test]
fn store_that_is_lost_is_not_made_anew_beside_its_log() {
    let (_folder, path, _log) = closed();
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(write(&path).unwrap_err(), StoreError::Lost { .. }));
    assert!(!path.exists());
}

#[test]
fn log_that_was_altered_or_is_of_another_store_is_refused() {
    let (_folder, path, log) = closed();
    let other = log.with_file_name("demand-custody-00000000.jsonl");
    std::fs::copy(&log, &other).unwrap();
    assert_eq!(logs_beside(&path).len(), 2);
    assert!(matches!(write(&path).unwrap_err(), StoreError::CustodyBroken { .. }));
    std::fs::remove_file(&other).unwrap();
    std::fs::write(&log, text(&log).replace("\"seq\":1", "\"seq\":9")).unwrap();
    assert!(matches!(write(&path).unwrap_err(), StoreError::CustodyBroken { .. }));
    assert!(read(&path).is_ok(), "it can still be read, to see what is wrong");
}

#[test]
fn store_with_a_checkpoint_that_its_log_does_not_state_is_not_written() {
    let (_folder, path, mut store) = new();
    let lease = granted(&mut store);
    store.commit(&[checkpoint(lease, 0, "{}")]).unwrap();
    drop(store);
    drop(write(&path).unwrap());
    let forged = "UPDATE part SET body = '[1]', body_sha256 = ?1";
    let sha256 = stage_core::sha256_hex(b"[1]");
    Connection::open(&path).unwrap().execute(forged, [&sha256]).unwrap();
    let error = write(&path).unwrap_err();
    assert!(matches!(&error, StoreError::CustodyBroken { reason, .. } if reason.contains("checkpoint 0")), "{error}");
    let reader = SqliteStore::open(&path, Access::Read).unwrap();
    assert_eq!(audit(&reader, &lines_of(&reader)).unwrap().disagreements.len(), 1);
}

fn lines_of(store: &SqliteStore) -> Vec<crate::store::Line> {
    read_chain(store.custody().unwrap().lines.iter().map(String::as_str)).0
}

#[test]
fn lines_with_wrong_numbers_are_found_and_nothing_is_written() {
    let (_folder, path, _log) = closed();
    Connection::open(&path).unwrap().execute("UPDATE custody SET seq = 9 WHERE seq = 2", []).unwrap();
    assert!(matches!(write(&path), Err(StoreError::CustodyBroken { .. })));
    let check = SqliteStore::open(&path, Access::Read).unwrap().check().unwrap();
    assert!(matches!(&check.faults[..], [StoreFault::Damaged(what)] if what.contains("numbered up to 9")), "{check:?}");
}

#[test]
fn objects_of_another_program_in_the_store_are_faults() {
    let (_folder, path, _log) = closed();
    let db = Connection::open(&path).unwrap();
    db.execute_batch("CREATE TRIGGER t AFTER INSERT ON run BEGIN DELETE FROM run; END; DROP INDEX incident_run")
        .unwrap();
    drop(db);
    let faults = SqliteStore::open(&path, Access::Read).unwrap().check().unwrap().faults;
    let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
    assert!(
        faults[0].starts_with("unknown trigger t:") && faults[1].starts_with("missing index incident_run:"),
        "{faults:?}"
    );
}
