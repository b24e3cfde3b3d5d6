//! Window checkpoints of incomplete artifacts (table `part`). They are checked when read and deleted when their
//! artifact is stored.

use rusqlite::{Connection, OptionalExtension, Row, params};
use stage_core::{Fingerprint, sha256_hex};

use super::artifacts;
use super::error::Result;
use crate::store::raw::sound_body;
use crate::store::{CheckpointHash, NewCheckpoint, StoreFault, StoredCheckpoint};

/// Writes a checkpoint. Returns false if it or its artifact is stored already. An altered checkpoint is replaced.
pub(super) fn put(db: &Connection, new: &NewCheckpoint) -> Result<bool> {
    let fingerprint = new.fingerprint.to_string();
    if artifacts::exists(db, &fingerprint)? {
        return Ok(false);
    }
    if is_sound(db, &fingerprint, new.index)? {
        db.prepare_cached("UPDATE part SET computations = computations + 1 WHERE fingerprint = ?1 AND part = ?2")?
            .execute(params![fingerprint, new.index])?;
        return Ok(false);
    }
    db.prepare_cached(
        "INSERT INTO part VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 1) ON CONFLICT (fingerprint, part) DO UPDATE SET
         body = excluded.body, body_sha256 = excluded.body_sha256, started_at_ms = excluded.started_at_ms,
         duration_s = excluded.duration_s, device = excluded.device, computations = computations + 1",
    )?
    .execute(params![
        fingerprint,
        new.index,
        new.body,
        sha256_hex(new.body.as_bytes()),
        new.started_at_ms.cast_signed(),
        new.duration_s,
        new.device,
    ])?;
    Ok(true)
}

/// Whether a checkpoint is stored and matches its hash.
fn is_sound(db: &Connection, fingerprint: &str, index: u32) -> Result<bool> {
    Ok(db
        .prepare_cached("SELECT part, CAST(body AS BLOB), body_sha256 FROM part WHERE fingerprint = ?1 AND part = ?2")?
        .query_row(params![fingerprint, index], |row| Ok(sound(row)?.1.is_some()))
        .optional()?
        .unwrap_or(false))
}

/// The checkpoints of an artifact that match their hashes, by index.
pub(super) fn list(db: &Connection, fingerprint: &Fingerprint) -> Result<Vec<StoredCheckpoint>> {
    let mut statement = db.prepare_cached(
        "SELECT part, CAST(body AS BLOB), body_sha256 FROM part WHERE fingerprint = ?1 ORDER BY part",
    )?;
    let mut rows = statement.query([fingerprint.to_string()])?;
    let mut checkpoints = Vec::new();
    while let Some(row) = rows.next()? {
        match sound(row)? {
            (index, Some(body)) => checkpoints.push(StoredCheckpoint { index, body }),
            (index, None) => tracing::warn!(%fingerprint, index, "a checkpoint was altered: it is computed again"),
        }
    }
    Ok(checkpoints)
}

/// The index of a row, and its body if it matches its hash.
fn sound(row: &Row<'_>) -> rusqlite::Result<(u32, Option<String>)> {
    let (index, body, body_sha256): (u32, Vec<u8>, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
    Ok((index, sound_body(body, &body_sha256)))
}

/// Deletes the checkpoints of an artifact. Returns whether there were any.
pub(super) fn forget(db: &Connection, fingerprint: &str) -> Result<bool> {
    Ok(db.prepare_cached("DELETE FROM part WHERE fingerprint = ?1")?.execute([fingerprint])? > 0)
}

/// The hashes of all checkpoints, by artifact and index. An altered one has the hash of its text.
pub(super) fn hashes(db: &Connection) -> Result<Vec<CheckpointHash>> {
    hashes_where(db, |_, _| true)
}

/// The hashes of the checkpoints that match their own hash.
pub(super) fn sound_hashes(db: &Connection) -> Result<Vec<CheckpointHash>> {
    hashes_where(db, |found, stated| found == stated)
}

/// The hashes of the checkpoints whose actual and stored hash are wanted.
fn hashes_where(db: &Connection, is_wanted: impl Fn(&str, &str) -> bool) -> Result<Vec<CheckpointHash>> {
    let mut statement =
        db.prepare("SELECT fingerprint, part, CAST(body AS BLOB), body_sha256 FROM part ORDER BY fingerprint, part")?;
    let mut rows = statement.query([])?;
    let mut hashes = Vec::new();
    while let Some(row) = rows.next()? {
        let sha256 = sha256_hex(&row.get::<_, Vec<u8>>(2)?);
        if is_wanted(&sha256, &row.get::<_, String>(3)?) {
            hashes.push(CheckpointHash { fingerprint: row.get(0)?, index: row.get(1)?, sha256 });
        }
    }
    Ok(hashes)
}

/// Checks every checkpoint against its hash; returns their number.
pub(super) fn check(db: &Connection, faults: &mut Vec<StoreFault>) -> Result<usize> {
    let mut statement =
        db.prepare("SELECT part, CAST(body AS BLOB), body_sha256, fingerprint FROM part ORDER BY fingerprint, part")?;
    let mut rows = statement.query([])?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        count += 1;
        if let (index, None) = sound(row)? {
            faults.push(StoreFault::Checkpoint { fingerprint: row.get(3)?, index });
        }
    }
    Ok(count)
}
