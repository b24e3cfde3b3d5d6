//! Runs: when they started and how they ended.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::error::Result;
use super::{commits, custody, transaction};
use crate::clock::now_ms;
use crate::store::custody::Digests;
use crate::store::raw::{run_end, run_end_name};
use crate::store::{NewRun, Run, RunEnd, RunId, StoreError};

pub(super) fn begin(db: &mut Connection, run: &NewRun) -> Result<RunId> {
    transaction::write(db, |db| {
        commits::revoke_all(db)?;
        let (started_at_ms, pid) = (now_ms(), std::process::id());
        db.execute(
            "INSERT INTO run (command, tool_version, started_at_ms, state, priority, pid)
             VALUES (?1, ?2, ?3, 'running', ?4, ?5)",
            params![run.command, run.tool_version, started_at_ms.cast_signed(), run.priority, pid],
        )?;
        let id = RunId(db.last_insert_rowid());
        let salt = custody::salt(db)?;
        custody::append(db, [Digests(&salt).run_began_entry(&run.begun(id, pid, started_at_ms), run)?])?;
        Ok(id)
    })
}

pub(super) fn end(db: &mut Connection, run: RunId, end: RunEnd) -> Result<()> {
    transaction::write(db, |db| {
        db.execute(
            "UPDATE run SET ended_at_ms = ?2, state = ?3 WHERE id = ?1",
            params![run.0, now_ms().cast_signed(), run_end_name(end)],
        )?;
        let salt = custody::salt(db)?;
        let ended = one(db, run)?;
        custody::append(db, ended.map(|run| Digests(&salt).run_ended_entry(&run)).transpose()?.flatten())
    })
}

pub(super) fn list(db: &Connection, most: usize) -> Result<Vec<Run>> {
    let mut statement = db.prepare(
        "SELECT id, command, tool_version, started_at_ms, ended_at_ms, state, priority, pid FROM run
         ORDER BY id DESC LIMIT ?1",
    )?;
    let mut rows = statement.query([i64::try_from(most).unwrap_or(i64::MAX)])?;
    let mut runs = Vec::new();
    while let Some(row) = rows.next()? {
        runs.push(run_from(row)?);
    }
    Ok(runs)
}

fn one(db: &Connection, run: RunId) -> Result<Option<Run>> {
    let sql =
        "SELECT id, command, tool_version, started_at_ms, ended_at_ms, state, priority, pid FROM run WHERE id = ?1";
    db.prepare_cached(sql)?.query_row([run.0], |row| Ok(run_from(row))).optional()?.transpose()
}

fn run_from(row: &Row<'_>) -> Result<Run> {
    let state: String = row.get(5)?;
    let ended_at_ms: Option<i64> = row.get(4)?;
    let ended = ended_at_ms.map(|at| Ok::<_, StoreError>((at.cast_unsigned(), run_end(&state)?))).transpose()?;
    Ok(Run {
        id: RunId(row.get(0)?),
        command: row.get(1)?,
        tool_version: row.get(2)?,
        priority: row.get(6)?,
        pid: row.get(7)?,
        started_at_ms: row.get::<_, i64>(3)?.cast_unsigned(),
        ended,
    })
}
