//! The file of the store: its creation, sharing it with other programs, damage, and size.

use super::*;
use crate::store::backends::sqlite::tables::SCHEMA_VERSION;

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

#[test]
fn inspecting_creates_no_file_and_sees_what_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a folder?/50% #1.db");
    let open = |access| SqliteStore::open(&path, access).unwrap();
    let mut store = open(Access::Create);
    let lease = granted(&mut store);
    store.commit(&[commit(lease, "{}", false)]).unwrap();
    assert_eq!(sound(&open(Access::Inspect)).computations, 1, "beside a writer");
    drop(store);
    let files = || path.parent().unwrap().read_dir().unwrap().count();
    let before = files();
    let inspected = open(Access::Inspect);
    assert_eq!((sound(&inspected).computations, files()), (1, before));
    drop(inspected);
    assert_eq!(files(), before);
}

#[test]
fn open_leaves_files_alone_that_are_not_stores() {
    let (folder, path, store) = new();
    store.db.execute("UPDATE meta SET value = 99 WHERE key = 'schema_version'", []).unwrap();
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
    let empty = folder.path().join("empty.db");
    std::fs::write(&empty, "").unwrap();
    assert!(matches!(read(&empty), Err(StoreError::Missing { .. })));
    drop(write(&empty).unwrap());
    let names = |end: &str| {
        let files = std::fs::read_dir(folder.path()).unwrap();
        files.filter(|file| file.as_ref().unwrap().file_name().to_string_lossy().ends_with(end)).count()
    };
    assert_eq!((names(".db"), names(".new"), names("-wal")), (2, 0, 0));
}

#[test]
fn check_finds_a_damaged_page() {
    let (_folder, path, mut store) = new();
    let lease = granted(&mut store);
    store.commit(&[commit(lease, &"x".repeat(10_000), false)]).unwrap();
    store.compact().unwrap();
    let root: i64 = store
        .db
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
