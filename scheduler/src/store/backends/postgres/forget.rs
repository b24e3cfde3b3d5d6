//! Deletes the content of a recording, in one transaction, and leaves its hash.

use std::collections::BTreeSet;

use super::custody::Log;
use super::error::Result;
use super::session::Db;
use super::{incidents, recordings, runs};
use crate::store::forget::{Names, is_of_recording};
use crate::store::raw::path_bytes;
use crate::store::{Entry, Forgotten, RunId};

pub(super) fn forget(db: &mut Db<'_>, forgotten: &Forgotten, by: Option<RunId>) -> Result<()> {
    let mut log = Log::lock(db, by)?;
    let names = Names::new(recordings::places(db, &forgotten.sha256)?);
    let record = log.digests().forgotten(forgotten)?;
    log.add([Entry::Forgotten { recording: forgotten.sha256.clone(), record }]);
    delete_artifacts(db, &forgotten.sha256, &mut log)?;
    delete_texts(db, &names, &mut log)?;
    for deletion in [
        "DELETE FROM recording WHERE file_sha256 = $1",
        "DELETE FROM place WHERE file_sha256 = $1",
        "DELETE FROM input WHERE sha256 = $1",
        "DELETE FROM output WHERE recording = $1",
        "DELETE FROM review WHERE recording = $1",
        "DELETE FROM work WHERE recording = $1",
    ] {
        db.execute(deletion, &[&forgotten.sha256])?;
    }
    let Forgotten { sha256, at_ms, by, reason } = forgotten;
    db.execute(
        "INSERT INTO forgotten VALUES ($1, $2, $3, $4) ON CONFLICT (sha256) DO UPDATE SET
         at_ms = excluded.at_ms, by = excluded.by, reason = excluded.reason",
        &[sha256, &at_ms.cast_signed(), by, reason],
    )?;
    log.write(db)
}

/// Deletes all artifacts and checkpoints of a recording, of any recipe, and its quarantines.
fn delete_artifacts(db: &mut Db<'_>, sha256: &str, log: &mut Log) -> Result<()> {
    let mut fingerprints: BTreeSet<String> = BTreeSet::new();
    for recipe in recordings::recipes(db)? {
        fingerprints.extend(recipe.fingerprints(sha256).iter().map(ToString::to_string));
    }
    // Of those whose key contains the hash, most are of the recording. Altered keys may contain anything.
    let sql = "SELECT fingerprint, key FROM artifact WHERE position($1::BYTEA IN key) > 0";
    for row in db.query(sql, &[&sha256.as_bytes()])? {
        if is_of_recording(&row.try_get::<_, Vec<u8>>(1)?, sha256) {
            fingerprints.insert(row.try_get(0)?);
        }
    }
    for fingerprint in fingerprints {
        db.execute("DELETE FROM artifact WHERE fingerprint = $1", &[&fingerprint])?;
        db.execute("DELETE FROM part WHERE fingerprint = $1", &[&fingerprint])?;
        let quarantined = db.execute("DELETE FROM quarantine WHERE fingerprint = $1", &[&fingerprint])? > 0;
        let lifted = fingerprint.parse().ok().filter(|_| quarantined);
        log.add(lifted.map(|fingerprint| Entry::QuarantineLifted { fingerprint }));
    }
    Ok(())
}

/// Deletes failures, and the texts of runs and incidents, that name the recording.
fn delete_texts(db: &mut Db<'_>, names: &Names, log: &mut Log) -> Result<()> {
    for run in runs::list(db, usize::MAX)? {
        let RunId(id) = run.id;
        if let Some((run, entry)) = names.without_command(&run, &log.digests())? {
            db.execute("UPDATE run SET command = $2 WHERE id = $1", &[&id, &run.command.as_bytes()])?;
            log.add([entry]);
        }
        for (index, (row, incident)) in incidents::rows(db, run.id)?.into_iter().enumerate() {
            if let Some((incident, entry)) = names.without_text(id, index + 1, &incident, &log.digests())? {
                let sql = "UPDATE incident SET recording = NULL, message = $2 WHERE id = $1";
                db.execute(sql, &[&row, &incident.message.as_bytes()])?;
                log.add([entry]);
            }
        }
        let failures = incidents::failures(db, run.id)?;
        for failure in failures.iter().filter(|failure| names.is_about(&failure.path, &failure.error)) {
            let path = path_bytes(&failure.path);
            db.execute("DELETE FROM failure WHERE run = $1 AND path = $2", &[&id, &path])?;
            let place = log.salt().path(&failure.path);
            log.add([Entry::FailureForgotten { run: id, place }]);
        }
    }
    Ok(())
}

pub(super) fn list(db: &mut Db<'_>) -> Result<Vec<Forgotten>> {
    let rows = db.query("SELECT sha256, at_ms, by, reason FROM forgotten ORDER BY at_ms, sha256", &[])?;
    let forgotten = |row: &postgres::Row| {
        let at_ms = row.try_get::<_, i64>(1)?.cast_unsigned();
        Ok(Forgotten { sha256: row.try_get(0)?, at_ms, by: row.try_get(2)?, reason: row.try_get(3)? })
    };
    rows.iter().map(forgotten).collect()
}
