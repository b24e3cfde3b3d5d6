//! Creating, checking and migrating the schema of a database.

use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::{Connection, ErrorCode, OptionalExtension, Transaction};

use super::error::{Result, SqliteError};
use super::paths::shown;
use super::tables::{SCHEMA_VERSION, TABLES_SINCE_1, TABLES_SINCE_2, TABLES_SINCE_7, TABLES_SINCE_8};
use super::{custody, migration, transaction};
use crate::store::StoreError;

/// Creates the schema of a new database, or checks and migrates the schema of an existing one.
pub(super) fn prepare(db: &mut Connection, path: &Path) -> Result<()> {
    if is_empty(db, path)? {
        db.pragma_update(None, "journal_mode", "WAL")?;
        transaction::write(db, create)?;
    }
    let found = version(db, path)?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    // Bytes of replaced records must not remain in the file, where they could be mistaken for evidence.
    db.pragma_update(None, "secure_delete", "ON")?;
    if found < SCHEMA_VERSION {
        migration::migrate(db, found)?;
    }
    db.pragma_update(None, "foreign_keys", "ON")?;
    Ok(())
}

/// The kinds and names of all tables, indices, triggers and views.
pub(super) fn objects(db: &Connection) -> Result<BTreeSet<String>> {
    let mut statement =
        db.prepare("SELECT type || ' ' || name FROM sqlite_schema WHERE name NOT LIKE 'sqlite!_%' ESCAPE '!'")?;
    let objects = statement.query_map([], |row| row.get(0))?;
    Ok(objects.collect::<rusqlite::Result<_>>()?)
}

/// Those of a new store.
pub(super) fn objects_of_new() -> Result<BTreeSet<String>> {
    let db = Connection::open_in_memory()?;
    create_tables(&db)?;
    objects(&db)
}

fn create_tables(db: &Connection) -> Result<()> {
    for tables in [TABLES_SINCE_1, TABLES_SINCE_2, TABLES_SINCE_7, TABLES_SINCE_8] {
        db.execute_batch(tables)?;
    }
    Ok(())
}

fn create(db: &Transaction<'_>) -> Result<()> {
    create_tables(db)?;
    db.execute("INSERT INTO meta VALUES ('schema_version', ?1), ('lease', 0)", [SCHEMA_VERSION])?;
    custody::begin(db)
}

/// Checks that a database opened for reading is a store of the current version.
pub(super) fn check(db: &Connection, path: &Path) -> Result<()> {
    if is_empty(db, path)? {
        return Err(StoreError::Missing { store: shown(path) }.into());
    }
    match version(db, path)? {
        SCHEMA_VERSION => Ok(()),
        found => Err(StoreError::OlderSchema { store: shown(path), found, known: SCHEMA_VERSION }.into()),
    }
}

/// The schema version of the database. An error if the database is not a store or is newer than this code.
fn version(db: &Connection, path: &Path) -> Result<i64> {
    let foreign = || SqliteError::from(StoreError::Foreign { store: shown(path) });
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
        _ => Err(StoreError::NewerSchema { store: shown(path), found, known: SCHEMA_VERSION }.into()),
    }
}

fn is_empty(db: &Connection, path: &Path) -> Result<bool> {
    db.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))
        .map_err(|error| not_a_database(error, path))
}

fn not_a_database(error: rusqlite::Error, path: &Path) -> SqliteError {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => StoreError::Foreign { store: shown(path) }.into(),
        _ => error.into(),
    }
}
