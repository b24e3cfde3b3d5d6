//! Artifacts. They are checked against their hashes when read.

use postgres::Row;
use stage_core::Fingerprint;

use super::error::Result;
use super::session::Db;
use crate::store::forget::is_of_recording;
use crate::store::raw::RawArtifact;
use crate::store::{Lookup, NewArtifact, StoreFault};

pub(super) fn lookup(db: &mut Db<'_>, fingerprint: &Fingerprint) -> Result<Lookup> {
    let sql =
        "SELECT key, body, body_sha256, started_at_ms, duration_s, tool_version, device, computations, environment
         FROM artifact WHERE fingerprint = $1";
    let row = db.first(sql, &[&fingerprint.to_string()])?;
    row.map_or(Ok(Lookup::Missing), |row| Ok(raw_artifact(&row)?.lookup(fingerprint)))
}

fn raw_artifact(row: &Row) -> Result<RawArtifact> {
    Ok(RawArtifact {
        key: row.try_get(0)?,
        body: row.try_get(1)?,
        body_sha256: row.try_get(2)?,
        started_at_ms: row.try_get::<_, i64>(3)?.cast_unsigned(),
        duration_s: row.try_get(4)?,
        tool_version: row.try_get(5)?,
        device: row.try_get(6)?,
        computations: row.try_get::<_, i64>(7)?.cast_unsigned(),
        environment: row.try_get(8)?,
    })
}

/// Writes an artifact. Returns false if it is stored already and `replace` is false.
pub(super) fn put(db: &mut Db<'_>, fingerprint: &str, artifact: &NewArtifact, replace: bool) -> Result<bool> {
    let raw = RawArtifact::new(artifact)?;
    let (keep, overwrite) = (
        "INSERT INTO artifact VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (fingerprint) DO NOTHING",
        "INSERT INTO artifact VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         ON CONFLICT (fingerprint) DO UPDATE SET
         key = excluded.key, body = excluded.body, body_sha256 = excluded.body_sha256,
         started_at_ms = excluded.started_at_ms, duration_s = excluded.duration_s,
         tool_version = excluded.tool_version, device = excluded.device, environment = excluded.environment,
         computations = artifact.computations + 1",
    );
    let written = db.execute(
        if replace { overwrite } else { keep },
        &[
            &fingerprint,
            &raw.key,
            &raw.body,
            &raw.body_sha256,
            &raw.started_at_ms.cast_signed(),
            &raw.duration_s,
            &raw.tool_version,
            &raw.device,
            &raw.computations.cast_signed(),
            &raw.environment,
        ],
    )?;
    if written == 0 {
        db.execute("UPDATE artifact SET computations = computations + 1 WHERE fingerprint = $1", &[&fingerprint])?;
    }
    Ok(written > 0)
}

/// Whether an artifact is stored, altered or not.
pub(super) fn exists(db: &mut Db<'_>, fingerprint: &str) -> Result<bool> {
    Ok(db.first("SELECT 1 FROM artifact WHERE fingerprint = $1", &[&fingerprint])?.is_some())
}

/// The names of all artifacts.
pub(super) fn names(db: &mut Db<'_>) -> Result<Vec<String>> {
    let rows = db.query("SELECT fingerprint FROM artifact ORDER BY fingerprint", &[])?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// The names of the artifacts whose key is one of this recording.
pub(super) fn of_recording(db: &mut Db<'_>, sha256: &str) -> Result<Vec<String>> {
    // Of those whose key contains the hash, most are of the recording. Altered keys may contain anything.
    let sql = "SELECT fingerprint, key FROM artifact WHERE position($1::BYTEA IN key) > 0 ORDER BY fingerprint";
    let mut names = Vec::new();
    for row in db.query(sql, &[&sha256.as_bytes()])? {
        if is_of_recording(&row.try_get::<_, Vec<u8>>(1)?, sha256) {
            names.push(row.try_get(0)?);
        }
    }
    Ok(names)
}

/// Checks every artifact against its fingerprint and hash; returns their number.
pub(super) fn check(db: &mut Db<'_>, faults: &mut Vec<StoreFault>) -> Result<usize> {
    let mut count = 0;
    let sql = "SELECT key, body, body_sha256, started_at_ms, duration_s, tool_version, device, computations,
         environment, fingerprint FROM artifact ORDER BY fingerprint";
    db.stream(sql, |row| {
        count += 1;
        faults.extend(raw_artifact(row)?.fault(row.try_get(9)?));
        Ok(())
    })?;
    Ok(count)
}
