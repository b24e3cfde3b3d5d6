//! Artifacts. They are checked against their hashes when read.

use std::collections::BTreeSet;

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

/// Artifacts as arrays, one per column.
#[derive(Default)]
struct Columns<'a> {
    fingerprints: Vec<&'a str>,
    keys: Vec<Vec<u8>>,
    bodies: Vec<Vec<u8>>,
    hashes: Vec<String>,
    started: Vec<i64>,
    durations: Vec<f64>,
    versions: Vec<String>,
    devices: Vec<String>,
    computations: Vec<i64>,
    environments: Vec<Option<String>>,
}

impl<'a> Columns<'a> {
    fn add(&mut self, fingerprint: &'a str, artifact: &NewArtifact) -> Result<()> {
        let raw = RawArtifact::new(artifact)?;
        self.fingerprints.push(fingerprint);
        self.keys.push(raw.key);
        self.bodies.push(raw.body);
        self.hashes.push(raw.body_sha256);
        self.started.push(raw.started_at_ms.cast_signed());
        self.durations.push(raw.duration_s);
        self.versions.push(raw.tool_version);
        self.devices.push(raw.device);
        self.computations.push(raw.computations.cast_signed());
        self.environments.push(raw.environment);
        Ok(())
    }

    /// Inserts them. Returns the fingerprints of those that were written.
    fn insert(&self, db: &mut Db<'_>, sql: &'static str) -> Result<BTreeSet<String>> {
        if self.fingerprints.is_empty() {
            return Ok(BTreeSet::new());
        }
        let Self { fingerprints, keys, bodies, hashes, started, durations, .. } = self;
        let Self { versions, devices, computations, environments, .. } = self;
        let rows = db.query(
            sql,
            &[fingerprints, keys, bodies, hashes, started, durations, versions, devices, computations, environments],
        )?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }
}

/// Writes artifacts with different fingerprints. One that is stored already is written only if it replaces it. Returns the
/// fingerprints of those that were written.
pub(super) fn put(db: &mut Db<'_>, artifacts: &[(&String, &NewArtifact, bool)]) -> Result<BTreeSet<String>> {
    let (mut keeping, mut replacing) = (Columns::default(), Columns::default());
    for (fingerprint, artifact, replaces) in artifacts {
        if *replaces { &mut replacing } else { &mut keeping }.add(fingerprint, artifact)?;
    }
    let mut written = keeping.insert(
        db,
        "INSERT INTO artifact SELECT * FROM unnest($1::TEXT[], $2::BYTEA[], $3::BYTEA[], $4::TEXT[], $5::BIGINT[],
             $6::DOUBLE PRECISION[], $7::TEXT[], $8::TEXT[], $9::BIGINT[], $10::TEXT[])
         ON CONFLICT (fingerprint) DO NOTHING RETURNING fingerprint",
    )?;
    written.extend(replacing.insert(
        db,
        "INSERT INTO artifact SELECT * FROM unnest($1::TEXT[], $2::BYTEA[], $3::BYTEA[], $4::TEXT[], $5::BIGINT[],
             $6::DOUBLE PRECISION[], $7::TEXT[], $8::TEXT[], $9::BIGINT[], $10::TEXT[])
         ON CONFLICT (fingerprint) DO UPDATE SET
         key = excluded.key, body = excluded.body, body_sha256 = excluded.body_sha256,
         started_at_ms = excluded.started_at_ms, duration_s = excluded.duration_s,
         tool_version = excluded.tool_version, device = excluded.device, environment = excluded.environment,
         computations = artifact.computations + 1 RETURNING fingerprint",
    )?);
    let known: Vec<_> = keeping.fingerprints.iter().filter(|fingerprint| !written.contains(**fingerprint)).collect();
    if !known.is_empty() {
        db.execute("UPDATE artifact SET computations = computations + 1 WHERE fingerprint = ANY ($1)", &[&known])?;
    }
    Ok(written)
}

/// Those of these artifacts that are stored, altered or not.
pub(super) fn stored(db: &mut Db<'_>, fingerprints: &[&String]) -> Result<BTreeSet<String>> {
    let rows = db.query("SELECT fingerprint FROM artifact WHERE fingerprint = ANY ($1)", &[&fingerprints])?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
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
