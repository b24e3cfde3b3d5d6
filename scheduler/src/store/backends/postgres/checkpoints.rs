//! Window checkpoints of incomplete artifacts (table `part`). They are checked when read and deleted when their
//! artifact is stored.

use std::collections::BTreeSet;

use postgres::Row;
use stage_core::{Fingerprint, sha256_hex};

use super::error::Result;
use super::session::Db;
use crate::store::raw::sound_body;
use crate::store::{CheckpointHash, NewCheckpoint, StoreFault, StoredCheckpoint};

/// Writes checkpoints of artifacts that are not stored. One that is stored and matches its hash is not written again.
/// Returns artifact and index of those that were written.
pub(super) fn put(db: &mut Db<'_>, new: &[&NewCheckpoint]) -> Result<BTreeSet<(String, u32)>> {
    if new.is_empty() {
        return Ok(BTreeSet::new());
    }
    let known = sound_ones(db, new)?;
    let name = |new: &NewCheckpoint| (new.fingerprint.to_string(), new.index);
    let (known, new): (Vec<&NewCheckpoint>, Vec<&NewCheckpoint>) =
        new.iter().partition(|new| known.contains(&name(new)));
    if !known.is_empty() {
        let (fingerprints, indices) = names(&known);
        let counted = "UPDATE part SET computations = computations + 1
             FROM unnest($1::TEXT[], $2::BIGINT[]) AS known (fingerprint, part)
             WHERE part.fingerprint = known.fingerprint AND part.part = known.part";
        db.execute(counted, &[&fingerprints, &indices])?;
    }
    if !new.is_empty() {
        let (fingerprints, indices) = names(&new);
        let bodies: Vec<_> = new.iter().map(|new| new.body.as_bytes()).collect();
        let hashes: Vec<_> = new.iter().map(|new| sha256_hex(new.body.as_bytes())).collect();
        let started: Vec<_> = new.iter().map(|new| new.started_at_ms.cast_signed()).collect();
        let durations: Vec<_> = new.iter().map(|new| new.duration_s).collect();
        let devices: Vec<_> = new.iter().map(|new| new.device.as_str()).collect();
        db.execute(
            "INSERT INTO part SELECT *, 1 FROM unnest($1::TEXT[], $2::BIGINT[], $3::BYTEA[], $4::TEXT[], $5::BIGINT[],
                 $6::DOUBLE PRECISION[], $7::TEXT[])
             ON CONFLICT (fingerprint, part) DO UPDATE SET
             body = excluded.body, body_sha256 = excluded.body_sha256, started_at_ms = excluded.started_at_ms,
             duration_s = excluded.duration_s, device = excluded.device, computations = part.computations + 1",
            &[&fingerprints, &indices, &bodies, &hashes, &started, &durations, &devices],
        )?;
    }
    Ok(new.into_iter().map(name).collect())
}

/// Artifacts and indices of checkpoints.
fn names(checkpoints: &[&NewCheckpoint]) -> (Vec<String>, Vec<i64>) {
    checkpoints.iter().map(|new| (new.fingerprint.to_string(), i64::from(new.index))).unzip()
}

/// Those of these checkpoints that are stored and match their hashes.
fn sound_ones(db: &mut Db<'_>, asked: &[&NewCheckpoint]) -> Result<BTreeSet<(String, u32)>> {
    let sql = "SELECT part.part, body, body_sha256, part.fingerprint
         FROM unnest($1::TEXT[], $2::BIGINT[]) AS asked (fingerprint, part) JOIN part USING (fingerprint, part)";
    let (fingerprints, indices) = names(asked);
    let mut found = BTreeSet::new();
    for row in db.query(sql, &[&fingerprints, &indices])? {
        if let (index, Some(_)) = sound(&row)? {
            found.insert((row.try_get(3)?, index));
        }
    }
    Ok(found)
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

/// Deletes the checkpoints of artifacts. Returns whether there were any.
pub(super) fn forget(db: &mut Db<'_>, fingerprints: &[&String]) -> Result<bool> {
    Ok(db.execute("DELETE FROM part WHERE fingerprint = ANY ($1)", &[&fingerprints])? > 0)
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
