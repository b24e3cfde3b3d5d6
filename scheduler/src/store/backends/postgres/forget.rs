//! Deletes the content of a recording, in one transaction, and leaves its hash.

use super::custody::Log;
use super::error::Result;
use super::session::Db;
use super::{checkpoints, outputs};
use crate::store::raw::path_bytes;
use crate::store::{Deletion, Forgotten, RunId};

pub(super) fn forget(db: &mut Db<'_>, deletion: &Deletion, by: Option<RunId>) -> Result<()> {
    let mut log = Log::lock(db, by)?;
    let entries = deletion.entries(&log.digests())?;
    log.add(entries);
    let Deletion { forgotten, paths, .. } = deletion;
    delete_artifacts(db, deletion)?;
    delete_texts(db, deletion)?;
    for sql in [
        "DELETE FROM recording WHERE file_sha256 = $1",
        "DELETE FROM place WHERE file_sha256 = $1",
        "DELETE FROM input WHERE sha256 = $1",
        "DELETE FROM review WHERE recording = $1",
        "DELETE FROM work WHERE recording = $1",
    ] {
        db.execute(sql, &[&forgotten.sha256])?;
    }
    for path in paths {
        db.execute("DELETE FROM input WHERE path = $1", &[&path_bytes(path)])?;
    }
    for output in deletion.new_outputs() {
        outputs::put_one(db, &output)?;
    }
    let Forgotten { sha256, at_ms, by, reason } = forgotten;
    let sql = "INSERT INTO forgotten (sha256, at_ms, by, reason) VALUES ($1, $2, $3, $4)";
    db.execute(sql, &[sha256, &at_ms.cast_signed(), by, reason])?;
    log.write(db)
}

fn delete_artifacts(db: &mut Db<'_>, deletion: &Deletion) -> Result<()> {
    for name in &deletion.artifacts {
        db.execute("DELETE FROM artifact WHERE fingerprint = $1", &[name])?;
    }
    checkpoints::forget(db, &deletion.checkpoints.iter().collect::<Vec<_>>())?;
    for fingerprint in &deletion.quarantines {
        db.execute("DELETE FROM quarantine WHERE fingerprint = $1", &[&fingerprint.to_string()])?;
    }
    Ok(())
}

fn delete_texts(db: &mut Db<'_>, deletion: &Deletion) -> Result<()> {
    for run in &deletion.runs {
        db.execute("UPDATE run SET command = $2 WHERE id = $1", &[&run.id.0, &run.command.as_bytes()])?;
    }
    for (RunId(run), number, incident) in &deletion.incidents {
        let sql = "UPDATE incident SET recording = NULL, message = $3
             WHERE id = (SELECT id FROM incident WHERE run = $1 ORDER BY id LIMIT 1 OFFSET $2)";
        db.execute(sql, &[run, &(*number as i64 - 1), &incident.message.as_bytes()])?;
    }
    for (RunId(run), path) in &deletion.failures {
        db.execute("DELETE FROM failure WHERE run = $1 AND path = $2", &[run, &path_bytes(path)])?;
    }
    Ok(())
}

pub(super) fn list(db: &mut Db<'_>) -> Result<Vec<Forgotten>> {
    let rows = db.query("SELECT sha256, at_ms, by, reason FROM forgotten ORDER BY id", &[])?;
    let forgotten = |row: &postgres::Row| {
        let at_ms = row.try_get::<_, i64>(1)?.cast_unsigned();
        Ok(Forgotten { sha256: row.try_get(0)?, at_ms, by: row.try_get(2)?, reason: row.try_get(3)? })
    };
    rows.iter().map(forgotten).collect()
}
