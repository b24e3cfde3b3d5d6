//! Commits: a group is one transaction; each is fenced by its lease, and unneeded computations are counted.

use rusqlite::{Connection, OptionalExtension};

use super::error::Result;
use super::{artifacts, checkpoints, leases, transaction};
use crate::store::{Commit, Committed, NewRecord, StoreError};

pub(super) fn commit(db: &mut Connection, group: &[Commit]) -> Result<Vec<Committed>> {
    transaction::write(db, |db| group.iter().map(|commit| write(db, commit)).collect())
}

fn write(db: &Connection, Commit { lease, what }: &Commit) -> Result<Committed> {
    if !leases::is_live(db, *lease)? {
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
