//! Artifacts: checked against their hashes when read.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use stage_core::{Fingerprint, StageKey, Tool, sha256_hex};

use crate::store::{Alteration, Lookup, NewArtifact, StoreError, StoreFault, StoredArtifact};

const COLUMNS: &str = "CAST(key AS BLOB), CAST(body AS BLOB), body_sha256, started_at_ms, duration_s, tool_version,
    device, computations, environment";

/// A row before its body and key are checked.
struct Unchecked {
    key: Vec<u8>,
    body: Vec<u8>,
    body_sha256: String,
    started_at_ms: u64,
    duration_s: f64,
    tool_version: String,
    device: String,
    computations: u64,
    environment: Option<String>,
}

/// What a [`Tool`] is beside its version, as it is stored.
#[derive(Default, Serialize, Deserialize)]
struct Environment {
    instruction_set: Option<String>,
    libraries: BTreeMap<String, String>,
}

pub(super) fn lookup(db: &Connection, fingerprint: &Fingerprint) -> Result<Lookup, StoreError> {
    let row = db
        .prepare_cached(&format!("SELECT {COLUMNS} FROM artifact WHERE fingerprint = ?1"))?
        .query_row([fingerprint.to_string()], unchecked)
        .optional()?;
    Ok(row.map_or(Lookup::Missing, |row| match row.check(fingerprint) {
        Ok(artifact) => Lookup::Sound(Box::new(artifact)),
        Err(alteration) => Lookup::Altered(alteration),
    }))
}

fn unchecked(row: &Row<'_>) -> rusqlite::Result<Unchecked> {
    Ok(Unchecked {
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

impl Unchecked {
    fn check(self, fingerprint: &Fingerprint) -> Result<StoredArtifact, Alteration> {
        let found_sha256 = sha256_hex(&self.body);
        let body = String::from_utf8(self.body).ok().filter(|_| found_sha256 == self.body_sha256);
        let body = body.ok_or_else(|| Alteration::Body { expected_sha256: self.body_sha256.clone(), found_sha256 })?;
        let key = serde_json::from_slice::<StageKey>(&self.key).ok();
        let found = key.as_ref().map(StageKey::fingerprint);
        let key =
            key.filter(|_| found == Some(*fingerprint)).ok_or(Alteration::Key { expected: *fingerprint, found })?;
        // What an older version did not record, or nobody can read, is not known: it is no part of the evidence itself.
        let environment = self.environment.and_then(|text| serde_json::from_str(&text).ok());
        let Environment { instruction_set, libraries } = environment.unwrap_or_default();
        let artifact = NewArtifact {
            key,
            body,
            started_at_ms: self.started_at_ms,
            duration_s: self.duration_s,
            tool: Tool { version: self.tool_version, instruction_set, libraries },
            device: self.device,
        };
        Ok(StoredArtifact { artifact, body_sha256: self.body_sha256, computations: self.computations })
    }
}

/// Writes an artifact; false if one of its name was on record and is not to be replaced.
pub(super) fn put(
    db: &Connection,
    fingerprint: &str,
    artifact: &NewArtifact,
    replace: bool,
) -> Result<bool, StoreError> {
    if !replace && is_there(db, fingerprint)? {
        db.prepare_cached("UPDATE artifact SET computations = computations + 1 WHERE fingerprint = ?1")?
            .execute([fingerprint])?;
        return Ok(false);
    }
    let NewArtifact { key, body, started_at_ms, duration_s, tool, device } = artifact;
    let Tool { version, instruction_set, libraries } = tool.clone();
    let environment = serde_json::to_string(&Environment { instruction_set, libraries })?;
    db.prepare_cached(
        "INSERT INTO artifact VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 1, ?9) ON CONFLICT (fingerprint) DO UPDATE SET
         key = excluded.key, body = excluded.body, body_sha256 = excluded.body_sha256,
         started_at_ms = excluded.started_at_ms, duration_s = excluded.duration_s,
         tool_version = excluded.tool_version, device = excluded.device, environment = excluded.environment,
         computations = computations + 1",
    )?
    .execute(params![
        fingerprint,
        serde_json::to_string(key)?,
        body,
        sha256_hex(body.as_bytes()),
        started_at_ms.cast_signed(),
        duration_s,
        version,
        device,
        environment,
    ])?;
    Ok(true)
}

/// Whether an artifact of this name is on record, sound or not.
pub(super) fn is_there(db: &Connection, fingerprint: &str) -> Result<bool, StoreError> {
    Ok(db.prepare_cached("SELECT 1 FROM artifact WHERE fingerprint = ?1")?.exists([fingerprint])?)
}

/// Holds every artifact against its name and hash; gives their number.
pub(super) fn check(db: &Connection, faults: &mut Vec<StoreFault>) -> Result<usize, StoreError> {
    let mut statement = db.prepare(&format!("SELECT {COLUMNS}, fingerprint FROM artifact ORDER BY fingerprint"))?;
    let mut rows = statement.query([])?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        count += 1;
        let name: String = row.get("fingerprint")?;
        match name.parse() {
            Err(_) => faults.push(StoreFault::Name { name }),
            Ok(fingerprint) => {
                if let Err(alteration) = unchecked(row)?.check(&fingerprint) {
                    faults.push(StoreFault::Artifact { fingerprint, alteration });
                }
            }
        }
    }
    Ok(count)
}
