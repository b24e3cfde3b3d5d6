//! The cache of facts about input files, so that an unchanged file is not hashed again.

use rusqlite::{Connection, OptionalExtension, params};

use super::error::Result;
use super::paths::path_bytes;
use super::transaction;
use crate::store::{InputFacts, InputStat};

pub(super) fn cached(db: &Connection, stat: &InputStat) -> Result<Option<InputFacts>> {
    Ok(db
        .prepare_cached(
            "SELECT sha256, audio_s FROM input WHERE path = ?1 AND size = ?2 AND mtime_ns = ?3 AND inode = ?4",
        )?
        .query_row(
            params![path_bytes(&stat.path), stat.size.cast_signed(), stat.mtime_ns, stat.inode.cast_signed()],
            |row| Ok(InputFacts { sha256: row.get(0)?, audio_s: row.get(1)? }),
        )
        .optional()?)
}

pub(super) fn cache(db: &mut Connection, inputs: &[(InputStat, InputFacts)]) -> Result<()> {
    transaction::write(db, |db| {
        let mut put = db.prepare_cached("INSERT OR REPLACE INTO input VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
        for (stat, facts) in inputs {
            put.execute(params![
                path_bytes(&stat.path),
                stat.size.cast_signed(),
                stat.mtime_ns,
                stat.inode.cast_signed(),
                facts.sha256,
                facts.audio_s,
            ])?;
        }
        Ok(())
    })
}
