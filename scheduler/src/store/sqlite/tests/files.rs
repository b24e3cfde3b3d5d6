//! The file of the store: who holds it, what it is, whether it is whole, how large it is.

use super::*;

#[test]
fn a_second_writer_is_told_who_holds_the_store_and_readers_are_not_kept_out() {
    let (_folder, path, mut store) = new();
    let error = SqliteStore::open(&path).unwrap_err();
    let StoreError::Locked { holder: Some(LockHolder { pid, .. }), .. } = &error else { panic!("{error:?}") };
    assert_eq!(*pid, std::process::id());
    let sentence = error.to_string();
    assert!(sentence.contains(&format!("is in use by process {pid} (")), "{sentence}");
    assert!(sentence.contains(" UTC: wait until"), "{sentence}");
    let lease = granted(&mut store);
    let mut reader = SqliteStore::open_read_only(&path).unwrap();
    store.commit(&[commit(lease, "{}", false)]).unwrap();
    assert_eq!(sound(&reader).computations, 1);
    assert!(matches!(reader.forget_parts(&name()), Err(StoreError::Database(_))));
    drop(store);
    SqliteStore::open(&path).unwrap();
}

#[test]
fn a_commit_waits_for_another_program_that_holds_the_database() {
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
    assert!(began.elapsed() > WRITE_TIMEOUT, "one statement's patience was enough: nothing was tried again");
    holder.join().unwrap();
    assert_eq!(sound(&store).computations, 1);
}

#[test]
fn files_that_are_no_store_of_ours_are_left_alone() {
    let (folder, path, store) = new();
    store.db.execute("UPDATE meta SET value = 99 WHERE key = 'schema_version'", []).unwrap();
    drop(store);
    assert!(matches!(SqliteStore::open(&path), Err(StoreError::NewerSchema { found: 99, known: 4, .. })));
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
fn store_that_is_being_made_is_missing_or_complete_to_a_reader() {
    let folder = tempfile::tempdir().unwrap();
    for attempt in 0..20 {
        let path = folder.path().join(format!("{attempt}.db"));
        let reader = std::thread::spawn({
            let path = path.clone();
            move || loop {
                match SqliteStore::open_read_only(&path) {
                    Err(StoreError::Missing { .. }) => {}
                    found => return found.map(|store| store.runs(1).unwrap().len()),
                }
            }
        });
        SqliteStore::open(&path).unwrap();
        assert_eq!(reader.join().unwrap().unwrap(), 0);
    }
}

#[test]
fn store_whose_making_was_cut_off_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    for leftover in ["store.db.new", "store.db.new-wal"] {
        std::fs::write(folder.path().join(leftover), "cut off").unwrap();
    }
    drop(SqliteStore::open(&path).unwrap());
    let empty = folder.path().join("empty.db");
    std::fs::write(&empty, "").unwrap();
    assert!(matches!(SqliteStore::open_read_only(&empty), Err(StoreError::Missing { .. })));
    drop(SqliteStore::open(&empty).unwrap());
    let names = |end: &str| {
        let files = std::fs::read_dir(folder.path()).unwrap();
        files.filter(|file| file.as_ref().unwrap().file_name().to_string_lossy().ends_with(end)).count()
    };
    assert_eq!((names(".db"), names(".new"), names("-wal")), (2, 0, 0));
}

#[test]
fn a_sound_store_has_no_faults_and_everything_is_counted() {
    let (_folder, path, mut store) = new();
    let lease = granted(&mut store);
    store.commit(&[commit(lease, "{}", false)]).unwrap();
    let mut other = part(lease, 0, "other");
    let NewRecord::Part(of_other) = &mut other.what else { panic!("a part") };
    of_other.fingerprint = "cd".repeat(32).parse().unwrap();
    store.commit(&[other]).unwrap();
    let counted = StoreCheck { artifacts: 1, parts: 1, abandoned_leases: 0, faults: vec![] };
    assert_eq!(store.check().unwrap(), counted);
    let reader = SqliteStore::open_read_only(&path).unwrap();
    assert_eq!(reader.check().unwrap(), counted);
    drop(store);
    assert_eq!(reader.check().unwrap(), StoreCheck { abandoned_leases: 1, ..counted });
}

#[test]
fn every_kind_of_alteration_is_found() {
    let faults = |sql: &str| {
        let (_folder, _path, mut store) = new();
        let lease = granted(&mut store);
        store.put_recordings(RunId(1), &[entry(&Arc::new(recipe()))]).unwrap();
        store.commit(&[commit(lease, "{}", false)]).unwrap();
        store.db.execute_batch(&format!("PRAGMA foreign_keys = OFF; {sql}")).unwrap();
        store.check().unwrap().faults
    };
    assert!(matches!(&faults("UPDATE artifact SET body = '[]'")[..], [StoreFault::Artifact { .. }]));
    let renamed = faults("UPDATE artifact SET fingerprint = 'x'");
    assert_eq!(renamed, [StoreFault::Name { name: "x".to_owned() }]);
    assert_eq!(faults("UPDATE recipe SET body = '[]'"), [StoreFault::Recipe { id: 1 }]);
    let orphans = faults("DELETE FROM run");
    assert!(orphans.iter().all(|fault| matches!(fault, StoreFault::Reference { parent, .. } if parent == "run")));
    assert_eq!(orphans.len(), 2, "the batch and the recording: {orphans:?}");
}

#[test]
fn a_damaged_page_is_found() {
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
    let faults = SqliteStore::open_read_only(&path).unwrap().check().unwrap().faults;
    assert!(faults.iter().any(|fault| matches!(fault, StoreFault::Database(_))), "{faults:?}");
}

#[test]
fn compacting_drops_what_is_not_needed_and_shrinks_the_file() {
    let (folder, path, mut store) = new();
    let lease = granted(&mut store);
    let (here, gone) = (folder.path().join("here.wav"), folder.path().join("gone.wav"));
    std::fs::write(&here, "").unwrap();
    let stat = |path: &Path| InputStat { path: path.to_owned(), size: 0, mtime_ns: 0, inode: 1 };
    let facts = InputFacts { sha256: "ab".into(), audio_s: 1.0 };
    store.cache_inputs(&[(stat(&here), facts.clone()), (stat(&gone), facts.clone())]).unwrap();
    store.commit(&[part(lease, 0, &"x".repeat(1 << 20))]).unwrap();
    store.forget_parts(&name()).unwrap();
    store.commit(&[commit(lease, "{}", false)]).unwrap();
    let left = "INSERT INTO part SELECT fingerprint, 7, body, body_sha256, 0, 0.0, '', 1 FROM artifact";
    store.db.execute(left, []).unwrap();

    let compaction = store.compact().unwrap();
    assert_eq!((compaction.parts, compaction.inputs, compaction.recipes), (1, 1, 0));
    assert!(compaction.bytes_after < 200 << 10 && compaction.bytes_before > 1 << 20, "{compaction:?}");
    assert_eq!(compaction.bytes_after, std::fs::metadata(&path).unwrap().len(), "the log is empty");
    assert_eq!(store.cached_input(&stat(&here)).unwrap(), Some(facts));
    assert_eq!(store.cached_input(&stat(&gone)).unwrap(), None);
    assert_eq!((sound(&store).artifact.body.as_str(), store.check().unwrap().faults.len()), ("{}", 0));
}

#[test]
fn a_recipe_is_kept_as_long_as_a_recording_is_made_by_it() {
    let (_folder, _path, mut store) = new();
    let run = begun(&mut store);
    let (whole, short) = (Arc::new(recipe()), Arc::new(recipe().upto(StageName::new("decode"))));
    let other = RecordingEntry { file_sha256: "cd".repeat(32), ..entry(&short) };
    store.put_recordings(run, &[entry(&whole)]).unwrap();
    assert_eq!(store.compact().unwrap().recipes, 0);
    store.put_recordings(run, from_ref(&other)).unwrap();
    assert_eq!(store.compact().unwrap().recipes, 1);
    assert_eq!(store.recordings().unwrap(), [other]);
}
