//! Window checkpoints of incomplete artifacts (table `part`). They are checked when read and deleted when their
//! artifact is stored.

use postgres::Row;
use stage_core::{Fingerprint, sha256_hex};

use super::artifacts;
use super::error::Result;
use super::session::Db;
use crate::store::raw::sound_body;
use crate::store::{CheckpointHash, NewCheckpoint, StoreFault, StoredCheckpoint};

/// Writes a checkpoint. Returns false if it or its artifact is stored already. An altered checkpoint is replaced.
pub(super) fn put(db: &mut Db<'_>, new: &NewCheckpoint) -> Result<bool> {
    let fingerprint = new.fingerprint.to_string();
    if artifacts::exists(db, &fingerprint)? {
        return Ok(false);
    }
    let index = i64::from(new.index);
    if is_sound(db, &fingerprint, index)? {
        let counted = "UPDATE part SET computations = computations + 1 WHERE fingerprint = $1 AND part = $2";
        db.execute(counted, &[&fingerprint, &index])?;
        return Ok(false);
    }
    db.execute(
        "INSERT INTO part VALUES ($1, $2, $3, $4, $5, $6, $7, 1) ON CONFLICT (fingerprint, part) DO UPDATE SET
         body = excluded.body, body_sha256 = excluded.body_sha256, started_at_ms = excluded.started_at_ms,
         duration_s = excluded.duration_s, device = excluded.device, computations = part.computations + 1",
        &[
            &fingerprint,
            &index,
            &new.body.as_bytes(),
            &sha256_hex(new.body.as_bytes()),
            &new.started_at_ms.cast_signed(),
            &new.duration_s,
            &new.device,
        ],
    )?;
    Ok(true)
}

/// Whether a checkpoint is stored and matches its hash.
fn is_sound(db: &mut Db<'_>, fingerprint: &str, index: i64) -> Result<bool> {
    let sql = "SELECT part, body, body_sha256 FROM part WHERE fingerprint = $1 AND part = $2";
    let row = db.first(sql, &[&fingerprint, &index])?;
    row.map_or(Ok(false), |row| Ok(sound(&row)?.1.is_some()))
}

/// The checkpoints of an artifact that match their hashes, by index.
pub(super) fn list(db: &mut Db<'_>, fingerprint: &Fingerprint) -> Result<Vec<StoredCheckpoint>> {
    let sql = "SELECT part, body, body_sha256 FROM part WHERE fingerprint = $1 ORDER BY part";
    let mut checkpoints = Vec::new();
    for row in db.query(sql, &[&fingerprint.to_string()])? {
        match sound(&row)? {
            (index, Some(body)) => checkpoints.push(StoredCheckpoint { index, body }),
            (index, None) => tracing::warn!(%fingerprint, index, "a checkpoint was altered: it is computed again"),
        }
    }
    Ok(checkpoints)
}

/// The index of a row, and its body if it matches its hash.
fn sound(row: &Row) -> Result<(u32, Option<String>)> {
    let (index, body, body_sha256): (i64, Vec<u8>, String) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    Ok((u32::try_from(index).unwrap_or(u32::MAX), sound_body(body, &body_sha256)))
}

/// Deletes the checkpoints of an artifact. Returns whether there were any.
pub(super) fn forget(db: &mut Db<'_>, fingerprint: &str) -> Result<bool> {
    Ok(db.execute("DELETE FROM part WHERE fingerprint = $1", &[&fingerprint])? > 0)
}

/// The hashes of all checkpoints, by artifact and index. An altered one has the hash of its text.
pub(super) fn hashes(db: &mut Db<'_>) -> Result<Vec<CheckpointHash>> {
    hashes_where(db, |_, _| true)
}

/// The hashes of the checkpoints that match their own hash.
pub(super) fn sound_hashes(db: &mut Db<'_>) -> Result<Vec<CheckpointHash>> {
    hashes_where(db, |found, stated| found == stated)
}

fn hashes_where(db: &mut Db<'_>, is_wanted: impl Fn(&str, &str) -> bool) -> Result<Vec<CheckpointHash>> {
    let mut hashes = Vec::new();
    db.stream("SELECT fingerprint, part, body, body_sha256 FROM part ORDER BY fingerprint, part", |row| {
        let (index, sha256) = (row.try_get::<_, i64>(1)?, sha256_hex(row.try_get(2)?));
        if is_wanted(&sha256, row.try_get(3)?) {
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            hashes.push(CheckpointHash { fingerprint: row.try_get(0)?, index, sha256 });
        }
        Ok(())
    })?;
    Ok(hashes)
}

/// Checks every checkpoint against its hash; returns their number.
pub(super) fn check(db: &mut Db<'_>, faults: &mut Vec<StoreFault>) -> Result<usize> {
    let mut count = 0;
    db.stream("SELECT part, body, body_sha256, fingerprint FROM part ORDER BY fingerprint, part", |row| {
        count += 1;
        if let (index, None) = sound(row)? {
            faults.push(StoreFault::Checkpoint { fingerprint: row.try_get(3)?, index });
        }
        Ok(())
    })?;
    Ok(count)
}
