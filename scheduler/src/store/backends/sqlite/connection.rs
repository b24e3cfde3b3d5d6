//! Connections to an existing or a new database.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use stage_core::publish_file;

use super::error::{READ_TIMEOUT, Result};
use super::paths::{beside, unavailable};
use super::schema;

/// How long a statement of the writer waits before [`super::transaction`] retries it.
pub(super) const WRITE_TIMEOUT: Duration = Duration::from_millis(100);
/// Capacity of the cache of prepared statements, enough for all statements of a run.
const PREPARED_STATEMENTS: usize = 64;

/// Connects for reading, concurrently with a writer if there is one.
pub(super) fn read(path: &Path) -> Result<Connection> {
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    db.busy_timeout(READ_TIMEOUT)?;
    schema::check(&db, path)?;
    Ok(db)
}

/// Connects for reading without creating files beside the database. They are there if a process writes to it, or if one
/// was killed; then this is [`read`].
pub(super) fn inspect(path: &Path) -> Result<Connection> {
    if beside(path, "-wal").exists() {
        return read(path);
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let db = Connection::open_with_flags(immutable(path), flags)?;
    schema::check(&db, path)?;
    Ok(db)
}

/// The URI of a database that does not change while it is open.
fn immutable(path: &Path) -> String {
    let encode = |byte: &u8| match byte {
        b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => char::from(*byte).to_string(),
        other => format!("%{other:02X}"),
    };
    let encoded: String = path.as_os_str().as_encoded_bytes().iter().map(encode).collect();
    format!("file:{encoded}?immutable=1")
}

/// Connects for writing. Creates the database if there is none.
pub(super) fn write(path: &Path) -> Result<Connection> {
    if !path.exists() {
        create(path)?;
    }
    let db = connect(path)?;
    db.set_prepared_statement_cache_capacity(PREPARED_STATEMENTS);
    Ok(db)
}

/// Creates the database under a temporary name and renames it, so that a reader finds either no store or a complete
/// one.
fn create(path: &Path) -> Result<()> {
    let unfinished = beside(path, ".new");
    let failed = |error| unavailable(&unfinished, error);
    for leftover in ["", "-wal", "-shm", "-journal"].map(|suffix| beside(&unfinished, suffix)) {
        match fs::remove_file(&leftover) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error).into()),
            _ => {}
        }
    }
    // Closing the only connection writes all data into the one file that is renamed.
    connect(&unfinished)?.close().map_err(|(_, error)| error)?;
    Ok(publish_file(&unfinished, path).map_err(failed)?)
}

fn connect(path: &Path) -> Result<Connection> {
    let mut db = Connection::open(path)?;
    db.busy_timeout(WRITE_TIMEOUT)?;
    schema::prepare(&mut db, path)?;
    Ok(db)
}
