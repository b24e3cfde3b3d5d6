//! Artifacts: checked when read, fenced by the lease when written.

use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params};
use stage_core::{Fingerprint, StageKey, sha256_hex};

use crate::store::{Alteration, Commit, Committed, Lease, Lookup, NewArtifact, StoreError, StoredArtifact};

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
}

pub(super) fn lookup(db: &Connection, fingerprint: &Fingerprint) -> Result<Lookup, StoreError> {
    let row = db
        .prepare_cached(
            "SELECT CAST(key AS BLOB), CAST(body AS BLOB), body_sha256, started_at_ms, duration_s, tool_version,
             device, computations FROM artifact WHERE fingerprint = ?1",
        )?
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
        let artifact = NewArtifact {
            key,
            body,
            started_at_ms: self.started_at_ms,
            duration_s: self.duration_s,
            tool_version: self.tool_version,
            device: self.device,
        };
        Ok(StoredArtifact { artifact, body_sha256: self.body_sha256, computations: self.computations })
    }
}

pub(super) fn commit(db: &mut Connection, group: &[Commit]) -> Result<Vec<Committed>, StoreError> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let outcomes = group.iter().map(|commit| write(&transaction, commit)).collect::<Result<Vec<_>, _>>()?;
    transaction.commit()?;
    Ok(outcomes)
}

fn write(db: &Transaction<'_>, commit: &Commit) -> Result<Committed, StoreError> {
    if !is_live(db, commit.lease)? {
        return Ok(Committed::StaleLease);
    }
    let NewArtifact { key, body, started_at_ms, duration_s, tool_version, device } = &commit.artifact;
    let on_conflict = if commit.replace {
        "DO UPDATE SET key = excluded.key, body = excluded.body, body_sha256 = excluded.body_sha256,
         started_at_ms = excluded.started_at_ms, duration_s = excluded.duration_s,
         tool_version = excluded.tool_version, device = excluded.device, computations = computations + 1"
    } else {
        "DO NOTHING"
    };
    let changed = db
        .prepare_cached(&format!(
            "INSERT INTO artifact VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 1) ON CONFLICT (fingerprint) {on_conflict}"
        ))?
        .execute(params![
            key.fingerprint().to_string(),
            serde_json::to_string(key)?,
            body,
            sha256_hex(body.as_bytes()),
            started_at_ms.cast_signed(),
            duration_s,
            tool_version,
            device,
        ])?;
    Ok(if changed == 0 { Committed::AlreadyThere } else { Committed::Written })
}

fn is_live(db: &Transaction<'_>, lease: Lease) -> Result<bool, StoreError> {
    Ok(db
        .prepare_cached("SELECT 1 FROM batch WHERE id = ?1 AND lease = ?2 AND state = 'leased'")?
        .exists(params![lease.batch, lease.number])?)
}
