//! The custody log in the database. Entries are written in the transaction of what they describe.

use super::error::Result;
use super::session::Db;
use crate::store::custody::{Digests, Last, seal};
use crate::store::{Custody, Entry, RunId, Salt, StoreError, StoredLine};

/// The entries that a transaction adds.
pub(super) struct Log {
    salt: Salt,
    /// The run that adds them.
    by: Option<RunId>,
    entries: Vec<Entry>,
}

impl Log {
    /// Without a lock, for transactions that do not read what others may add at the same time.
    pub(super) fn open(db: &mut Db<'_>, by: Option<RunId>) -> Result<Self> {
        Ok(Self { salt: salt(db)?, by, entries: Vec::new() })
    }

    /// Locks the end of the chain until the transaction ends, so that nobody else writes records that are logged.
    pub(super) fn lock(db: &mut Db<'_>, by: Option<RunId>) -> Result<Self> {
        db.query("SELECT value FROM meta WHERE key = 'custody_part' FOR UPDATE", &[])?;
        Self::open(db, by)
    }

    /// The same entries, added by this run.
    pub(super) fn by(self, run: RunId) -> Self {
        Self { by: Some(run), ..self }
    }

    pub(super) const fn salt(&self) -> &Salt {
        &self.salt
    }

    pub(super) const fn digests(&self) -> Digests<'_> {
        Digests(&self.salt)
    }

    pub(super) fn add(&mut self, entries: impl IntoIterator<Item = Entry>) {
        self.entries.extend(entries);
    }

    /// Appends the entries. Locks the end of the chain until the transaction ends.
    pub(super) fn write(self, db: &mut Db<'_>) -> Result<()> {
        if self.entries.is_empty() {
            return Ok(());
        }
        let locked = "UPDATE meta SET value = value + 1 WHERE key = 'custody_part' RETURNING value, now_ms()";
        let row = db.one(locked, &[])?;
        let (part, now_ms): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        let mut last = last(db)?;
        let (mut numbers, mut texts, mut hashes, mut times) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for entry in self.entries {
            for (line, text) in seal(last.as_ref(), now_ms.cast_unsigned(), self.by, entry)? {
                let sealed = Last::of(&line, &text);
                numbers.push(line.seq.cast_signed());
                times.push(line.at_ms.cast_signed());
                hashes.push(sealed.sha256.clone());
                texts.push(text);
                last = Some(sealed);
            }
        }
        db.execute(
            "INSERT INTO custody SELECT seq, line, sha256, at_ms, $5::BIGINT
             FROM unnest($1::BIGINT[], $2::TEXT[], $3::TEXT[], $4::BIGINT[]) AS lines (seq, line, sha256, at_ms)",
            &[&numbers, &texts, &hashes, &times, &part],
        )?;
        Ok(())
    }
}

fn last(db: &mut Db<'_>) -> Result<Option<Last>> {
    let Some(row) = db.first("SELECT seq, sha256, at_ms FROM custody ORDER BY seq DESC LIMIT 1", &[])? else {
        return Ok(None);
    };
    let (seq, at_ms): (i64, i64) = (row.try_get(0)?, row.try_get(2)?);
    Ok(Some(Last { seq: seq.cast_unsigned(), sha256: row.try_get(1)?, at_ms: at_ms.cast_unsigned() }))
}

/// The secret of the log.
fn salt(db: &mut Db<'_>) -> Result<Salt> {
    Ok(Salt::new(setting(db, "salt")?))
}

/// The log with all of its lines.
pub(super) fn read(db: &mut Db<'_>) -> Result<Custody> {
    let mut lines = Vec::new();
    for row in db.query("SELECT line, part FROM custody ORDER BY seq", &[])? {
        lines.push(StoredLine { text: row.try_get(0)?, group: row.try_get::<_, i64>(1)?.cast_unsigned() });
    }
    Ok(Custody { case: setting(db, "case")?, chain: setting(db, "chain")?, salt: salt(db)?, lines, file: None })
}

fn setting(db: &mut Db<'_>, key: &'static str) -> Result<String> {
    let missing = || StoreError::Unreadable { what: key, value: "nothing".to_owned() };
    let row = db.first("SELECT value FROM setting WHERE key = $1", &[&key])?.ok_or_else(missing)?;
    Ok(row.try_get(0)?)
}
