//! Connections to an existing or a new database.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use stage_core::publish_file;

use super::error::{READ_TIMEOUT, Result};
use super::paths::{beside, folder_of, unavailable};
use super::schema;

/// How long a statement of the writer waits before [`super::transaction`] retries it.
pub(super) const WRITE_TIMEOUT: Duration = Duration::from_millis(100);
/// Capacity of the cache of prepared statements, enough for all statements of a run.
const PREPARED_STATEMENTS: usize = 64;

/// Connects for reading beside a writer, and takes part in its locking.
pub(super) fn shared(path: &Path) -> Result<Connection> {
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    db.busy_timeout(READ_TIMEOUT)?;
    schema::check(&db, path)?;
    Ok(db)
}

/// Connects for reading to a database that has no log, without locks and without creating a file.
pub(super) fn immutable(path: &Path) -> Result<Connection> {
    private(path, "immutable=1")
}

/// Connects for reading to a database with a log that no process writes to, without locks and without creating a file:
/// the index of the log is in memory. The log is neither copied into the database nor deleted at the end.
pub(super) fn with_log(path: &Path) -> Result<Connection> {
    private(path, "vfs=unix-none")
}

fn private(path: &Path, option: &str) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let db = Connection::open_with_flags(uri(path, option), flags)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    db.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    schema::check(&db, path)?;
    Ok(db)
}

/// The URI of a database file.
fn uri(path: &Path, option: &str) -> String {
    let encode = |byte: &u8| match byte {
        b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => char::from(*byte).to_string(),
        other => format!("%{other:02X}"),
    };
    let encoded: String = path.as_os_str().as_encoded_bytes().iter().map(encode).collect();
    format!("file:{encoded}?{option}")
}

/// Connects for writing. Creates the database if there is none.
pub(super) fn write(path: &Path) -> Result<Connection> {
    let path = &resolved(path)?;
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
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let mut db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(WRITE_TIMEOUT)?;
    schema::prepare(&mut db, path)?;
    Ok(db)
}

/// The path with the links of its folder resolved. The database itself must not be a link.
fn resolved(path: &Path) -> Result<PathBuf> {
    let folder = folder_of(path);
    let folder = folder.canonicalize().map_err(|error| unavailable(folder, error))?;
    Ok(folder.join(path.file_name().unwrap_or_default()))
}
