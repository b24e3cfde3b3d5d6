//! The custody log in the database. Entries are written in the transaction of what they describe.

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::error::Result;
use crate::clock::now_ms;
use crate::store::custody::{Last, seal};
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
    for (seq, text) in seal(last(db)?, now_ms(), entries)?.0 {
        put.execute(params![seq.cast_signed(), text])?;
    }
    Ok(())
}

fn last(db: &Connection) -> Result<Option<Last>> {
    let text: Option<String> = db
        .prepare_cached("SELECT line FROM custody ORDER BY seq DESC LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    Ok(text.map(|text| Last::parse(&text)).transpose()?)
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
    let mut statement = db.prepare("SELECT seq, line FROM custody ORDER BY seq")?;
    let mut rows = statement.query([])?;
    let mut lines = Vec::new();
    while let Some(row) = rows.next()? {
        // New lines are added behind the highest number, which must be that of the last line.
        let seq: i64 = row.get(0)?;
        if seq != lines.len() as i64 {
            let value = format!("{seq}, expected {}", lines.len());
            return Err(StoreError::Unreadable { what: "number of a line of the custody log", value }.into());
        }
        lines.push(row.get(1)?);
    }
    Ok(Custody { case: setting(db, "case")?, chain: setting(db, "chain")?, salt: salt(db)?, lines, file: None })
}

fn setting(db: &Connection, key: &'static str) -> Result<String> {
    let value =
        db.prepare_cached("SELECT value FROM setting WHERE key = ?1")?.query_row([key], |row| row.get(0)).optional()?;
    Ok(value.ok_or_else(|| StoreError::Unreadable { what: key, value: "nothing".to_owned() })?)
}
