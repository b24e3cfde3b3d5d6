//! Leases and commits. A lease is the permission to commit the artifacts of a batch, while its run is registered. A group
//! of commits is one transaction, and each commit is fenced by its lease. Unneeded computations are counted.

use std::collections::BTreeMap;

use super::custody::Log;
use super::error::Result;
use super::session::Db;
use super::{artifacts, checkpoints, runs};
use crate::store::{Commit, Committed, Lease, LeaseEnd, NewBatch, NewRecord, RunId};

pub(super) fn grant(db: &mut Db<'_>, run: RunId, batch: &NewBatch) -> Result<Lease> {
    runs::check_registered(db, run)?;
    let row = db.one(
        "INSERT INTO batch (run, lease, state, priority, worker, recordings, audio_s, granted_at_ms)
         VALUES ($1, nextval('lease'), 'leased', $2, $3, $4, $5, now_ms()) RETURNING id, lease",
        &[&run.0, &batch.priority, &batch.worker, &(batch.recordings as i64), &batch.audio_s],
    )?;
    Ok(Lease { batch: row.try_get(0)?, number: row.try_get(1)? })
}

pub(super) fn release(db: &mut Db<'_>, lease: Lease, end: LeaseEnd) -> Result<()> {
    let state = match end {
        LeaseEnd::Finished => "finished",
        LeaseEnd::Revoked => "revoked",
    };
    let sql = "UPDATE batch SET state = $3, ended_at_ms = now_ms()
         WHERE id = $1 AND lease = $2 AND state = 'leased'";
    db.execute(sql, &[&lease.batch, &lease.number, &state])?;
    Ok(())
}

/// Whether a lease permits commits. The locks keep it so until the transaction ends: a run that takes it over at the same
/// time skips it.
fn is_live(db: &mut Db<'_>, lease: Lease) -> Result<bool> {
    let sql = "SELECT 1 FROM batch JOIN run ON run.id = batch.run
         WHERE batch.id = $1 AND lease = $2 AND batch.state = 'leased' AND run.state = 'running'
         FOR SHARE OF batch, run";
    Ok(db.first(sql, &[&lease.batch, &lease.number])?.is_some())
}

/// Number of leases of killed runs that no other run has ended yet.
pub(super) fn abandoned(db: &mut Db<'_>) -> Result<usize> {
    let sql = "SELECT count(*) FROM batch JOIN run ON run.id = batch.run
         WHERE batch.state = 'leased' AND (run.state <> 'running' OR expires_ms < now_ms())";
    let count: i64 = db.one(sql, &[])?.try_get(0)?;
    Ok(usize::try_from(count).unwrap_or_default())
}

pub(super) fn commit(db: &mut Db<'_>, group: &[Commit], by: Option<RunId>) -> Result<Vec<Committed>> {
    let mut log = Log::open(db, by)?;
    let mut live: BTreeMap<Lease, bool> = BTreeMap::new();
    let mut committed = Vec::with_capacity(group.len());
    for Commit { lease, what } in group {
        if !live.contains_key(lease) {
            live.insert(*lease, is_live(db, *lease)?);
        }
        let replaces = match what {
            NewRecord::Artifact { artifact, .. } => artifacts::exists(db, &artifact.key.fingerprint().to_string())?,
            NewRecord::Checkpoint(_) => false,
        };
        let outcome = if live[lease] { write(db, what)? } else { Committed::StaleLease };
        if outcome == Committed::Written {
            let entry = log.digests().commit_entry(what, replaces)?;
            log.add([entry]);
        }
        committed.push(outcome);
    }
    log.write(db)?;
    Ok(committed)
}

fn write(db: &mut Db<'_>, what: &NewRecord) -> Result<Committed> {
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
    db.execute("UPDATE meta SET value = value + 1 WHERE key = 'recomputed'", &[])?;
    Ok(Committed::AlreadyThere)
}

pub(super) fn recomputations(db: &mut Db<'_>) -> Result<u64> {
    let counted: i64 = db.one("SELECT value FROM meta WHERE key = 'recomputed'", &[])?.try_get(0)?;
    Ok(counted.cast_unsigned())
}
