//! The queue that the runs of a case share.

use postgres::Row;

use super::error::Result;
use super::location::Location;
use super::runs;
use super::session::Db;
use crate::store::raw::{json, pipeline_error};
use crate::store::{NewWork, RunId, SharedPlan, StoreError, WorkEnd};

/// Longer than any transaction may take, in milliseconds, so that no end is missed that was recorded before a look at the
/// queue and committed after it.
const OVERLAP_MS: i64 = 60_000;

pub(super) fn offer(
    db: &mut Db<'_>,
    run: RunId,
    plan: &SharedPlan,
    work: &[NewWork],
    location: &Location,
) -> Result<()> {
    db.run("LOCK TABLE plan IN EXCLUSIVE MODE")?;
    runs::check_registered(db, run)?;
    if self::plan(db)?.is_some_and(|stored| !stored.agrees_with(plan)) {
        if let Some(holder) = runs::registered(db, Some(run))?.into_iter().next() {
            return Err(StoreError::OtherPlan { store: location.shown(), holder }.into());
        }
        db.execute("DELETE FROM work", &[])?;
    }
    db.execute(
        "INSERT INTO plan VALUES (TRUE, $1) ON CONFLICT (is_only) DO UPDATE SET body = excluded.body",
        &[&serde_json::to_string(plan)?],
    )?;
    let recordings: Vec<_> = work.iter().map(|one| one.recording.as_str()).collect();
    let priorities: Vec<_> = work.iter().map(|one| one.priority).collect();
    let lengths: Vec<_> = work.iter().map(|one| one.audio_s).collect();
    db.execute(
        "INSERT INTO work (recording, priority, audio_s, state, offered)
         SELECT recording, priority, audio_s, 'open', $4::BIGINT
         FROM unnest($1::TEXT[], $2::INTEGER[], $3::DOUBLE PRECISION[]) AS new (recording, priority, audio_s)
         ON CONFLICT (recording) DO UPDATE SET priority = excluded.priority, audio_s = excluded.audio_s,
         state = 'open', run = NULL, error = NULL, ended_ms = NULL, offered = excluded.offered
         WHERE work.state IN ('done', 'failed')",
        &[&recordings, &priorities, &lengths, &run.0],
    )?;
    Ok(())
}

pub(super) fn plan(db: &mut Db<'_>) -> Result<Option<SharedPlan>> {
    let row = db.first("SELECT body FROM plan", &[])?;
    row.map(|row| Ok(json("plan of a run", row.try_get(0)?)?)).transpose()
}

pub(super) fn unfinished(db: &mut Db<'_>) -> Result<Vec<String>> {
    let rows = db.query("SELECT recording FROM work WHERE state IN ('open', 'claimed')", &[])?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// A recording that another run is claiming at this moment is skipped. A run does not know the recordings that later
/// runs have offered.
pub(super) fn claim(db: &mut Db<'_>, run: RunId, most: usize, except: &[String]) -> Result<Vec<String>> {
    runs::check_registered(db, run)?;
    let claimed = claim_free(db, run, most, except)?;
    if !claimed.is_empty() {
        return Ok(claimed);
    }
    runs::end_expired(db, Some(run))?;
    claim_free(db, run, most, except)
}

fn claim_free(db: &mut Db<'_>, run: RunId, most: usize, except: &[String]) -> Result<Vec<String>> {
    let rows = db.query(
        "WITH free AS (
             SELECT recording FROM work
             WHERE (state = 'open' OR (state = 'claimed' AND run IN (SELECT id FROM run WHERE state <> 'running')))
             AND offered <= $1 AND NOT recording = ANY ($3)
             ORDER BY priority DESC, audio_s DESC, recording LIMIT $2 FOR UPDATE SKIP LOCKED)
         UPDATE work SET state = 'claimed', run = $1 FROM free WHERE work.recording = free.recording
         RETURNING work.recording",
        &[&run.0, &i64::try_from(most).unwrap_or(i64::MAX), &except],
    )?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

pub(super) fn settle(db: &mut Db<'_>, run: RunId, recording: &str, end: &WorkEnd) -> Result<()> {
    let (state, error) = match end {
        WorkEnd::Done => ("done", None),
        WorkEnd::Failed(error) => ("failed", Some(serde_json::to_string(error)?)),
    };
    db.execute(
        "UPDATE work SET state = $3, error = $4, ended_ms = now_ms()
         WHERE recording = $2 AND run = $1 AND state = 'claimed'",
        &[&run.0, &recording, &state, &error],
    )?;
    Ok(())
}

pub(super) fn give_back(db: &mut Db<'_>, run: RunId, recordings: &[String]) -> Result<()> {
    db.execute(
        "UPDATE work SET state = 'open', run = NULL, ended_ms = NULL
         WHERE recording = ANY ($2) AND ((run = $1 AND state = 'claimed') OR state = 'done')",
        &[&run.0, &recordings],
    )?;
    Ok(())
}

pub(super) fn ended(db: &mut Db<'_>, since_ms: i64) -> Result<(Vec<(String, WorkEnd)>, i64)> {
    let rows = db.query(
        "SELECT recording, error, ended_ms FROM work WHERE state IN ('done', 'failed') AND ended_ms >= $1
         ORDER BY ended_ms",
        &[&(since_ms - OVERLAP_MS)],
    )?;
    let latest = rows.last().map(|row| row.try_get(2)).transpose()?.unwrap_or(since_ms);
    let end = |row: &Row| {
        let error: Option<String> = row.try_get(1)?;
        let end = error.map_or(Ok(WorkEnd::Done), |error| pipeline_error(error).map(WorkEnd::Failed))?;
        Ok((row.try_get(0)?, end))
    };
    Ok((rows.iter().map(end).collect::<Result<_>>()?, latest))
}
