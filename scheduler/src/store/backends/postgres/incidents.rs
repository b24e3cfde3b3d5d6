//! Incidents, failed recordings and quarantined recordings of runs.

use postgres::Row;
use stage_core::Fingerprint;

use super::custody::Log;
use super::error::Result;
use super::runs::text;
use super::session::Db;
use crate::store::raw::{incident_kind, path_bytes, path_from, pipeline_error, quarantine_fingerprint};
use crate::store::{Entry, Failure, Incident, Quarantine, RunId};

pub(super) fn record(db: &mut Db<'_>, run: RunId, incidents: &[Incident]) -> Result<()> {
    let mut log = Log::lock(db, Some(run))?;
    put(db, run, incidents)?;
    let entries = log.digests().incident_entries(run, incidents)?;
    log.add(entries);
    log.write(db)
}

/// Stores incidents, in the transaction of the caller, who adds them to the custody log.
pub(super) fn put(db: &mut Db<'_>, run: RunId, incidents: &[Incident]) -> Result<()> {
    for Incident { at_ms, kind, worker, recording, message } in incidents {
        let recording = recording.as_deref().map(path_bytes);
        db.execute(
            "INSERT INTO incident (run, at_ms, kind, worker, recording, message) VALUES ($1, $2, $3, $4, $5, $6)",
            &[&run.0, &at_ms.cast_signed(), &kind.name(), worker, &recording, &message.as_bytes()],
        )?;
    }
    Ok(())
}

pub(super) fn list(db: &mut Db<'_>, run: RunId) -> Result<Vec<Incident>> {
    let sql = "SELECT at_ms, kind, worker, recording, message FROM incident WHERE run = $1 ORDER BY id";
    let incident = |row: &Row| {
        Ok(Incident {
            at_ms: row.try_get::<_, i64>(0)?.cast_unsigned(),
            kind: incident_kind(row.try_get(1)?)?,
            worker: row.try_get(2)?,
            recording: row.try_get::<_, Option<Vec<u8>>>(3)?.map(path_from),
            message: text(row, 4)?,
        })
    };
    db.query(sql, &[&run.0])?.iter().map(incident).collect()
}

pub(super) fn record_failures(db: &mut Db<'_>, run: RunId, failures: &[Failure]) -> Result<()> {
    let mut log = Log::lock(db, Some(run))?;
    for failure in failures {
        db.execute(
            "INSERT INTO failure VALUES ($1, $2, $3) ON CONFLICT (run, path) DO UPDATE SET error = excluded.error",
            &[&run.0, &path_bytes(&failure.path), &serde_json::to_string(&failure.error)?],
        )?;
    }
    let entries = log.digests().failure_entries(run, failures)?;
    log.add(entries);
    log.write(db)
}

pub(super) fn failures(db: &mut Db<'_>, run: RunId) -> Result<Vec<Failure>> {
    let rows = db.query("SELECT path, error FROM failure WHERE run = $1 ORDER BY path", &[&run.0])?;
    let failure = |row: &Row| Ok(Failure { path: path_from(row.try_get(0)?), error: pipeline_error(row.try_get(1)?)? });
    rows.iter().map(failure).collect()
}

pub(super) fn quarantine(db: &mut Db<'_>, run: RunId, entries: &[Quarantine]) -> Result<()> {
    let mut log = Log::lock(db, Some(run))?;
    for Quarantine { fingerprint, path, error } in entries {
        db.execute(
            "INSERT INTO quarantine VALUES ($1, $2, $3, $4) ON CONFLICT (fingerprint) DO UPDATE SET
             run = excluded.run, path = excluded.path, error = excluded.error",
            &[&fingerprint.to_string(), &run.0, &path_bytes(path), &serde_json::to_string(error)?],
        )?;
    }
    let entries = log.digests().quarantine_entries(entries)?;
    log.add(entries);
    log.write(db)
}

pub(super) fn quarantined(db: &mut Db<'_>, fingerprint: &Fingerprint) -> Result<Option<Quarantine>> {
    let sql = "SELECT fingerprint, path, error FROM quarantine WHERE fingerprint = $1";
    db.first(sql, &[&fingerprint.to_string()])?.as_ref().map(quarantine_from).transpose()
}

pub(super) fn quarantines(db: &mut Db<'_>) -> Result<Vec<Quarantine>> {
    let sql = "SELECT fingerprint, path, error FROM quarantine ORDER BY path, fingerprint";
    db.query(sql, &[])?.iter().map(quarantine_from).collect()
}

pub(super) fn lift_quarantine(db: &mut Db<'_>, fingerprints: &[Fingerprint], by: Option<RunId>) -> Result<()> {
    let mut log = Log::lock(db, by)?;
    for fingerprint in fingerprints {
        if db.execute("DELETE FROM quarantine WHERE fingerprint = $1", &[&fingerprint.to_string()])? > 0 {
            log.add([Entry::QuarantineLifted { fingerprint: *fingerprint }]);
        }
    }
    log.write(db)
}

fn quarantine_from(row: &Row) -> Result<Quarantine> {
    Ok(Quarantine {
        fingerprint: quarantine_fingerprint(row.try_get(0)?)?,
        path: path_from(row.try_get(1)?),
        error: pipeline_error(row.try_get(2)?)?,
    })
}
