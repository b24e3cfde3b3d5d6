//! The file of the store: its creation, sharing it with other programs, damage, and size.

use super::*;
use crate::store::backends::sqlite::paths::beside;
use crate::store::backends::sqlite::tables::SCHEMA_VERSION;
use crate::store::{Deletion, Forgotten, Names};

#[test]
fn commit_waits_for_another_program_that_holds_the_database() {
    let (_folder, path, mut store) = new();
    let lease = granted(&mut store);
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let held = 3 * WRITE_TIMEOUT;
    let holder = std::thread::spawn(move || {
        std::thread::sleep(held);
        other.execute_batch("COMMIT").unwrap();
    });
    let began = std::time::Instant::now();
    assert_eq!(store.commit(&[commit(lease, "{}", false)]).unwrap(), [Committed::Written]);
    assert!(began.elapsed() > WRITE_TIMEOUT, "one statement's timeout was enough: nothing was retried");
    holder.join().unwrap();
    assert_eq!(sound(&store).computations, 1);
}

/// Names and contents of the files in a folder.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let paths = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let mut contents: Vec<_> = paths.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect();
    contents.sort();
    contents
}

#[test]
fn reading_changes_no_file_and_sees_what_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a folder?/50% #1.db");
    let mut store = write(&path).unwrap();
    let lease = granted(&mut store);
    store.commit(&[commit(lease, "{}", false)]).unwrap();
    assert_eq!(sound(&read(&path).unwrap()).computations, 1, "beside a writer");
    drop(store);
    let before = contents(path.parent().unwrap());
    let reader = read(&path).unwrap();
    assert_eq!((sound(&reader).computations, reader.check().unwrap().faults), (1, vec![]));
    assert_eq!(contents(path.parent().unwrap()), before);
    drop(reader);
    assert_eq!(contents(path.parent().unwrap()), before);
}

/// The files of a store whose process was killed: the last commits are only in its log. Without `wal_index` only the
/// database and the log were copied, as by a backup.
fn killed(with_index: bool) -> (TempDir, PathBuf) {
    let (_folder, path, mut store) = new();
    let lease = granted(&mut store);
    store.commit(&[commit(lease, "{}", false)]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.db");
    for suffix in ["", "-wal", "-shm"].into_iter().filter(|suffix| with_index || *suffix != "-shm") {
        std::fs::copy(beside(&path, suffix), beside(&copy, suffix)).unwrap();
    }
    (folder, copy)
}

#[test]
fn reading_the_store_of_a_killed_process_sees_its_log_and_changes_nothing() {
    for with_index in [true, false] {
        let (folder, path) = killed(with_index);
        assert!(std::fs::metadata(beside(&path, "-wal")).unwrap().len() > 0);
        let before = contents(folder.path());
        let reader = read(&path).unwrap();
        assert_eq!(sound(&reader).computations, 1, "index: {with_index}");
        assert_eq!(reader.check().unwrap().abandoned_leases, 1);
        drop(reader);
        assert!(contents(folder.path()) == before, "index: {with_index}");
    }
}

#[test]
fn reader_notices_a_process_that_writes_later() {
    let (_folder, path, store) = new();
    drop(store);
    let reader = read(&path).unwrap();
    assert_eq!(reader.runs(9).unwrap().len(), 0);
    let mut store = write(&path).unwrap();
    let lease = granted(&mut store);
    assert_eq!(reader.runs(9).unwrap().len(), 1, "beside the writer");
    store.commit(&[commit(lease, "{}", false)]).unwrap();
    drop(store);
    assert_eq!((reader.runs(9).unwrap().len(), sound(&reader).computations), (1, 1));
}

#[test]
fn store_that_was_deleted_or_replaced_is_not_written_to() {
    for replaced in ["store.db", "store.db.lock"] {
        for by_another in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("store.db");
            let mut store = write(&path).unwrap();
            let lease = granted(&mut store);
            let victim = folder.path().join(replaced);
            let copy = std::fs::read(&victim).unwrap();
            std::fs::remove_file(&victim).unwrap();
            if by_another {
                std::fs::write(&victim, copy).unwrap();
            }
            let error = store.commit(&[commit(lease, "{}", false)]).unwrap_err();
            assert!(matches!(error, StoreError::Replaced { .. }), "{replaced}: {error}");
        }
    }
}

#[cfg(unix)]
#[test]
fn links_in_place_of_the_files_of_a_store_are_not_followed() {
    for suffix in ["", ".lock", "-wal", "-shm"] {
        let folder = tempfile::tempdir().unwrap();
        let (path, outside) = (folder.path().join("store.db"), folder.path().join("outside"));
        if suffix.starts_with('-') {
            drop(write(&path).unwrap());
        }
        std::os::unix::fs::symlink(&outside, beside(&path, suffix)).unwrap();
        write(&path).map(drop).unwrap_err();
        assert!(!outside.exists(), "{suffix}: created outside");
        std::fs::write(&outside, "theirs").unwrap();
        write(&path).map(drop).unwrap_err();
        assert_eq!(std::fs::read(&outside).unwrap(), b"theirs", "{suffix}");
    }
    let folder = tempfile::tempdir().unwrap();
    let (real, link) = (folder.path().join("real"), folder.path().join("link"));
    std::fs::create_dir(&real).unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    drop(write(&link.join("store.db")).unwrap());
    assert!(real.join("store.db").is_file(), "a folder may be a link");
}

#[test]
fn files_of_others_beside_a_new_store_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in [("call.wav", &b"RIFF"[..]), ("empty.wav", b""), ("new.db.lock", b"theirs")] {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    let before = contents(folder.path());
    for name in ["call.wav", "empty.wav", "new.db"] {
        let error = write(&folder.path().join(name)).unwrap_err();
        assert!(matches!(error, StoreError::Foreign { .. }), "{name}: {error}");
    }
    assert!(matches!(write(folder.path()), Err(StoreError::Foreign { .. })), "a folder");
    assert_eq!(contents(folder.path()), before);
}

#[test]
fn open_leaves_files_alone_that_are_not_stores() {
    let (folder, path, store) = new();
    store.db().execute("UPDATE meta SET value = 99 WHERE key = 'schema_version'", []).unwrap();
    drop(store);
    assert!(matches!(write(&path), Err(StoreError::NewerSchema { found: 99, known: SCHEMA_VERSION, .. })));
    let text = folder.path().join("text.db");
    std::fs::write(&text, "not a database, but long enough to look like a header of one".repeat(20)).unwrap();
    assert!(matches!(write(&text), Err(StoreError::Foreign { .. })));
    let foreign = folder.path().join("foreign.db");
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE other (x)").unwrap();
    assert!(matches!(write(&foreign), Err(StoreError::Foreign { .. })));
    let none = folder.path().join("none.db");
    assert!(matches!(read(&none), Err(StoreError::Missing { .. })));
    assert!(!none.exists());
}

#[test]
fn store_being_created_is_missing_or_complete_to_a_reader() {
    let folder = tempfile::tempdir().unwrap();
    for attempt in 0..20 {
        let path = folder.path().join(format!("{attempt}.db"));
        let reader = std::thread::spawn({
            let path = path.clone();
            move || loop {
                match read(&path) {
                    Err(StoreError::Missing { .. }) => {}
                    found => return found.map(|store| store.runs(1).unwrap().len()),
                }
            }
        });
        write(&path).unwrap();
        assert_eq!(reader.join().unwrap().unwrap(), 0);
    }
}

#[test]
fn store_whose_creation_was_cut_off_is_created_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    for leftover in ["store.db.new", "store.db.new-wal"] {
        std::fs::write(folder.path().join(leftover), "cut off").unwrap();
    }
    drop(write(&path).unwrap());
    let names = |end: &str| {
        let files = std::fs::read_dir(folder.path()).unwrap();
        files.filter(|file| file.as_ref().unwrap().file_name().to_string_lossy().ends_with(end)).count()
    };
    assert_eq!((names(".db"), names(".new"), names("-wal")), (1, 0, 0));
}

#[test]
fn check_finds_a_damaged_page() {
    let (_folder, path, mut store) = new();
    let lease = granted(&mut store);
    store.commit(&[commit(lease, &"x".repeat(10_000), false)]).unwrap();
    store.compact().unwrap();
    let root: i64 = store
        .db()
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'sqlite_autoindex_artifact_1'", [], |row| {
            row.get(0)
        })
        .unwrap();
    drop(store);
    let mut bytes = std::fs::read(&path).unwrap();
    let at = (usize::try_from(root).unwrap() - 1) * 4096;
    bytes[at + 3..at + 5].copy_from_slice(&[0, 0]);
    std::fs::write(&path, bytes).unwrap();
    let faults = read(&path).unwrap().check().unwrap().faults;
    assert!(faults.iter().any(|fault| matches!(fault, StoreFault::Damaged(_))), "{faults:?}");
}

#[test]
fn compact_shrinks_the_file_and_empties_the_log() {
    let (_folder, path, mut store) = new();
    let lease = granted(&mut store);
    store.commit(&[checkpoint(lease, 0, &"x".repeat(1 << 20))]).unwrap();
    store.forget_checkpoints(&fingerprint()).unwrap();
    store.commit(&[commit(lease, "{}", false)]).unwrap();
    let compaction = store.compact().unwrap();
    assert!(compaction.bytes_after < 200 << 10 && compaction.bytes_before > 1 << 20, "{compaction:?}");
    assert_eq!(compaction.bytes_after, std::fs::metadata(&path).unwrap().len(), "the log is empty");
    assert_eq!((sound(&store).artifact.body.as_str(), store.check().unwrap().faults.len()), ("{}", 0));
}

#[test]
fn checkpoints_of_a_forgotten_recording_leave_no_byte() {
    let (_folder, path, mut store) = new();
    let lease = granted(&mut store);
    let spoken = "what was said in confidence ".repeat(300);
    store.commit(&[checkpoint(lease, 0, &spoken), checkpoint(lease, 1, "said in confidence, too")]).unwrap();
    let has =
        || contents(path.parent().unwrap()).iter().any(|(_, bytes)| bytes.windows(10).any(|at| at == b"confidence"));
    assert!(has());
    let forgotten = Forgotten { sha256: "ab".repeat(32), at_ms: 5, by: "kim".into(), reason: None };
    store.forget(&Deletion::of(&store, forgotten, &Names::default()).unwrap()).unwrap();
    store.compact().unwrap();
    assert!(!has());
}
