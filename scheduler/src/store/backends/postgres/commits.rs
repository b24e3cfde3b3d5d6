//! Leases and commits. A lease is the permission to commit the artifacts of a batch, while its run is registered. A group
//! of commits is one transaction, and each commit is fenced by its lease. Unneeded computations are counted.

use std::collections::{BTreeMap, BTreeSet};

use postgres::Row;

use super::custody::Log;
use super::error::Result;
use super::session::Db;
use super::{artifacts, checkpoints, runs};
use crate::store::{Commit, Committed, Lease, LeaseEnd, NewArtifact, NewBatch, NewCheckpoint, NewRecord, RunId};

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

/// The leases that permit commits. The locks keep them so until the transaction ends: a run that takes one over at the same
/// time skips it.
fn live(db: &mut Db<'_>, group: &[Commit]) -> Result<BTreeSet<Lease>> {
    let asked: BTreeSet<Lease> = group.iter().map(|commit| commit.lease).collect();
    let (batches, numbers): (Vec<i64>, Vec<i64>) = asked.iter().map(|lease| (lease.batch, lease.number)).unzip();
    let sql = "SELECT batch.id, batch.lease FROM unnest($1::BIGINT[], $2::BIGINT[]) AS asked (id, lease)
         JOIN batch USING (id, lease) JOIN run ON run.id = batch.run
         WHERE batch.state = 'leased' AND run.state = 'running' FOR SHARE OF batch, run";
    let lease = |row: &Row| Ok(Lease { batch: row.try_get(0)?, number: row.try_get(1)? });
    db.query(sql, &[&batches, &numbers])?.iter().map(lease).collect()
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
    let live = live(db, group)?;
    let mut committed = vec![Committed::StaleLease; group.len()];
    let fenced = group.iter().enumerate().filter(|(_, commit)| live.contains(&commit.lease));
    let mut named = fenced.map(|(index, commit)| (index, name_of(&commit.what), &commit.what)).peekable();
    while named.peek().is_some() {
        let mut wave = Wave::default();
        while let Some((index, name, what)) = named.next_if(|(_, name, what)| wave.accepts(name, what)) {
            wave.add(index, name, what);
        }
        for (index, Outcome { is_written, replaces }) in wave.write(db)? {
            committed[index] = if is_written { Committed::Written } else { Committed::AlreadyThere };
            if is_written {
                let entry = log.digests().commit_entry(&group[index].what, replaces)?;
                log.add([entry]);
            }
        }
    }
    let unneeded = committed.iter().filter(|outcome| **outcome == Committed::AlreadyThere).count();
    if unneeded > 0 {
        db.execute("UPDATE meta SET value = value + $1 WHERE key = 'recomputed'", &[&(unneeded as i64)])?;
    }
    log.write(db)?;
    Ok(committed)
}

/// Records that are written together, in few statements, because the server may be far away. The order of two of them does
/// not matter. They are sorted, so that runs that write the same ones wait for each other in one order.
#[derive(Default)]
struct Wave<'a> {
    artifacts: BTreeMap<String, (usize, &'a NewArtifact, bool)>,
    checkpoints: BTreeMap<(String, u32), (usize, &'a NewCheckpoint)>,
}

/// What became of a record.
struct Outcome {
    is_written: bool,
    /// Whether it is an artifact with the fingerprint of one that was stored before.
    replaces: bool,
}

/// The fingerprint of the artifact that a record is or belongs to. That of an artifact is computed.
fn name_of(what: &NewRecord) -> String {
    match what {
        NewRecord::Artifact { artifact, .. } => artifact.key.fingerprint().to_string(),
        NewRecord::Checkpoint(checkpoint) => checkpoint.fingerprint.to_string(),
    }
}

impl<'a> Wave<'a> {
    /// Whether the order of a record and those of the wave does not matter.
    fn accepts(&self, name: &str, what: &NewRecord) -> bool {
        let checkpoint = |index| (name.to_owned(), index);
        !self.artifacts.contains_key(name)
            && match what {
                NewRecord::Artifact { .. } => {
                    self.checkpoints.range(checkpoint(0)..=checkpoint(u32::MAX)).next().is_none()
                }
                NewRecord::Checkpoint(new) => !self.checkpoints.contains_key(&checkpoint(new.index)),
            }
    }

    fn add(&mut self, index: usize, name: String, what: &'a NewRecord) {
        match what {
            NewRecord::Artifact { artifact, replace } => {
                self.artifacts.insert(name, (index, artifact, *replace));
            }
            NewRecord::Checkpoint(new) => {
                self.checkpoints.insert((name, new.index), (index, new));
            }
        }
    }

    /// Writes the artifacts, whose checkpoints are no longer needed, and the checkpoints of artifacts that are not stored.
    /// Returns what became of them, by their index in the group.
    fn write(&self, db: &mut Db<'_>) -> Result<BTreeMap<usize, Outcome>> {
        let names: Vec<_> = self.artifacts.keys().chain(self.checkpoints.keys().map(|(name, _)| name)).collect();
        let stored = artifacts::stored(db, &names)?;
        let artifacts: Vec<_> = self.artifacts.iter().map(|(name, (_, new, replace))| (name, *new, *replace)).collect();
        if !artifacts.is_empty() {
            checkpoints::forget(db, &self.artifacts.keys().collect::<Vec<_>>())?;
        }
        let new_artifacts = artifacts::put(db, &artifacts)?;
        let wanted = self.checkpoints.iter().filter(|((name, _), _)| !stored.contains(name));
        let new_checkpoints = checkpoints::put(db, &wanted.map(|(_, (_, new))| *new).collect::<Vec<_>>())?;
        let of_artifacts = self.artifacts.iter().map(|(name, (index, ..))| {
            (*index, Outcome { is_written: new_artifacts.contains(name), replaces: stored.contains(name) })
        });
        let of_checkpoints = self
            .checkpoints
            .iter()
            .map(|(id, (index, _))| (*index, Outcome { is_written: new_checkpoints.contains(id), replaces: false }));
        Ok(of_artifacts.chain(of_checkpoints).collect())
    }
}

pub(super) fn recomputations(db: &mut Db<'_>) -> Result<u64> {
    let counted: i64 = db.one("SELECT value FROM meta WHERE key = 'recomputed'", &[])?.try_get(0)?;
    Ok(counted.cast_unsigned())
}
