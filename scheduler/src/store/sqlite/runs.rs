//! Runs, the leases of their batches, and their failures.

use rusqlite::{Connection, Row, TransactionBehavior, params};
use stage_core::StageError;

use super::{now_ms, path_bytes, path_from};
use crate::store::{Failure, Lease, LeaseEnd, Run, RunEnd, RunId, StoreError};

pub(super) fn begin(db: &mut Connection, command: &str, tool_version: &str) -> Result<RunId, StoreError> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute("UPDATE batch SET state = 'revoked' WHERE state = 'leased'", [])?;
    transaction.execute(
        "INSERT INTO run (command, tool_version, started_at_ms, state) VALUES (?1, ?2, ?3, 'running')",
        params![command, tool_version, now_ms()],
    )?;
    let run = RunId(transaction.last_insert_rowid());
    transaction.commit()?;
    Ok(run)
}

pub(super) fn end(db: &Connection, run: RunId, end: RunEnd) -> Result<(), StoreError> {
    db.execute("UPDATE run SET ended_at_ms = ?2, state = ?3 WHERE id = ?1", params![run.0, now_ms(), end_name(end)])?;
    Ok(())
}

pub(super) fn list(db: &Connection, most: usize) -> Result<Vec<Run>, StoreError> {
    let mut statement = db.prepare(
        "SELECT id, command, tool_version, started_at_ms, ended_at_ms, state FROM run ORDER BY id DESC LIMIT ?1",
    )?;
    let mut rows = statement.query([i64::try_from(most).unwrap_or(i64::MAX)])?;
    let mut runs = Vec::new();
    while let Some(row) = rows.next()? {
        runs.push(run_from(row)?);
    }
    Ok(runs)
}

fn run_from(row: &Row<'_>) -> Result<Run, StoreError> {
    let state: String = row.get(5)?;
    let ended_at_ms: Option<i64> = row.get(4)?;
    let ended = ended_at_ms.map(|at| Ok::<_, StoreError>((at.cast_unsigned(), end_from(&state)?))).transpose()?;
    Ok(Run {
        id: RunId(row.get(0)?),
        command: row.get(1)?,
        tool_version: row.get(2)?,
        started_at_ms: row.get::<_, i64>(3)?.cast_unsigned(),
        ended,
    })
}

const fn end_name(end: RunEnd) -> &'static str {
    match end {
        RunEnd::Finished => "finished",
        RunEnd::Interrupted => "interrupted",
        RunEnd::Broken => "broken",
    }
}

fn end_from(name: &str) -> Result<RunEnd, StoreError> {
    [RunEnd::Finished, RunEnd::Interrupted, RunEnd::Broken]
        .into_iter()
        .find(|end| end_name(*end) == name)
        .ok_or_else(|| StoreError::Unreadable { what: "state of a run", value: name.to_owned() })
}

pub(super) fn grant(db: &mut Connection, run: RunId) -> Result<Lease, StoreError> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let number: i64 = transaction
        .prepare_cached("UPDATE meta SET value = value + 1 WHERE key = 'lease' RETURNING value")?
        .query_row([], |row| row.get(0))?;
    transaction
        .prepare_cached("INSERT INTO batch (run, lease, state) VALUES (?1, ?2, 'leased')")?
        .execute([run.0, number])?;
    let lease = Lease { batch: transaction.last_insert_rowid(), number };
    transaction.commit()?;
    Ok(lease)
}

pub(super) fn release(db: &Connection, lease: Lease, end: LeaseEnd) -> Result<(), StoreError> {
    let state = match end {
        LeaseEnd::Finished => "finished",
        LeaseEnd::Revoked => "revoked",
    };
    db.prepare_cached("UPDATE batch SET state = ?3 WHERE id = ?1 AND lease = ?2 AND state = 'leased'")?
        .execute(params![lease.batch, lease.number, state])?;
    Ok(())
}

pub(super) fn record_failures(db: &mut Connection, run: RunId, failures: &[Failure]) -> Result<(), StoreError> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for failure in failures {
        transaction
            .prepare_cached("INSERT OR REPLACE INTO failure (run, path, error) VALUES (?1, ?2, ?3)")?
            .execute(params![run.0, path_bytes(&failure.path), serde_json::to_string(&failure.error)?])?;
    }
    Ok(transaction.commit()?)
}

pub(super) fn failures(db: &Connection, run: RunId) -> Result<Vec<Failure>, StoreError> {
    let mut statement = db.prepare("SELECT path, error FROM failure WHERE run = ?1 ORDER BY path")?;
    let mut rows = statement.query([run.0])?;
    let mut failures = Vec::new();
    while let Some(row) = rows.next()? {
        let error: String = row.get(1)?;
        let error: StageError =
            serde_json::from_str(&error).map_err(|_| StoreError::Unreadable { what: "failure", value: error })?;
        failures.push(Failure { path: path_from(row.get(0)?), error });
    }
    Ok(failures)
}
