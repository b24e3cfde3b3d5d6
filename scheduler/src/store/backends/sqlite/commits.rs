//! Leases and commits. A lease is the permission to commit the artifacts of a batch. A group of commits is one
//! transaction, and each commit is fenced by its lease. Unneeded computations are counted.

use rusqlite::{Connection, OptionalExtension, params};

use super::error::Result;
use super::{artifacts, checkpoints, custody, transaction};
use crate::clock::now_ms;
use crate::store::custody::Digests;
use crate::store::{Commit, Committed, Lease, LeaseEnd, NewBatch, NewRecord, RunId, StoreError};

pub(super) fn grant(db: &mut Connection, run: RunId, batch: &NewBatch) -> Result<Lease> {
    transaction::write(db, |db| {
        let number: i64 = db
            .prepare_cached(
                "UPDATE meta SET value = max(value, (SELECT coalesce(max(lease), 0) FROM batch)) + 1
                 WHERE key = 'lease' RETURNING value",
            )?
            .query_row([], |row| row.get(0))?;
        db.prepare_cached(
            "INSERT INTO batch (run, lease, state, priority, worker, recordings, audio_s, granted_at_ms)
             VALUES (?1, ?2, 'leased', ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            run.0,
            number,
            batch.priority,
            batch.worker,
            batch.recordings as i64,
            batch.audio_s,
            now_ms().cast_signed(),
        ])?;
        Ok(Lease { batch: db.last_insert_rowid(), number })
    })
}

pub(super) fn release(db: &mut Connection, lease: Lease, end: LeaseEnd) -> Result<()> {
    let state = match end {
        LeaseEnd::Finished => "finished",
        LeaseEnd::Revoked => "revoked",
    };
    transaction::write(db, |db| {
        db.prepare_cached(
            "UPDATE batch SET state = ?3, ended_at_ms = ?4 WHERE id = ?1 AND lease = ?2 AND state = 'leased'",
        )?
        .execute(params![lease.batch, lease.number, state, now_ms().cast_signed()])?;
        Ok(())
    })
}

/// Ends the leases of a killed run. The time at which it was killed is unknown.
pub(super) fn revoke_all(db: &Connection) -> Result<()> {
    db.execute("UPDATE batch SET state = 'revoked' WHERE state = 'leased'", [])?;
    Ok(())
}

fn is_live(db: &Connection, lease: Lease) -> Result<bool> {
    Ok(db
        .prepare_cached("SELECT 1 FROM batch WHERE id = ?1 AND lease = ?2 AND state = 'leased'")?
        .exists(params![lease.batch, lease.number])?)
}

/// Number of live leases.
pub(super) fn live(db: &Connection) -> Result<usize> {
    let count: i64 = db.query_row("SELECT count(*) FROM batch WHERE state = 'leased'", [], |row| row.get(0))?;
    Ok(usize::try_from(count).unwrap_or_default())
}

pub(super) fn commit(db: &mut Connection, group: &[Commit]) -> Result<Vec<Committed>> {
    transaction::write(db, |db| {
        let salt = custody::salt(db)?;
        let mut entries = Vec::new();
        let mut committed = Vec::with_capacity(group.len());
        for commit in group {
            let replaces = match &commit.what {
                NewRecord::Artifact { artifact, .. } => artifacts::exists(db, &artifact.key.fingerprint().to_string())?,
                NewRecord::Checkpoint(_) => false,
            };
            let outcome = write(db, commit)?;
            if outcome == Committed::Written {
                entries.push(Digests(&salt).commit_entry(&commit.what, replaces)?);
            }
            committed.push(outcome);
        }
        custody::append(db, entries)?;
        Ok(committed)
    })
}

fn write(db: &Connection, Commit { lease, what }: &Commit) -> Result<Committed> {
    if !is_live(db, *lease)? {
        return Ok(Committed::StaleLease);
    }
    let written = match what {
        NewRecord::Artifact { artifact, replace } => {
            let fingerprint = artifact.key.fingerprint().to_string();
            checkpoints::forget(db, &fingerprint)?;
            artifacts::put(db, &fingerprint, artifact, *replace)?
        }
        NewRecord::Checkpoint(checkpoint) => checkpoints::put(db, checkpoint)?,
    };
    if written {
        return Ok(Committed::Written);
    }
    db.prepare_cached("UPDATE meta SET value = value + 1 WHERE key = 'recomputed'")?.execute([])?;
    Ok(Committed::AlreadyThere)
}

pub(super) fn recomputations(db: &Connection) -> Result<u64> {
    let counted: Option<i64> =
        db.query_row("SELECT value FROM meta WHERE key = 'recomputed'", [], |row| row.get(0)).optional()?;
    let missing = || StoreError::Unreadable { what: "count of recomputations", value: "nothing".to_owned() };
    Ok(counted.ok_or_else(missing)?.cast_unsigned())
}
