//! Tables, and the check that they are ours and of a version that we know.

use std::path::Path;

use rusqlite::{Connection, ErrorCode, OptionalExtension};

use super::{migration, transaction};
use crate::store::StoreError;

/// The newest schema that this code knows, and the only one that it reads.
pub(super) const SCHEMA_VERSION: i64 = 4;

/// Tables that version 1 had too; the columns from `priority` on came with version 2, `environment` with version 3.
/// Numbers of leases grow over the life of the store (AUTOINCREMENT), whatever is deleted.
const TABLES_SINCE_1: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
CREATE TABLE run (
    id INTEGER PRIMARY KEY AUTOINCREMENT, command TEXT NOT NULL, tool_version TEXT NOT NULL,
    started_at_ms INTEGER NOT NULL, ended_at_ms INTEGER, state TEXT NOT NULL,
    priority INTEGER NOT NULL DEFAULT 0, pid INTEGER
) STRICT;
CREATE TABLE batch (
    id INTEGER PRIMARY KEY AUTOINCREMENT, run INTEGER NOT NULL REFERENCES run(id), lease INTEGER NOT NULL UNIQUE,
    state TEXT NOT NULL,
    priority INTEGER NOT NULL DEFAULT 0, worker TEXT, recordings INTEGER, audio_s REAL, granted_at_ms INTEGER,
    ended_at_ms INTEGER
) STRICT;
CREATE TABLE artifact (
    fingerprint TEXT PRIMARY KEY, key TEXT NOT NULL, body TEXT NOT NULL, body_sha256 TEXT NOT NULL,
    started_at_ms INTEGER NOT NULL, duration_s REAL NOT NULL, tool_version TEXT NOT NULL, device TEXT NOT NULL,
    computations INTEGER NOT NULL,
    environment TEXT
) STRICT;
CREATE TABLE failure (
    run INTEGER NOT NULL REFERENCES run(id), path BLOB NOT NULL, error TEXT NOT NULL, PRIMARY KEY (run, path)
) STRICT;
CREATE TABLE input (
    path BLOB PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, inode INTEGER NOT NULL,
    sha256 TEXT NOT NULL, audio_s REAL NOT NULL
) STRICT;
CREATE TABLE export (path BLOB PRIMARY KEY, sha256 TEXT NOT NULL, recording BLOB NOT NULL) STRICT;
";

/// Tables that came with version 2, or were made anew. A part's body is too large for a table WITHOUT ROWID: those move
/// bodies of more than a quarter of a page to pages of their own, and write a third more.
pub(super) const TABLES_SINCE_2: &str = "
CREATE TABLE recipe (id INTEGER PRIMARY KEY, body TEXT NOT NULL, body_sha256 TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE recording (
    path BLOB PRIMARY KEY, file_sha256 TEXT NOT NULL, audio_s REAL NOT NULL, name TEXT NOT NULL,
    recipe INTEGER NOT NULL REFERENCES recipe(id), run INTEGER NOT NULL REFERENCES run(id)
) STRICT;
CREATE TABLE part (
    fingerprint TEXT NOT NULL, part INTEGER NOT NULL, body TEXT NOT NULL, body_sha256 TEXT NOT NULL,
    started_at_ms INTEGER NOT NULL, duration_s REAL NOT NULL, device TEXT NOT NULL, computations INTEGER NOT NULL,
    PRIMARY KEY (fingerprint, part)
) STRICT;
CREATE TABLE incident (
    id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES run(id), at_ms INTEGER NOT NULL, kind TEXT NOT NULL,
    worker TEXT, recording BLOB, message TEXT NOT NULL
) STRICT;
CREATE INDEX incident_run ON incident (run);
CREATE TABLE quarantine (
    fingerprint TEXT PRIMARY KEY, run INTEGER NOT NULL REFERENCES run(id), path BLOB NOT NULL, error TEXT NOT NULL
) STRICT;
INSERT INTO meta VALUES ('recomputed', 0);
";

/// Makes a new database ready, or checks one that is there and brings it up to date.
pub(super) fn prepare(db: &mut Connection, path: &Path) -> Result<(), StoreError> {
    if is_empty(db, path)? {
        db.pragma_update(None, "journal_mode", "WAL")?;
        transaction::write(db, |db| Ok(create(db)?))?;
    }
    let found = version(db, path)?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    // What was replaced leaves no bytes behind that could be mistaken for evidence.
    db.pragma_update(None, "secure_delete", "ON")?;
    if found < SCHEMA_VERSION {
        migration::migrate(db, found)?;
    }
    db.pragma_update(None, "foreign_keys", "ON")?;
    Ok(())
}

fn create(db: &Connection) -> rusqlite::Result<()> {
    db.execute_batch(TABLES_SINCE_1)?;
    db.execute_batch(TABLES_SINCE_2)?;
    db.execute("INSERT INTO meta VALUES ('schema_version', ?1), ('lease', 0)", [SCHEMA_VERSION])?;
    Ok(())
}

/// Whether a database that is only read is a store of the version that we read.
pub(super) fn check(db: &Connection, path: &Path) -> Result<(), StoreError> {
    if is_empty(db, path)? {
        return Err(StoreError::Missing { path: path.to_owned() });
    }
    match version(db, path)? {
        SCHEMA_VERSION => Ok(()),
        found => Err(StoreError::OlderSchema { path: path.to_owned(), found, known: SCHEMA_VERSION }),
    }
}

/// The version of the database's schema, if it is a store and no newer one than we know.
fn version(db: &Connection, path: &Path) -> Result<i64, StoreError> {
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
    match found {
        ..1 => Err(foreign()),
        1..=SCHEMA_VERSION => Ok(found),
        _ => Err(StoreError::NewerSchema { path: path.to_owned(), found, known: SCHEMA_VERSION }),
    }
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
