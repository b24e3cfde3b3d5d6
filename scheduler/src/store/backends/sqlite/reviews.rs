//! What people state about results.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::error::Result;
use super::{custody, transaction};
use crate::store::custody::Digests;
use crate::store::raw::review_outcome;
use crate::store::{ReviewEntry, ReviewOutcome};

const COLUMNS: &str = "id, recording, author, at_ms, body";

pub(super) fn put(db: &mut Connection, entries: &[ReviewEntry]) -> Result<Vec<ReviewOutcome>> {
    transaction::write(db, |db| {
        let salt = custody::salt(db)?;
        let (mut outcomes, mut written) = (Vec::new(), Vec::new());
        for entry in entries {
            let known = db
                .prepare_cached(&format!("SELECT {COLUMNS} FROM review WHERE id = ?1"))?
                .query_row([&entry.id], review)
                .optional()?;
            let outcome = review_outcome(known.as_ref(), entry);
            if outcome == ReviewOutcome::Written {
                let ReviewEntry { id, recording, author, at_ms, body } = entry;
                db.prepare_cached("INSERT INTO review VALUES (?1, ?2, ?3, ?4, ?5)")?.execute(params![
                    id,
                    recording,
                    author,
                    at_ms.cast_signed(),
                    body
                ])?;
                written.push(Digests(&salt).review_entry(entry)?);
            }
            outcomes.push(outcome);
        }
        custody::append(db, written)?;
        Ok(outcomes)
    })
}

/// The entries about one recording, or about all, by time.
pub(super) fn list(db: &Connection, recording: Option<&str>) -> Result<Vec<ReviewEntry>> {
    let sql = format!("SELECT {COLUMNS} FROM review WHERE ?1 IS NULL OR recording = ?1 ORDER BY at_ms, id");
    let mut statement = db.prepare_cached(&sql)?;
    let entries = statement.query_map([recording], review)?;
    Ok(entries.collect::<rusqlite::Result<_>>()?)
}

fn review(row: &Row<'_>) -> rusqlite::Result<ReviewEntry> {
    Ok(ReviewEntry {
        id: row.get(0)?,
        recording: row.get(1)?,
        author: row.get(2)?,
        at_ms: row.get::<_, i64>(3)?.cast_unsigned(),
        body: row.get(4)?,
    })
}
