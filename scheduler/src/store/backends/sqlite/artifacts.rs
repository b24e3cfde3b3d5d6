//! Artifacts. They are checked against their hashes when read.

use rusqlite::{Connection, OptionalExtension, Row, params};
use stage_core::Fingerprint;

use super::error::Result;
use crate::store::forget::is_of_recording;
use crate::store::raw::RawArtifact;
use crate::store::{Lookup, NewArtifact, StoreFault};

const COLUMNS: &str = "CAST(key AS BLOB), CAST(body AS BLOB), body_sha256, started_at_ms, duration_s, tool_version,
    device, computations, environment";

pub(super) fn lookup(db: &Connection, fingerprint: &Fingerprint) -> Result<Lookup> {
    let row = db
        .prepare_cached(&format!("SELECT {COLUMNS} FROM artifact WHERE fingerprint = ?1"))?
        .query_row([fingerprint.to_string()], raw_artifact)
        .optional()?;
    Ok(row.map_or(Lookup::Missing, |raw| raw.lookup(fingerprint)))
}

fn raw_artifact(row: &Row<'_>) -> rusqlite::Result<RawArtifact> {
    Ok(RawArtifact {
        key: row.get(0)?,
        body: row.get(1)?,
        body_sha256: row.get(2)?,
        started_at_ms: row.get::<_, i64>(3)?.cast_unsigned(),
        duration_s: row.get(4)?,
        tool_version: row.get(5)?,
        device: row.get(6)?,
        computations: row.get::<_, i64>(7)?.cast_unsigned(),
        environment: row.get(8)?,
    })
}

/// Writes an artifact. Returns false if it is stored already and `replace` is false.
pub(super) fn put(db: &Connection, fingerprint: &str, artifact: &NewArtifact, replace: bool) -> Result<bool> {
    if !replace && exists(db, fingerprint)? {
        db.prepare_cached("UPDATE artifact SET computations = computations + 1 WHERE fingerprint = ?1")?
            .execute([fingerprint])?;
        return Ok(false);
    }
    let raw = RawArtifact::new(artifact)?;
    db.prepare_cached(
        "INSERT INTO artifact VALUES (?1, CAST(?2 AS TEXT), ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
         ON CONFLICT (fingerprint) DO UPDATE SET
         key = excluded.key, body = excluded.body, body_sha256 = excluded.body_sha256,
         started_at_ms = excluded.started_at_ms, duration_s = excluded.duration_s,
         tool_version = excluded.tool_version, device = excluded.device, environment = excluded.environment,
         computations = computations + 1",
    )?
    .execute(params![
        fingerprint,
        raw.key,
        artifact.body,
        raw.body_sha256,
        raw.started_at_ms.cast_signed(),
        raw.duration_s,
        raw.tool_version,
        raw.device,
        raw.computations.cast_signed(),
        raw.environment,
    ])?;
    Ok(true)
}

/// Whether an artifact is stored, altered or not.
pub(super) fn exists(db: &Connection, fingerprint: &str) -> Result<bool> {
    Ok(db.prepare_cached("SELECT 1 FROM artifact WHERE fingerprint = ?1")?.exists([fingerprint])?)
}

/// The names of all artifacts.
pub(super) fn names(db: &Connection) -> Result<Vec<String>> {
    let mut statement = db.prepare("SELECT fingerprint FROM artifact ORDER BY fingerprint")?;
    let names = statement.query_map([], |row| row.get(0))?;
    Ok(names.collect::<rusqlite::Result<_>>()?)
}

/// The names of the artifacts whose key names a recording.
pub(super) fn of_recording(db: &Connection, sha256: &str) -> Result<Vec<String>> {
    let mut statement = db.prepare("SELECT fingerprint, CAST(key AS BLOB) FROM artifact ORDER BY fingerprint")?;
    let mut rows = statement.query([])?;
    let mut names = Vec::new();
    while let Some(row) = rows.next()? {
        if is_of_recording(&row.get::<_, Vec<u8>>(1)?, sha256) {
            names.push(row.get(0)?);
        }
    }
    Ok(names)
}

/// Checks every artifact against its fingerprint and hash; returns their number.
pub(super) fn check(db: &Connection, faults: &mut Vec<StoreFault>) -> Result<usize> {
    let mut statement = db.prepare(&format!("SELECT {COLUMNS}, fingerprint FROM artifact ORDER BY fingerprint"))?;
    let mut rows = statement.query([])?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        count += 1;
        let name: String = row.get("fingerprint")?;
        faults.extend(raw_artifact(row)?.fault(&name));
    }
    Ok(count)
}
