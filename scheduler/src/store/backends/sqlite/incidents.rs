//! Incidents, failed recordings and quarantined recordings of runs.

use rusqlite::{Connection, OptionalExtension, Row, params};
use stage_core::Fingerprint;

use super::error::Result;
use super::{custody, transaction};
use crate::store::custody::Digests;
use crate::store::raw::{incident_kind, path_bytes, path_from, pipeline_error, quarantine_fingerprint};
use crate::store::{Entry, Failure, Incident, Quarantine, RunId};

pub(super) fn record(db: &mut Connection, run: RunId, incidents: &[Incident]) -> Result<()> {
    transaction::write(db, |db| {
        put(db, run, incidents)?;
        let salt = custody::salt(db)?;
        custody::append(db, Digests(&salt).incident_entries(run, incidents)?)
    })
}

/// Stores incidents, in the transaction of the caller, who adds them to the custody log.
pub(super) fn put(db: &Connection, run: RunId, incidents: &[Incident]) -> Result<()> {
    let mut put = db.prepare_cached(
        "INSERT INTO incident (run, at_ms, kind, worker, recording, message) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for Incident { at_ms, kind, worker, recording, message } in incidents {
        let recording = recording.as_deref().map(path_bytes);
        put.execute(params![run.0, at_ms.cast_signed(), kind.name(), worker, recording, message])?;
    }
    Ok(())
}

pub(super) fn list(db: &Connection, run: RunId) -> Result<Vec<Incident>> {
    let mut statement =
        db.prepare("SELECT at_ms, kind, worker, recording, message FROM incident WHERE run = ?1 ORDER BY id")?;
    let mut rows = statement.query([run.0])?;
    let mut incidents = Vec::new();
    while let Some(row) = rows.next()? {
        incidents.push(Incident {
            at_ms: row.get::<_, i64>(0)?.cast_unsigned(),
            kind: incident_kind(row.get(1)?)?,
            worker: row.get(2)?,
            recording: row.get::<_, Option<Vec<u8>>>(3)?.map(path_from),
            message: row.get(4)?,
        });
    }
    Ok(incidents)
}

pub(super) fn record_failures(db: &mut Connection, run: RunId, failures: &[Failure]) -> Result<()> {
    transaction::write(db, |db| {
        let mut put = db.prepare_cached("INSERT OR REPLACE INTO failure (run, path, error) VALUES (?1, ?2, ?3)")?;
        for failure in failures {
            put.execute(params![run.0, path_bytes(&failure.path), serde_json::to_string(&failure.error)?])?;
        }
        let salt = custody::salt(db)?;
        custody::append(db, Digests(&salt).failure_entries(run, failures)?)
    })
}

pub(super) fn failures(db: &Connection, run: RunId) -> Result<Vec<Failure>> {
    let mut statement = db.prepare("SELECT path, error FROM failure WHERE run = ?1 ORDER BY path")?;
    let mut rows = statement.query([run.0])?;
    let mut failures = Vec::new();
    while let Some(row) = rows.next()? {
        failures.push(Failure { path: path_from(row.get(0)?), error: pipeline_error(row.get(1)?)? });
    }
    Ok(failures)
}

pub(super) fn quarantine(db: &mut Connection, run: RunId, entries: &[Quarantine]) -> Result<()> {
    transaction::write(db, |db| {
        let mut put = db.prepare_cached("INSERT OR REPLACE INTO quarantine VALUES (?1, ?2, ?3, ?4)")?;
        for Quarantine { fingerprint, path, error } in entries {
            let error = serde_json::to_string(error)?;
            put.execute(params![fingerprint.to_string(), run.0, path_bytes(path), error])?;
        }
        let salt = custody::salt(db)?;
        custody::append(db, Digests(&salt).quarantine_entries(entries)?)
    })
}

pub(super) fn quarantined(db: &Connection, fingerprint: &Fingerprint) -> Result<Option<Quarantine>> {
    db.prepare_cached("SELECT fingerprint, path, error FROM quarantine WHERE fingerprint = ?1")?
        .query_row([fingerprint.to_string()], |row| Ok(quarantine_from(row)))
        .optional()?
        .transpose()
}

pub(super) fn quarantines(db: &Connection) -> Result<Vec<Quarantine>> {
    let mut statement = db.prepare("SELECT fingerprint, path, error FROM quarantine ORDER BY path, fingerprint")?;
    let mut rows = statement.query([])?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        entries.push(quarantine_from(row)?);
    }
    Ok(entries)
}

pub(super) fn lift_quarantine(db: &mut Connection, fingerprints: &[Fingerprint]) -> Result<()> {
    transaction::write(db, |db| {
        let mut lift = db.prepare_cached("DELETE FROM quarantine WHERE fingerprint = ?1")?;
        let mut lifted = Vec::new();
        for fingerprint in fingerprints {
            if lift.execute([fingerprint.to_string()])? > 0 {
                lifted.push(Entry::QuarantineLifted { fingerprint: *fingerprint });
            }
        }
        custody::append(db, lifted)
    })
}

fn quarantine_from(row: &Row<'_>) -> Result<Quarantine> {
    Ok(Quarantine {
        fingerprint: quarantine_fingerprint(row.get(0)?)?,
        path: path_from(row.get(1)?),
        error: pipeline_error(row.get(2)?)?,
    })
}
