//! Care of the store: everything held against its hash, and space that is not needed given back.

use std::fs;
use std::path::Path;

use rusqlite::{Connection, ffi};
use stage_core::sha256_hex;

use super::{artifacts, beside, parts, path_from, transaction};
use crate::store::{Compaction, StoreCheck, StoreError, StoreFault};

/// Holds everything against its hash, in one snapshot, however long that takes. Leases are not looked at.
pub(super) fn check(db: &Connection) -> Result<StoreCheck, StoreError> {
    let snapshot = db.unchecked_transaction()?;
    let mut faults = Vec::new();
    integrity(&snapshot, &mut faults)?;
    references(&snapshot, &mut faults)?;
    recipes(&snapshot, &mut faults)?;
    let artifacts = artifacts::check(&snapshot, &mut faults)?;
    let parts = all_parts(&snapshot, &mut faults)?;
    Ok(StoreCheck { artifacts, parts, abandoned_leases: 0, faults })
}

fn integrity(db: &Connection, faults: &mut Vec<StoreFault>) -> Result<(), StoreError> {
    let mut statement = db.prepare("PRAGMA integrity_check")?;
    for line in statement.query_map([], |row| row.get::<_, String>(0))? {
        let line = line?;
        if line != "ok" {
            faults.push(StoreFault::Database(line));
        }
    }
    Ok(())
}

fn references(db: &Connection, faults: &mut Vec<StoreFault>) -> Result<(), StoreError> {
    let mut statement = db.prepare("PRAGMA foreign_key_check")?;
    let rows = statement.query_map([], |row| {
        Ok(StoreFault::Reference {
            table: row.get(0)?,
            row: row.get::<_, Option<i64>>(1)?.unwrap_or_default(),
            parent: row.get(2)?,
        })
    })?;
    for fault in rows {
        faults.push(fault?);
    }
    Ok(())
}

fn recipes(db: &Connection, faults: &mut Vec<StoreFault>) -> Result<(), StoreError> {
    let mut statement = db.prepare("SELECT id, CAST(body AS BLOB), body_sha256 FROM recipe ORDER BY id")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (id, body, body_sha256): (i64, Vec<u8>, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if sha256_hex(&body) != body_sha256 {
            faults.push(StoreFault::Recipe { id });
        }
    }
    Ok(())
}

fn all_parts(db: &Connection, faults: &mut Vec<StoreFault>) -> Result<usize, StoreError> {
    let mut statement =
        db.prepare("SELECT part, CAST(body AS BLOB), body_sha256, fingerprint FROM part ORDER BY fingerprint, part")?;
    let mut rows = statement.query([])?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        count += 1;
        if let (index, None) = parts::sound(row)? {
            faults.push(StoreFault::Part { fingerprint: row.get(3)?, index });
        }
    }
    Ok(count)
}

/// Drops what is not needed and gives the space back to the disk.
pub(super) fn compact(db: &mut Connection, path: &Path) -> Result<Compaction, StoreError> {
    let bytes_before = bytes_on_disk(path);
    let (parts, inputs, recipes) = transaction::write(db, |db| {
        let parts = db.execute("DELETE FROM part WHERE fingerprint IN (SELECT fingerprint FROM artifact)", [])?;
        let recipes = db.execute("DELETE FROM recipe WHERE id NOT IN (SELECT recipe FROM recording)", [])?;
        Ok((parts, forget_gone_inputs(db)?, recipes))
    })?;
    transaction::outside(db, |db| Ok(db.execute_batch("VACUUM")?))?;
    transaction::outside(db, |db| {
        let blocked: bool = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        let busy = || rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_BUSY), None);
        if blocked { Err(busy().into()) } else { Ok(()) }
    })?;
    Ok(Compaction { bytes_before, bytes_after: bytes_on_disk(path), parts, inputs, recipes })
}

fn forget_gone_inputs(db: &Connection) -> Result<usize, StoreError> {
    let mut statement = db.prepare("SELECT path FROM input")?;
    let paths = statement.query_map([], |row| row.get::<_, Vec<u8>>(0))?.collect::<Result<Vec<_>, _>>()?;
    let mut forgotten = 0;
    for path in paths {
        // A folder that cannot be read at the moment is no proof: only a clear "no" is.
        if matches!(path_from(path.clone()).try_exists(), Ok(false)) {
            forgotten += db.prepare_cached("DELETE FROM input WHERE path = ?1")?.execute([path])?;
        }
    }
    Ok(forgotten)
}

/// The database and its log, in bytes.
fn bytes_on_disk(path: &Path) -> u64 {
    let bytes = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
    bytes(path) + bytes(&beside(path, "-wal"))
}
