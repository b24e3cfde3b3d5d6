//! The custody log in the database. Entries are written in the transaction of what they describe.

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::error::Result;
use crate::clock::now_ms;
use crate::store::custody::{Last, line_sha256, seal};
use crate::store::{Custody, Entry, Salt, StoreError};

/// Begins the chain of a new store, or of one that is migrated.
pub(super) fn begin(db: &Transaction<'_>) -> Result<()> {
    let (custody, entry) = Custody::of_new_case();
    for (key, value) in [("case", &custody.case), ("chain", &custody.chain), ("salt", custody.salt.secret())] {
        db.execute("INSERT INTO setting VALUES (?1, ?2)", [key, value])?;
    }
    append(db, [entry])
}

/// Adds entries, in the transaction of the caller.
pub(super) fn append(db: &Transaction<'_>, entries: impl IntoIterator<Item = Entry>) -> Result<()> {
    let mut entries = entries.into_iter().peekable();
    if entries.peek().is_none() {
        return Ok(());
    }
    let mut put = db.prepare_cached("INSERT INTO custody VALUES (?1, ?2)")?;
    for (seq, text) in seal(last(db)?, now_ms(), None, entries)?.lines {
        put.execute(params![seq.cast_signed(), text])?;
    }
    Ok(())
}

fn last(db: &Connection) -> Result<Option<Last>> {
    Ok(last_line(db)?.map(|text| Last::parse(&text)).transpose()?)
}

fn last_line(db: &Connection) -> Result<Option<String>> {
    let mut statement = db.prepare_cached("SELECT line FROM custody ORDER BY seq DESC LIMIT 1")?;
    Ok(statement.query_row([], |row| row.get(0)).optional()?)
}

/// The head of the log.
pub(super) fn head(db: &Connection) -> Result<Option<String>> {
    Ok(last_line(db)?.map(|line| line_sha256(&line)))
}

/// The ID of the case.
pub(super) fn case_id(db: &Connection) -> Result<String> {
    setting(db, "case")
}

/// The texts of the lines from a number on.
pub(super) fn texts_from(db: &Connection, seq: u64) -> Result<Vec<String>> {
    let mut statement = db.prepare_cached("SELECT line FROM custody WHERE seq >= ?1 ORDER BY seq")?;
    let texts = statement.query_map([seq.cast_signed()], |row| row.get(0))?;
    Ok(texts.collect::<rusqlite::Result<_>>()?)
}

/// The secret of the log.
pub(super) fn salt(db: &Connection) -> Result<Salt> {
    Ok(Salt::new(setting(db, "salt")?))
}

/// The log with all of its lines, without its file.
pub(super) fn read(db: &Connection) -> Result<Custody> {
    let mut statement = db.prepare("SELECT line FROM custody ORDER BY seq")?;
    let lines = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    Ok(Custody { case: case_id(db)?, chain: setting(db, "chain")?, salt: salt(db)?, lines, file: None })
}

/// A fault of the numbers of the lines in the table. New lines are added behind the highest one.
pub(super) fn number_fault(db: &Connection) -> Result<Option<String>> {
    let (lines, highest): (i64, Option<i64>) =
        db.query_row("SELECT count(*), max(seq) FROM custody", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let is_right = highest.is_none_or(|highest| highest == lines - 1);
    Ok((!is_right)
        .then(|| format!("{lines} lines of the custody log are numbered up to {}", highest.unwrap_or_default())))
}

fn setting(db: &Connection, key: &'static str) -> Result<String> {
    let value =
        db.prepare_cached("SELECT value FROM setting WHERE key = ?1")?.query_row([key], |row| row.get(0)).optional()?;
    Ok(value.ok_or_else(|| StoreError::Unreadable { what: key, value: "nothing".to_owned() })?)
}
