//! Deletes the content of a recording, in one transaction, and leaves its hash.

use rusqlite::{Connection, Transaction, params};

use super::error::Result;
use super::{checkpoints, custody, outputs, transaction};
use crate::store::custody::Digests;
use crate::store::raw::path_bytes;
use crate::store::{Deletion, Forgotten, RunId};

pub(super) fn forget(db: &mut Connection, deletion: &Deletion) -> Result<()> {
    transaction::write(db, |db| {
        let salt = custody::salt(db)?;
        let entries = deletion.entries(&Digests(&salt))?;
        let Deletion { forgotten, paths, .. } = deletion;
        delete_artifacts(db, deletion)?;
        delete_texts(db, deletion)?;
        for table in
            ["recording WHERE file_sha256", "place WHERE file_sha256", "input WHERE sha256", "review WHERE recording"]
        {
            db.execute(&format!("DELETE FROM {table} = ?1"), [&forgotten.sha256])?;
        }
        for path in paths {
            db.execute("DELETE FROM input WHERE path = ?1", [path_bytes(path)])?;
        }
        for output in deletion.new_outputs() {
            outputs::put_one(db, &output)?;
        }
        let Forgotten { sha256, at_ms, by, reason } = forgotten;
        db.execute(
            "INSERT INTO forgotten (sha256, at_ms, by, reason) VALUES (?1, ?2, ?3, ?4)",
            params![sha256, at_ms.cast_signed(), by, reason],
        )?;
        custody::append(db, entries)
    })
}

fn delete_artifacts(db: &Transaction<'_>, deletion: &Deletion) -> Result<()> {
    for name in &deletion.artifacts {
        db.execute("DELETE FROM artifact WHERE fingerprint = ?1", [name])?;
    }
    for name in &deletion.checkpoints {
        checkpoints::forget(db, name)?;
    }
    for fingerprint in &deletion.quarantines {
        db.execute("DELETE FROM quarantine WHERE fingerprint = ?1", [fingerprint.to_string()])?;
    }
    Ok(())
}

fn delete_texts(db: &Transaction<'_>, deletion: &Deletion) -> Result<()> {
    for run in &deletion.runs {
        db.execute("UPDATE run SET command = ?2 WHERE id = ?1", params![run.id.0, run.command])?;
    }
    for (RunId(run), number, incident) in &deletion.incidents {
        db.execute(
            "UPDATE incident SET recording = NULL, message = ?3
             WHERE id = (SELECT id FROM incident WHERE run = ?1 ORDER BY id LIMIT 1 OFFSET ?2 - 1)",
            params![run, *number as i64, incident.message],
        )?;
    }
    for (RunId(run), path) in &deletion.failures {
        db.execute("DELETE FROM failure WHERE run = ?1 AND path = ?2", params![run, path_bytes(path)])?;
    }
    Ok(())
}

pub(super) fn list(db: &Connection) -> Result<Vec<Forgotten>> {
    let mut statement = db.prepare("SELECT sha256, at_ms, by, reason FROM forgotten ORDER BY id")?;
    let row = |row: &rusqlite::Row<'_>| {
        let at_ms = row.get::<_, i64>(1)?.cast_unsigned();
        Ok(Forgotten { sha256: row.get(0)?, at_ms, by: row.get(2)?, reason: row.get(3)? })
    };
    Ok(statement.query_map([], row)?.collect::<rusqlite::Result<_>>()?)
}
