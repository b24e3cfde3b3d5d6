//! The custody log in the database. Entries are written in the transaction of what they describe.

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::error::Result;
use crate::clock::now_ms;
use crate::store::custody::{Last, seal};
use crate::store::{Custody, Entry, Salt, StoreError, StoredLine};

/// Begins the chain of a new store, or of one that is migrated.
pub(super) fn begin(db: &Transaction<'_>) -> Result<()> {
    let (custody, entry) = Custody::of_new_case();
    for (key, value) in [("case", &custody.case), ("chain", &custody.chain), ("salt", custody.salt.secret())] {
        db.execute("INSERT INTO setting VALUES (?1, ?2)", [key, value])?;
    }
    db.execute("INSERT INTO meta VALUES ('custody_part', 0)", [])?;
    append(db, [entry])
}

/// Adds entries, in the transaction of the caller.
pub(super) fn append(db: &Transaction<'_>, entries: impl IntoIterator<Item = Entry>) -> Result<()> {
    let mut entries = entries.into_iter().peekable();
    if entries.peek().is_none() {
        return Ok(());
    }
    let mut last = last(db)?;
    let part: i64 = db
        .prepare_cached("UPDATE meta SET value = value + 1 WHERE key = 'custody_part' RETURNING value")?
        .query_row([], |row| row.get(0))?;
    let mut put = db.prepare_cached("INSERT INTO custody VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for entry in entries {
        for (line, text) in seal(last.as_ref(), now_ms(), None, entry)? {
            let sealed = Last::of(&line, &text);
            put.execute(params![line.seq.cast_signed(), text, sealed.sha256, line.at_ms.cast_signed(), part])?;
            last = Some(sealed);
        }
    }
    Ok(())
}

fn last(db: &Connection) -> Result<Option<Last>> {
    let row = db
        .prepare_cached("SELECT seq, sha256, at_ms FROM custody ORDER BY seq DESC LIMIT 1")?
        .query_row([], |row| {
            let (seq, sha256, at_ms): (i64, String, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(Last { seq: seq.cast_unsigned(), sha256, at_ms: at_ms.cast_unsigned() })
        })
        .optional()?;
    Ok(row)
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
    let mut statement = db.prepare("SELECT line, part FROM custody ORDER BY seq")?;
    let line =
        |row: &rusqlite::Row<'_>| Ok(StoredLine { text: row.get(0)?, group: row.get::<_, i64>(1)?.cast_unsigned() });
    let lines = statement.query_map([], line)?.collect::<rusqlite::Result<_>>()?;
    Ok(Custody { case: setting(db, "case")?, chain: setting(db, "chain")?, salt: salt(db)?, lines, file: None })
}

fn setting(db: &Connection, key: &'static str) -> Result<String> {
    let value =
        db.prepare_cached("SELECT value FROM setting WHERE key = ?1")?.query_row([key], |row| row.get(0)).optional()?;
    Ok(value.ok_or_else(|| StoreError::Unreadable { what: key, value: "nothing".to_owned() })?)
}
