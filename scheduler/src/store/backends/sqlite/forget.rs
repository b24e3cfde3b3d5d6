//! Deletes the content of a recording, in one transaction, and leaves its hash.

use std::collections::BTreeSet;

use rusqlite::{Connection, Transaction, params};

use super::error::Result;
use super::{custody, incidents, recordings, runs, transaction};
use crate::store::custody::Digests;
use crate::store::forget::{Names, is_of_recording};
use crate::store::raw::path_bytes;
use crate::store::{Entry, Forgotten, RunId};

pub(super) fn forget(db: &mut Connection, forgotten: &Forgotten) -> Result<()> {
    transaction::write(db, |db| {
        let salt = custody::salt(db)?;
        let digests = Digests(&salt);
        let names = Names::new(recordings::places(db, &forgotten.sha256)?);
        let mut entries =
            vec![Entry::Forgotten { recording: forgotten.sha256.clone(), record: digests.forgotten(forgotten)? }];
        delete_artifacts(db, &forgotten.sha256, &mut entries)?;
        delete_texts(db, &names, &digests, &mut entries)?;
        for table in [
            "recording WHERE file_sha256",
            "place WHERE file_sha256",
            "input WHERE sha256",
            "output WHERE recording",
            "review WHERE recording",
        ] {
            db.execute(&format!("DELETE FROM {table} = ?1"), [&forgotten.sha256])?;
        }
        let Forgotten { sha256, at_ms, by, reason } = forgotten;
        db.execute(
            "INSERT OR REPLACE INTO forgotten VALUES (?1, ?2, ?3, ?4)",
            params![sha256, at_ms.cast_signed(), by, reason],
        )?;
        custody::append(db, entries)
    })
}

/// Deletes all artifacts and checkpoints of a recording, of any recipe, and its quarantines.
fn delete_artifacts(db: &Transaction<'_>, sha256: &str, entries: &mut Vec<Entry>) -> Result<()> {
    let mut fingerprints: BTreeSet<String> = BTreeSet::new();
    for recipe in recordings::recipes(db)? {
        fingerprints.extend(recipe.fingerprints(sha256).iter().map(ToString::to_string));
    }
    let mut artifacts = db.prepare("SELECT fingerprint, key FROM artifact")?;
    let mut rows = artifacts.query([])?;
    while let Some(row) = rows.next()? {
        if is_of_recording(row.get::<_, String>(1)?.as_bytes(), sha256) {
            fingerprints.insert(row.get(0)?);
        }
    }
    for fingerprint in fingerprints {
        for table in ["artifact", "part"] {
            db.execute(&format!("DELETE FROM {table} WHERE fingerprint = ?1"), [&fingerprint])?;
        }
        let quarantined = db.execute("DELETE FROM quarantine WHERE fingerprint = ?1", [&fingerprint])? > 0;
        let lifted = fingerprint.parse().ok().filter(|_| quarantined);
        entries.extend(lifted.map(|fingerprint| Entry::QuarantineLifted { fingerprint }));
    }
    Ok(())
}

/// Deletes failures, and the texts of runs and incidents, that name the recording.
fn delete_texts(db: &Transaction<'_>, names: &Names, digests: &Digests<'_>, entries: &mut Vec<Entry>) -> Result<()> {
    for run in runs::list(db, usize::MAX)? {
        let RunId(id) = run.id;
        if let Some((run, entry)) = names.without_command(&run, digests)? {
            db.execute("UPDATE run SET command = ?2 WHERE id = ?1", params![id, run.command])?;
            entries.push(entry);
        }
        for (index, (row, incident)) in incidents::rows(db, run.id)?.into_iter().enumerate() {
            if let Some((incident, entry)) = names.without_text(id, index + 1, &incident, digests)? {
                db.execute(
                    "UPDATE incident SET recording = NULL, message = ?2 WHERE id = ?1",
                    params![row, incident.message],
                )?;
                entries.push(entry);
            }
        }
        for failure in
            incidents::failures(db, run.id)?.iter().filter(|failure| names.is_about(&failure.path, &failure.error))
        {
            db.execute("DELETE FROM failure WHERE run = ?1 AND path = ?2", params![id, path_bytes(&failure.path)])?;
            entries.push(Entry::FailureForgotten { run: id, place: digests.0.path(&failure.path) });
        }
    }
    Ok(())
}

pub(super) fn list(db: &Connection) -> Result<Vec<Forgotten>> {
    let mut statement = db.prepare("SELECT sha256, at_ms, by, reason FROM forgotten ORDER BY at_ms, sha256")?;
    let row = |row: &rusqlite::Row<'_>| {
        let at_ms = row.get::<_, i64>(1)?.cast_unsigned();
        Ok(Forgotten { sha256: row.get(0)?, at_ms, by: row.get(2)?, reason: row.get(3)? })
    };
    Ok(statement.query_map([], row)?.collect::<rusqlite::Result<_>>()?)
}
