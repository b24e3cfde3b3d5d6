//! Checks all records against their hashes, and compacts the database.

use std::fs;
use std::path::Path;

use rusqlite::{Connection, ffi};
use stage_core::sha256_hex;

use super::error::Result;
use super::paths::beside;
use super::{artifacts, checkpoints, custody, schema, transaction};
use crate::store::raw::{is_gone, path_from};
use crate::store::{Compaction, StoreCheck, StoreFault};

/// Checks all records except leases against their hashes, in one snapshot, regardless of how long it takes.
pub(super) fn check(db: &Connection) -> Result<StoreCheck> {
    let snapshot = db.unchecked_transaction()?;
    let mut faults = Vec::new();
    integrity(&snapshot, &mut faults)?;
    schema(&snapshot, &mut faults)?;
    faults.extend(custody::number_fault(&snapshot)?.map(StoreFault::Damaged));
    references(&snapshot, &mut faults)?;
    recipes(&snapshot, &mut faults)?;
    let artifacts = artifacts::check(&snapshot, &mut faults)?;
    let checkpoints = checkpoints::check(&snapshot, &mut faults)?;
    Ok(StoreCheck { artifacts, checkpoints, abandoned_leases: 0, faults })
}

fn integrity(db: &Connection, faults: &mut Vec<StoreFault>) -> Result<()> {
    let mut statement = db.prepare("PRAGMA integrity_check")?;
    for line in statement.query_map([], |row| row.get::<_, String>(0))? {
        let line = line?;
        if line != "ok" {
            faults.push(StoreFault::Damaged(line));
        }
    }
    Ok(())
}

/// Compares tables, indices, triggers and views with those of a new store. A trigger could change what is written.
fn schema(db: &Connection, faults: &mut Vec<StoreFault>) -> Result<()> {
    let (expected, found) = (schema::objects_of_new()?, schema::objects(db)?);
    let fault = |problem, object: &String| StoreFault::Schema { problem, object: object.clone() };
    faults.extend(found.difference(&expected).map(|object| fault("unknown", object)));
    faults.extend(expected.difference(&found).map(|object| fault("missing", object)));
    Ok(())
}

fn references(db: &Connection, faults: &mut Vec<StoreFault>) -> Result<()> {
    let mut statement = db.prepare("PRAGMA foreign_key_check")?;
    let rows = statement.query_map([], |row| {
        let (table, number): (String, Option<i64>) = (row.get(0)?, row.get(1)?);
        let record = format!("{table} {}", number.unwrap_or_default());
        Ok(StoreFault::Reference { record, missing: row.get(2)? })
    })?;
    for fault in rows {
        faults.push(fault?);
    }
    let mut statement = db.prepare(
        "SELECT file_sha256 FROM recording
         WHERE NOT EXISTS (SELECT 1 FROM place WHERE place.path = recording.path AND place.file_sha256 = recording.file_sha256)",
    )?;
    for sha256 in statement.query_map([], |row| row.get::<_, String>(0))? {
        faults.push(StoreFault::Reference { record: format!("recording {}", sha256?), missing: "place".to_owned() });
    }
    Ok(())
}

fn recipes(db: &Connection, faults: &mut Vec<StoreFault>) -> Result<()> {
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

/// Deletes records that are no longer needed and returns the space to the file system.
pub(super) fn compact(db: &mut Connection, path: &Path) -> Result<Compaction> {
    let bytes_before = bytes_on_disk(path);
    let (checkpoints, inputs, recipes) = transaction::write(db, |db| {
        let checkpoints = db.execute("DELETE FROM part WHERE fingerprint IN (SELECT fingerprint FROM artifact)", [])?;
        let recipes = db.execute("DELETE FROM recipe WHERE id NOT IN (SELECT recipe FROM recording)", [])?;
        Ok((checkpoints, forget_gone_inputs(db)?, recipes))
    })?;
    transaction::outside(db, |db| Ok(db.execute_batch("VACUUM")?))?;
    transaction::outside(db, |db| {
        let blocked: bool = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        let busy = || rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_BUSY), None);
        if blocked { Err(busy().into()) } else { Ok(()) }
    })?;
    Ok(Compaction { bytes_before, bytes_after: bytes_on_disk(path), checkpoints, inputs, recipes })
}

fn forget_gone_inputs(db: &Connection) -> Result<usize> {
    let mut statement = db.prepare("SELECT path FROM input")?;
    let paths = statement.query_map([], |row| row.get::<_, Vec<u8>>(0))?.collect::<Result<Vec<_>, _>>()?;
    let mut forgotten = 0;
    for path in paths {
        if is_gone(&path_from(path.clone())) {
            forgotten += db.prepare_cached("DELETE FROM input WHERE path = ?1")?.execute([path])?;
        }
    }
    Ok(forgotten)
}

/// Size of the database and its log in bytes.
fn bytes_on_disk(path: &Path) -> u64 {
    let bytes = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
    bytes(path) + bytes(&beside(path, "-wal"))
}
