//! The conformance suite on SQLite, and tests that concern only its file.

mod custody;
mod files;
mod migration;

use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};
use tempfile::TempDir;

use super::connection::WRITE_TIMEOUT;
use super::store::SqliteStore;
use crate::store::conformance::samples::{checkpoint, commit, fingerprint, granted, sound};
use crate::store::conformance::{Harness, Tampering, conformance_cases, conformance_suite};
use crate::store::{Access, Committed, LeaseEnd, Store, StoreError, StoreFault, StoreUrl};

struct SqliteHarness {
    folder: TempDir,
}

impl SqliteHarness {
    fn path(&self) -> PathBuf {
        self.folder.path().join("made/on/demand.db")
    }
}

impl Harness for SqliteHarness {
    fn fresh() -> Option<Self> {
        Some(Self { folder: tempfile::tempdir().unwrap() })
    }

    fn url(&self) -> StoreUrl {
        StoreUrl::file(self.path())
    }

    fn tamper(&self, how: &Tampering) {
        let db = Connection::open(self.path()).unwrap();
        db.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
        let changed = match how {
            Tampering::ArtifactBody(body) => db.execute("UPDATE artifact SET body = CAST(?1 AS TEXT)", [body]),
            Tampering::ArtifactHash(hash) => db.execute("UPDATE artifact SET body_sha256 = ?1", [hash]),
            Tampering::ArtifactKey { from, to } => {
                db.execute("UPDATE artifact SET key = replace(key, ?1, ?2)", [from, to])
            }
            Tampering::ArtifactName(name) => db.execute("UPDATE artifact SET fingerprint = ?1", [name]),
            Tampering::CheckpointBody { index, body } => {
                db.execute("UPDATE part SET body = CAST(?1 AS TEXT) WHERE part = ?2", params![body, index])
            }
            Tampering::CheckpointOfArtifact => {
                db.execute("INSERT INTO part SELECT fingerprint, 7, '', '', 0, 0.0, '', 1 FROM artifact", [])
            }
            Tampering::RecipeBody(body) => db.execute("UPDATE recipe SET body = ?1", [body]),
            Tampering::IncidentKind(kind) => db.execute("UPDATE incident SET kind = ?1", [kind]),
            Tampering::NoRuns => db.execute("DELETE FROM run", []),
            Tampering::RunCommand(command) => db.execute("UPDATE run SET command = ?1", [command]),
        };
        assert!(changed.unwrap() > 0, "nothing was altered");
    }
}

conformance_suite!(SqliteHarness);
conformance_cases! { SqliteHarness: access: store_has_one_writer_at_a_time_who_is_known; }

fn new() -> (TempDir, PathBuf, SqliteStore) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made/on/demand.db");
    let store = write(&path).unwrap();
    (folder, path, store)
}

fn write(path: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(path, Access::Create)
}

fn read(path: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(path, Access::Read)
}

#[test]
fn batch_has_its_worker_and_its_times() {
    let (_folder, _path, mut store) = new();
    let lease = granted(&mut store);
    store.release(lease, LeaseEnd::Finished).unwrap();
    let sql = "SELECT worker, priority, recordings, audio_s, ended_at_ms - granted_at_ms, state FROM batch";
    let batch = store.db().query_row(sql, [], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get::<_, i64>(4)?, row.get(5)?))
    });
    let (worker, priority, recordings, audio_s, took_ms, state): (String, i32, i64, f64, i64, String) = batch.unwrap();
    assert_eq!((worker.as_str(), priority, recordings, audio_s, state.as_str()), ("cpu:0", 3, 2, 61.5, "finished"));
    assert!((0..60_000).contains(&took_ms));
}

#[test]
fn checkpoint_counts_its_computations() {
    let (_folder, _path, mut store) = new();
    let lease = granted(&mut store);
    store.commit(&[checkpoint(lease, 0, "first"), checkpoint(lease, 0, "second")]).unwrap();
    let counted: i64 = store.db().query_row("SELECT computations FROM part", [], |row| row.get(0)).unwrap();
    assert_eq!(counted, 2);
}
