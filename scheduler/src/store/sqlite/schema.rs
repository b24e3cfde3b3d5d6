//! Tables, and the check that they are ours and of a version that we know.

use std::path::Path;

use rusqlite::{Connection, ErrorCode, OptionalExtension};

use crate::store::StoreError;

/// The newest schema that this code knows.
const SCHEMA_VERSION: i64 = 1;

/// Numbers of leases grow over the life of the store (AUTOINCREMENT), whatever is deleted.
const TABLES: &str = "
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

/// Makes a new database ready, or checks one that is there.
pub(super) fn prepare(db: &Connection, path: &Path) -> Result<(), StoreError> {
    if is_empty(db, path)? {
        db.pragma_update(None, "journal_mode", "WAL")?;
        db.execute_batch(&format!("BEGIN IMMEDIATE; {TABLES} COMMIT;"))?;
    }
    check(db, path)?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "foreign_keys", "ON")?;
    // What was replaced leaves no bytes behind that could be mistaken for evidence.
    db.pragma_update(None, "secure_delete", "ON")?;
    Ok(())
}

/// Whether the database is a store of a version that we know.
pub(super) fn check(db: &Connection, path: &Path) -> Result<(), StoreError> {
    let foreign = || StoreError::Foreign { path: path.to_owned() };
    let has_meta = db
        .query_row("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'meta'", [], |_| Ok(()))
        .optional()
        .map_err(|error| not_a_database(error, path))?;
    has_meta.ok_or_else(foreign)?;
    let found = db
        .query_row("SELECT value FROM meta WHERE key = 'schema_version'", [], |row| row.get::<_, i64>(0))
        .optional()?
        .ok_or_else(foreign)?;
    if found > SCHEMA_VERSION {
        return Err(StoreError::NewerSchema { path: path.to_owned(), found, known: SCHEMA_VERSION });
    }
    Ok(())
}

fn is_empty(db: &Connection, path: &Path) -> Result<bool, StoreError> {
    db.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))
        .map_err(|error| not_a_database(error, path))
}

fn not_a_database(error: rusqlite::Error, path: &Path) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => StoreError::Foreign { path: path.to_owned() },
        _ => error.into(),
    }
}
