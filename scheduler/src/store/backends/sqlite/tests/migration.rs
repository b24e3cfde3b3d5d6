//! A store of an older version is either migrated completely or not changed.

use std::sync::Arc;

use rusqlite::params;
use stage_core::{ErrorClass, ErrorCode, Origin, PipelineError, Recipe, StageName, Tool};

use super::*;
use crate::store::backends::sqlite::tables::{OUTPUT_OF_6, RECORDING_OF_2, SCHEMA_VERSION};
use crate::store::conformance::samples::{artifact, begun, entry, error, recipe};
use crate::store::raw::{path_bytes, path_from};
use crate::store::{
    Deletion, Entry, Failure, Forgotten, InputFacts, InputStat, Lease, Lookup, Names, NewArtifact, Quarantine,
    RecordingEntry, RunEnd, RunId, audit, logs_beside, read_chain,
};

/// The tables of version 1.
const TABLES_OF_1: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
CREATE TABLE run (
    id INTEGER PRIMARY KEY AUTOINCREMENT, command TEXT NOT NULL, tool_version TEXT NOT NULL,
    started_at_ms INTEGER NOT NULL, ended_at_ms INTEGER, state TEXT NOT NULL
) STRICT;
CREATE TABLE batch (
    id INTEGER PRIMARY KEY AUTOINCREMENT, run INTEGER NOT NULL REFERENCES run(id), lease INTEGER NOT NULL UNIQUE,
    state TEXT NOT NULL
) STRICT;
CREATE TABLE artifact (
    fingerprint TEXT PRIMARY KEY, key TEXT NOT NULL, body TEXT NOT NULL, body_sha256 TEXT NOT NULL,
    started_at_ms INTEGER NOT NULL, duration_s REAL NOT NULL, tool_version TEXT NOT NULL, device TEXT NOT NULL,
    computations INTEGER NOT NULL
) STRICT;
CREATE TABLE failure (
    run INTEGER NOT NULL REFERENCES run(id), path BLOB NOT NULL, error TEXT NOT NULL, PRIMARY KEY (run, path)
) STRICT;
CREATE TABLE input (
    path BLOB PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, inode INTEGER NOT NULL,
    sha256 TEXT NOT NULL, audio_s REAL NOT NULL
) STRICT;
CREATE TABLE recording (
    path BLOB PRIMARY KEY, file_sha256 TEXT NOT NULL, audio_s REAL NOT NULL, name TEXT NOT NULL, keys TEXT NOT NULL,
    run INTEGER NOT NULL REFERENCES run(id)
) STRICT;
CREATE TABLE export (path BLOB PRIMARY KEY, sha256 TEXT NOT NULL, recording BLOB NOT NULL) STRICT;
INSERT INTO meta VALUES ('schema_version', 1), ('lease', 0);
";

fn entries() -> [RecordingEntry; 3] {
    let (whole, short) = (Arc::new(recipe()), Arc::new(recipe().upto(StageName::new("segment"))));
    let a = entry(&whole);
    let b = RecordingEntry { path: path_from(b"\xff.wav".to_vec()), file_sha256: "cd".repeat(32), ..entry(&whole) };
    let c = RecordingEntry { path: "c.wav".into(), name: "c".into(), file_sha256: "ef".repeat(32), ..entry(&short) };
    [a, c, b]
}

/// A store of version 1 whose run was killed, with two recordings done, one partly done, and one failure.
fn version_1(folder: &Path) -> PathBuf {
    let path = folder.join("old.db");
    let db = Connection::open(&path).unwrap();
    db.pragma_update(None, "journal_mode", "WAL").unwrap();
    db.execute_batch(TABLES_OF_1).unwrap();
    db.execute_batch(
        "INSERT INTO run VALUES (1, 'earwitness run a', '0.1.0', 1000, 2000, 'finished'),
                                (2, 'earwitness run b', '0.1.0', 3000, NULL, 'running');
         INSERT INTO batch VALUES (1, 1, 1, 'finished'), (2, 2, 2, 'leased');
         UPDATE meta SET value = 2 WHERE key = 'lease';
         INSERT INTO input VALUES (CAST('a.wav' AS BLOB), 1, 2, 3, 'ab', 1.0);
         INSERT INTO export VALUES (CAST('a.json' AS BLOB), 'cd', CAST('a.wav' AS BLOB));",
    )
    .unwrap();
    let failed = r#"{"stage":"decode","class":"bad_input","code":"empty-file","message":"no audio"}"#;
    db.execute("INSERT INTO failure VALUES (1, CAST('x.wav' AS BLOB), ?1)", [failed]).unwrap();
    for entry in &entries() {
        let keys = serde_json::to_string(&entry.keys()).unwrap();
        let values = params![path_bytes(&entry.path), entry.file_sha256, entry.audio_s, entry.name, keys];
        db.execute("INSERT INTO recording VALUES (?1, ?2, ?3, ?4, ?5, 1)", values).unwrap();
        for key in &entry.keys() {
            let body = format!("{{\"stage\":\"{}\"}}", key.stage);
            let sha256 = stage_core::sha256_hex(body.as_bytes());
            let text = serde_json::to_string(key).unwrap();
            let values = params![key.fingerprint().to_string(), text, body, sha256];
            db.execute("INSERT OR IGNORE INTO artifact VALUES (?1, ?2, ?3, ?4, 5, 0.5, '0.1.0', 'cpu:0', 1)", values)
                .unwrap();
        }
    }
    path
}

/// Turns a store into one of an earlier version, as far as later tables are concerned.
fn back_to(db: &Connection, version: i64) {
    db.execute_batch(&format!(
        "DROP TABLE output; DROP TABLE place; DROP TABLE forgotten; DROP TABLE review; DROP TABLE setting; DROP TABLE custody;
                  ALTER TABLE recording RENAME TO recording_7;
         {RECORDING_OF_2}
         INSERT INTO recording SELECT path, file_sha256, audio_s, name, recipe, run FROM recording_7;
         DROP TABLE recording_7;",
    ))
    .unwrap();
    let written = match version {
        6.. => OUTPUT_OF_6,
        _ => "CREATE TABLE export (path BLOB PRIMARY KEY, sha256 TEXT NOT NULL, recording BLOB NOT NULL) STRICT;",
    };
    db.execute_batch(written).unwrap();
    for log in logs_beside(Path::new(db.path().unwrap())) {
        std::fs::remove_file(log).unwrap();
    }
    db.execute("UPDATE meta SET value = ?1 WHERE key = 'schema_version'", [version]).unwrap();
}

fn columns(db: &Connection) -> Vec<(String, String, String, bool)> {
    let sql = "SELECT s.name, c.name, c.type, c.\"notnull\" FROM sqlite_schema s, pragma_table_info(s.name) c
               WHERE s.type = 'table' ORDER BY s.name, c.cid";
    let mut statement = db.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)));
    rows.unwrap().map(Result::unwrap).collect()
}

#[test]
fn migration_keeps_everything_of_version_1() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = write(&version_1(folder.path())).unwrap();
    assert_eq!(store.recordings().unwrap(), entries());
    for key in entries().iter().flat_map(RecordingEntry::keys) {
        let Lookup::Sound(stored) = store.artifact(&key.fingerprint()).unwrap() else { panic!("{}", key.stage) };
        assert_eq!((&stored.artifact.key, stored.artifact.started_at_ms, stored.computations), (&key, 5, 1));
        assert_eq!(stored.artifact.tool, Tool::of_version("0.1.0"));
    }
    let check = store.check().unwrap();
    assert_eq!((check.artifacts, check.checkpoints, check.faults), (12, 0, vec![]));
    let runs = store.runs(9).unwrap();
    assert_eq!((runs[0].command.as_str(), runs[0].ended, runs[0].pid), ("earwitness run b", None, None));
    assert_eq!((runs[1].ended, runs[1].priority), (Some((2000, RunEnd::Finished)), 0));
    assert_eq!(store.failures(RunId(1)).unwrap(), [Failure { path: "x.wav".into(), error: error() }]);
    let outputs = store.outputs().unwrap();
    let [exported, report] = &outputs[..] else { panic!("{outputs:?}") };
    assert_eq!((&*exported.path, exported.sha256.as_deref()), (Path::new("a.json"), Some("cd")));
    assert_eq!((exported.recording.as_deref(), exported.format.as_str()), (Some(&*entries()[0].file_sha256), "json"));
    assert_eq!((exported.renderer, &exported.made_from[..]), (0, &[][..]));
    assert_eq!(
        (&*report.path, report.sha256.as_deref(), report.format.as_str()),
        (Path::new("report.html"), None, "report")
    );
    let stat = InputStat { path: "a.wav".into(), size: 1, mtime_ns: 2, inode: 3 };
    assert_eq!(store.cached_input(&stat).unwrap(), Some(InputFacts { sha256: "ab".into(), audio_s: 1.0 }));
    let late = Lease { batch: 2, number: 2 };
    let lease = granted(&mut store);
    assert_eq!((lease.number, lease.batch), (3, 3), "numbers continue");
    let group = [commit(late, "late", true), commit(lease, "{}", false)];
    assert_eq!(store.commit(&group).unwrap(), [Committed::StaleLease, Committed::AlreadyThere]);
    assert_eq!(store.recomputations().unwrap(), 1);
}

#[test]
fn migration_gives_the_tables_of_a_new_store() {
    let folder = tempfile::tempdir().unwrap();
    let migrated = write(&version_1(folder.path())).unwrap();
    let (_folder, _path, fresh) = new();
    assert_eq!(columns(migrated.db()), columns(fresh.db()));
    let recipes: i64 = migrated.db().query_row("SELECT count(*) FROM recipe", [], |row| row.get(0)).unwrap();
    assert_eq!(recipes, 2);
    let enforced: bool = migrated.db().query_row("PRAGMA foreign_keys", [], |row| row.get(0)).unwrap();
    assert!(enforced);
}

#[test]
fn migration_comes_before_reading() {
    let folder = tempfile::tempdir().unwrap();
    let path = version_1(folder.path());
    let error = read(&path).unwrap_err();
    assert!(matches!(error, StoreError::OlderSchema { found: 1, known: SCHEMA_VERSION, .. }));
    assert!(error.to_string().contains("earwitness store compact"), "{error}");
    write(&path).unwrap();
    assert_eq!(read(&path).unwrap().recordings().unwrap(), entries());
}

#[test]
fn migration_changes_nothing_where_a_chain_was_altered() {
    let altered = [
        "UPDATE recording SET keys = '[]'",
        "UPDATE recording SET keys = replace(keys, '\"version\":1', '\"version\":2') WHERE name = 'c'",
        "UPDATE recording SET file_sha256 = 'x' WHERE name = 'c'",
        "UPDATE recording SET keys = '' WHERE name = 'c'",
    ];
    for sql in altered {
        let folder = tempfile::tempdir().unwrap();
        let path = version_1(folder.path());
        let db = Connection::open(&path).unwrap();
        assert!(db.execute(sql, []).unwrap() > 0);
        let before = columns(&db);
        let error = write(&path).unwrap_err();
        assert!(matches!(&error, StoreError::BrokenChain { .. }), "{sql}: {error}");
        assert_eq!(columns(&db), before, "{sql}");
        let version: i64 = db.query_row("SELECT min(value) FROM meta", [], |row| row.get(0)).unwrap();
        assert_eq!(version, 1);
    }
}

#[test]
fn migration_of_version_2_adds_the_environment_of_artifacts() {
    let (_folder, path, mut store) = new();
    let lease = granted(&mut store);
    assert_eq!(store.commit(&[commit(lease, "{}", false)]).unwrap(), [Committed::Written]);
    let expected = columns(store.db());
    store.db().execute_batch("ALTER TABLE artifact DROP COLUMN environment").unwrap();
    back_to(store.db(), 2);
    drop(store);
    let store = write(&path).unwrap();
    assert_eq!(columns(store.db()), expected);
    let Lookup::Sound(stored) = store.artifact(&artifact("{}").key.fingerprint()).unwrap() else {
        panic!("no artifact")
    };
    assert_eq!(stored.artifact, NewArtifact { tool: Tool::of_version("0.1.0"), ..artifact("{}") });
}

/// The text of a recipe in versions 2 and 3.
fn body_of_3(recipe: &Recipe) -> String {
    let steps = recipe.steps().iter().map(|step| (step.stage, step.version, &step.identity));
    serde_json::to_string(&steps.collect::<Vec<_>>()).unwrap()
}

#[test]
fn migration_of_version_3_adds_inputs_to_recipes_and_keeps_fingerprints() {
    let (_folder, path, mut store) = new();
    let lease = granted(&mut store);
    assert_eq!(store.commit(&[commit(lease, "{}", false)]).unwrap(), [Committed::Written]);
    let run = store.runs(1).unwrap()[0].id;
    store.put_recordings(run, &entries()).unwrap();
    for recipe in store.recipes().unwrap() {
        let (new, old) = (serde_json::to_string(&*recipe).unwrap(), body_of_3(&recipe));
        let sha256 = stage_core::sha256_hex(old.as_bytes());
        let sql = "UPDATE recipe SET body = ?1, body_sha256 = ?2 WHERE body = ?3";
        assert_eq!(store.db().execute(sql, params![old, sha256, new]).unwrap(), 1);
    }
    back_to(store.db(), 3);
    drop(store);
    let store = write(&path).unwrap();
    assert_eq!(store.recordings().unwrap(), entries());
    assert!(matches!(store.artifact(&fingerprint()).unwrap(), Lookup::Sound(_)));
    assert_eq!(store.check().unwrap().faults, []);
}

#[test]
fn migration_of_version_3_changes_nothing_where_a_recipe_has_unknown_stages() {
    let (_folder, path, mut store) = new();
    begun(&mut store);
    let odd = r#"[["decode",1,{"settings":null,"model_sha256":null,"numeric":null}],["other",1,{"settings":null,"model_sha256":null,"numeric":null}]]"#;
    store.db().execute("INSERT INTO recipe (body, body_sha256) VALUES (?1, 'x')", [odd]).unwrap();
    back_to(store.db(), 3);
    drop(store);
    assert!(matches!(write(&path).unwrap_err(), StoreError::Unreadable { what: "recipe", .. }));
}

#[test]
fn migration_of_version_4_turns_the_stage_of_errors_into_their_origin() {
    let (_folder, path, mut store) = new();
    let run = begun(&mut store);
    let of_worker = PipelineError::new(Origin::Worker, ErrorClass::Bug, ErrorCode::named("old-code"), "it died");
    let failures = [("a.wav", error()), ("b.wav", of_worker)].map(|(path, error)| Failure { path: path.into(), error });
    store.record_failures(run, &failures).unwrap();
    let fingerprint = fingerprint();
    let quarantined = Quarantine { fingerprint, path: "a.wav".into(), error: error() };
    store.quarantine(run, std::slice::from_ref(&quarantined)).unwrap();
    for table in ["failure", "quarantine"] {
        let sql = format!("UPDATE {table} SET error = replace(error, '\"origin\"', '\"stage\"')");
        assert!(store.db().execute(&sql, []).unwrap() > 0);
    }
    back_to(store.db(), 4);
    drop(store);
    let store = write(&path).unwrap();
    assert_eq!(store.failures(run).unwrap(), failures);
    assert_eq!(store.quarantines().unwrap(), [quarantined]);
}

#[test]
fn migration_of_version_6_makes_one_recording_of_several_paths_and_begins_the_log() {
    let (_folder, path, mut store) = new();
    let lease = granted(&mut store);
    store.commit(&[commit(lease, "{}", false)]).unwrap();
    let run = begun(&mut store);
    store.put_recordings(run, &[entry(&Arc::new(recipe()))]).unwrap();
    store.record_failures(run, &[Failure { path: "x.wav".into(), error: error() }]).unwrap();
    back_to(store.db(), 6);
    store
        .db()
        .execute_batch(
            "INSERT INTO recording SELECT CAST('b.wav' AS BLOB), file_sha256, audio_s, 'b', recipe, run FROM recording;
         INSERT INTO output VALUES (CAST('b.json' AS BLOB), 'cd', NULL, CAST('b.wav' AS BLOB), 'json', 1, '{}', '[]');",
        )
        .unwrap();
    drop(store);
    let store = write(&path).unwrap();
    let known = RecordingEntry { also_at: vec!["b.wav".into()], ..entry(&Arc::new(recipe())) };
    assert_eq!(store.recordings().unwrap(), std::slice::from_ref(&known));
    assert_eq!(store.outputs().unwrap()[0].recording, Some(known.file_sha256));
    let custody = store.custody().unwrap();
    let (lines, fault) = read_chain(custody.lines.iter().map(String::as_str));
    assert_eq!((fault, audit(&store, &lines).unwrap().disagreements), (None, vec![]));
    assert_eq!(lines[1].entry, Entry::Adopted { schema: 6 });
    assert_eq!(std::fs::read_to_string(custody.file.unwrap()).unwrap().lines().count(), lines.len());
}

#[test]
fn migration_of_version_7_logs_the_checkpoints_and_keeps_the_forgotten_recordings() {
    let (_folder, path, mut store) = new();
    let lease = granted(&mut store);
    let forgotten = Forgotten { sha256: "cd".repeat(32), at_ms: 5, by: "kim".into(), reason: None };
    store.forget(&Deletion::of(&store, forgotten.clone(), &Names::default()).unwrap()).unwrap();
    store.commit(&[commit(lease, "{}", false)]).unwrap();
    store
        .db()
        .execute_batch(
            "ALTER TABLE custody ADD COLUMN sha256 TEXT NOT NULL DEFAULT '';
             ALTER TABLE custody ADD COLUMN at_ms INTEGER NOT NULL DEFAULT 0;
             ALTER TABLE custody ADD COLUMN part INTEGER NOT NULL DEFAULT 0;
             ALTER TABLE forgotten RENAME TO forgotten_8;
             CREATE TABLE forgotten (sha256 TEXT PRIMARY KEY, at_ms INTEGER NOT NULL, by TEXT NOT NULL, reason TEXT) STRICT;
             INSERT INTO forgotten SELECT sha256, at_ms, by, reason FROM forgotten_8;
             DROP TABLE forgotten_8;
             INSERT INTO meta VALUES ('custody_part', 4);
             UPDATE meta SET value = 7 WHERE key = 'schema_version';",
        )
        .unwrap();
    let body_sha256 = stage_core::sha256_hex(b"{}");
    let unfinished = "ab".repeat(32);
    let values = params![unfinished, body_sha256];
    store.db().execute("INSERT INTO part VALUES (?1, 0, '{}', ?2, 1, 0.5, 'cpu:0', 1)", values).unwrap();
    drop(store);
    let store = write(&path).unwrap();
    assert_eq!(store.forgotten().unwrap(), [forgotten]);
    let (lines, fault) = read_chain(store.custody().unwrap().lines.iter().map(String::as_str));
    assert_eq!((fault, audit(&store, &lines).unwrap().disagreements), (None, vec![]));
    let stated = Entry::Checkpoint { fingerprint: unfinished.parse().unwrap(), index: 0, sha256: body_sha256 };
    assert_eq!(lines[lines.len() - 2].entry, Entry::Adopted { schema: 7 });
    assert_eq!(lines[lines.len() - 1].entry, stated);
    assert_eq!(store.check().unwrap().faults, vec![]);
}
