//! What people state about results.

use postgres::Row;

use super::custody::Log;
use super::error::Result;
use super::session::Db;
use crate::store::raw::review_outcome;
use crate::store::{ReviewEntry, ReviewOutcome, RunId};

pub(super) fn put(db: &mut Db<'_>, entries: &[ReviewEntry], by: Option<RunId>) -> Result<Vec<ReviewOutcome>> {
    let mut log = Log::lock(db, by)?;
    let mut outcomes = Vec::new();
    for entry in entries {
        let known = db.first("SELECT id, recording, author, at_ms, body FROM review WHERE id = $1", &[&entry.id])?;
        let outcome = review_outcome(known.as_ref().map(review).transpose()?.as_ref(), entry);
        if outcome == ReviewOutcome::Written {
            let ReviewEntry { id, recording, author, at_ms, body } = entry;
            let sql = "INSERT INTO review VALUES ($1, $2, $3, $4, $5)";
            db.execute(sql, &[id, recording, author, &at_ms.cast_signed(), body])?;
            let entry = log.digests().review_entry(entry)?;
            log.add([entry]);
        }
        outcomes.push(outcome);
    }
    log.write(db)?;
    Ok(outcomes)
}

/// The entries about one recording, or about all, by time.
pub(super) fn list(db: &mut Db<'_>, recording: Option<&str>) -> Result<Vec<ReviewEntry>> {
    let sql = "SELECT id, recording, author, at_ms, body FROM review
         WHERE $1::TEXT IS NULL OR recording = $1 ORDER BY at_ms, id";
    db.query(sql, &[&recording])?.iter().map(review).collect()
}

fn review(row: &Row) -> Result<ReviewEntry> {
    Ok(ReviewEntry {
        id: row.try_get(0)?,
        recording: row.try_get(1)?,
        author: row.try_get(2)?,
        at_ms: row.try_get::<_, i64>(3)?.cast_unsigned(),
        body: row.try_get(4)?,
    })
}
