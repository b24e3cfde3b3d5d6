//! Parts of artifacts that are not complete: checked when read, gone when their artifact is on record.

use rusqlite::{Connection, OptionalExtension, Row, params};
use stage_core::{Fingerprint, sha256_hex};

use super::artifacts;
use crate::store::{NewPart, StoreError, StoredPart};

/// Writes a part; false if it, or its whole artifact, was on record. One that does not hold its hash is overwritten.
pub(super) fn put(db: &Connection, part: &NewPart) -> Result<bool, StoreError> {
    let fingerprint = part.fingerprint.to_string();
    if artifacts::is_there(db, &fingerprint)? {
        return Ok(false);
    }
    if part_on_record(db, &fingerprint, part.index)?.is_some_and(|holds| holds) {
        db.prepare_cached("UPDATE part SET computations = computations + 1 WHERE fingerprint = ?1 AND part = ?2")?
            .execute(params![fingerprint, part.index])?;
        return Ok(false);
    }
    db.prepare_cached(
        "INSERT INTO part VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 1) ON CONFLICT (fingerprint, part) DO UPDATE SET
         body = excluded.body, body_sha256 = excluded.body_sha256, started_at_ms = excluded.started_at_ms,
         duration_s = excluded.duration_s, device = excluded.device, computations = computations + 1",
    )?
    .execute(params![
        fingerprint,
        part.index,
        part.body,
        sha256_hex(part.body.as_bytes()),
        part.started_at_ms.cast_signed(),
        part.duration_s,
        part.device,
    ])?;
    Ok(true)
}

/// Whether a part on record holds its hash; none where there is no such part.
fn part_on_record(db: &Connection, fingerprint: &str, index: u32) -> Result<Option<bool>, StoreError> {
    Ok(db
        .prepare_cached("SELECT part, CAST(body AS BLOB), body_sha256 FROM part WHERE fingerprint = ?1 AND part = ?2")?
        .query_row(params![fingerprint, index], |row| Ok(sound(row)?.1.is_some()))
        .optional()?)
}

/// The sound parts of an artifact, by index.
pub(super) fn list(db: &Connection, fingerprint: &Fingerprint) -> Result<Vec<StoredPart>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT part, CAST(body AS BLOB), body_sha256 FROM part WHERE fingerprint = ?1 ORDER BY part",
    )?;
    let mut rows = statement.query([fingerprint.to_string()])?;
    let mut parts = Vec::new();
    while let Some(row) = rows.next()? {
        match sound(row)? {
            (index, Some(body)) => parts.push(StoredPart { index, body }),
            (index, None) => tracing::warn!(%fingerprint, index, "a part on record does not hold: it is made again"),
        }
    }
    Ok(parts)
}

/// A row's index, and its body if that holds its hash.
pub(super) fn sound(row: &Row<'_>) -> rusqlite::Result<(u32, Option<String>)> {
    let (index, body, body_sha256): (u32, Vec<u8>, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
    let holds = sha256_hex(&body) == body_sha256;
    Ok((index, String::from_utf8(body).ok().filter(|_| holds)))
}

/// Forgets the parts of an artifact.
pub(super) fn forget(db: &Connection, fingerprint: &str) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM part WHERE fingerprint = ?1")?.execute([fingerprint])?;
    Ok(())
}
