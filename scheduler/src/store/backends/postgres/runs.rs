//! Runs: when they started and how they ended, and whether they are registered.

use postgres::Row;

use super::custody::Log;
use super::error::Result;
use super::location::Location;
use super::session::Db;
use crate::store::custody::host;
use crate::store::raw::{run_end, run_end_name};
use crate::store::{LockHolder, NewRun, Run, RunEnd, RunId, StoreError, Writer};

pub(super) fn begin(db: &mut Db<'_>, run: &NewRun, before: Option<RunId>, location: &Location) -> Result<RunId> {
    let pid = std::process::id();
    let lease_ms = location.lease.as_millis() as i64;
    // Locked before the runs, as in every other transaction.
    let log = Log::lock(db, None)?;
    if let Some(before) = before {
        db.execute(END_REGISTRATION, &[&before.0])?;
    }
    end_expired(db, None)?;
    let row = db.one(
        "INSERT INTO run (command, tool_version, host, pid, priority, started_at_ms, state, lease_ms, expires_ms)
         SELECT $1::BYTEA, $2::TEXT, $3::TEXT, $4::BIGINT, $5::INTEGER, at, 'running', $6::BIGINT, at + $6
         FROM now_ms() AS at RETURNING id, started_at_ms",
        &[&run.command.as_bytes(), &run.tool_version, &host(), &i64::from(pid), &run.priority, &lease_ms],
    )?;
    let (id, started_at_ms) = (RunId(row.try_get(0)?), row.try_get::<_, i64>(1)?.cast_unsigned());
    let mut log = log.by(id);
    let entry = log.digests().run_began_entry(&run.begun(id, pid, started_at_ms), run)?;
    log.add([entry]);
    log.write(db)?;
    Ok(id)
}

/// The state of a run that ended without saying how.
const LOST: &str = "lost";

/// Ends the registration of a run that ends without saying how.
pub(super) const END_REGISTRATION: &str = "UPDATE run SET state = 'lost' WHERE id = $1 AND state = 'running'";

/// Renews the registration of a run. Changes no row if another run has declared it lost.
pub(super) const RENEW: &str = "UPDATE run SET expires_ms = now_ms() + lease_ms WHERE id = $1 AND state = 'running'";

/// Declares the runs lost whose registration has expired, and ends the leases of all lost runs. A run that commits at this
/// moment is alive, and is skipped, as is `own`, which asks. After a start of the server every run has the time of a registration to come back.
pub(super) fn end_expired(db: &mut Db<'_>, own: Option<RunId>) -> Result<()> {
    db.execute(
        "UPDATE run SET state = 'lost' WHERE id IN (
             SELECT id FROM run WHERE state = 'running' AND expires_ms < now_ms() AND id <> $1
             AND extract(epoch FROM pg_postmaster_start_time()) * 1000 + lease_ms < now_ms()
             FOR UPDATE SKIP LOCKED)",
        &[&own.map_or(0, |run| run.0)],
    )?;
    db.execute(
        "UPDATE batch SET state = 'revoked' WHERE state = 'leased'
         AND run IN (SELECT id FROM run WHERE state <> 'running')",
        &[],
    )?;
    Ok(())
}

/// Checks that a run was not declared lost.
pub(super) fn check_registered(db: &mut Db<'_>, run: RunId) -> Result<()> {
    let registered = db.first("SELECT 1 FROM run WHERE id = $1 AND state = 'running' FOR SHARE", &[&run.0])?;
    if registered.is_some() { Ok(()) } else { Err(StoreError::TakenOver { run }.into()) }
}

/// Checks that no other run is registered, for what must not happen beside one.
pub(super) fn check_alone(db: &mut Db<'_>, own: Option<RunId>, location: &Location) -> Result<()> {
    match registered(db, own)?.into_iter().next() {
        None => Ok(()),
        holder => Err(StoreError::Locked { store: location.shown(), holder }.into()),
    }
}

/// The processes whose runs are registered.
pub(super) fn writer(db: &mut Db<'_>) -> Result<Writer> {
    let mut holders = registered(db, None)?;
    Ok(match holders.len() {
        0 => Writer::None,
        1 => Writer::Process(holders.remove(0)),
        _ => Writer::Several(holders),
    })
}

/// The processes of the registered runs other than `own`, the latest first.
pub(super) fn registered(db: &mut Db<'_>, own: Option<RunId>) -> Result<Vec<LockHolder>> {
    let sql = "SELECT pid, command, host, started_at_ms FROM run
         WHERE state = 'running' AND expires_ms >= now_ms() AND id <> $1 ORDER BY id DESC";
    let holder = |row: &Row| {
        Ok(LockHolder {
            pid: u32::try_from(row.try_get::<_, i64>(0)?).unwrap_or_default(),
            command: text(row, 1)?,
            host: Some(row.try_get(2)?),
            since_ms: row.try_get::<_, i64>(3)?.cast_unsigned(),
        })
    };
    db.query(sql, &[&own.map_or(0, |run| run.0)])?.iter().map(holder).collect()
}

pub(super) fn end(db: &mut Db<'_>, run: RunId, end: RunEnd) -> Result<()> {
    let mut log = Log::lock(db, Some(run))?;
    let ended = db.execute(
        "UPDATE run SET ended_at_ms = now_ms(), state = $2 WHERE id = $1 AND state = 'running'",
        &[&run.0, &run_end_name(end)],
    )?;
    if ended > 0
        && let Some(entry) = log.digests().run_ended_entry(&one(db, run)?)?
    {
        log.add([entry]);
    }
    log.write(db)
}

pub(super) fn list(db: &mut Db<'_>, most: usize) -> Result<Vec<Run>> {
    let sql = "SELECT id, command, tool_version, started_at_ms, ended_at_ms, state, priority, pid FROM run
         ORDER BY id DESC LIMIT $1";
    db.query(sql, &[&i64::try_from(most).unwrap_or(i64::MAX)])?.iter().map(run_from).collect()
}

fn one(db: &mut Db<'_>, run: RunId) -> Result<Run> {
    let sql = "SELECT id, command, tool_version, started_at_ms, ended_at_ms, state, priority, pid FROM run
         WHERE id = $1";
    run_from(&db.one(sql, &[&run.0])?)
}

fn run_from(row: &Row) -> Result<Run> {
    let state: String = row.try_get(5)?;
    let ended_at_ms: Option<i64> = row.try_get(4)?;
    let ended = ended_at_ms
        .filter(|_| state != LOST)
        .map(|at| Ok::<_, StoreError>((at.cast_unsigned(), run_end(&state)?)))
        .transpose()?;
    Ok(Run {
        id: RunId(row.try_get(0)?),
        command: text(row, 1)?,
        tool_version: row.try_get(2)?,
        priority: row.try_get(6)?,
        pid: u32::try_from(row.try_get::<_, i64>(7)?).ok(),
        started_at_ms: row.try_get::<_, i64>(3)?.cast_unsigned(),
        ended,
    })
}

/// A text that is stored as bytes.
pub(super) fn text(row: &Row, column: usize) -> Result<String> {
    let bytes: Vec<u8> = row.try_get(column)?;
    let unreadable = |error: std::string::FromUtf8Error| StoreError::Unreadable {
        what: "text",
        value: String::from_utf8_lossy(error.as_bytes()).into_owned(),
    };
    Ok(String::from_utf8(bytes).map_err(unreadable)?)
}
