//! The custody log in the database. Entries are written in the transaction of what they describe.

use super::error::{PgError, Result};
use super::session::Db;
use crate::store::custody::{Digests, Last, line_sha256, seal};
use crate::store::{Custody, Entry, RunId, Salt, StoreError};

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
        let locked = "UPDATE meta SET value = value + 1 WHERE key = 'custody_part' RETURNING now_ms()";
        let now_ms: i64 = db.one(locked, &[])?.try_get(0)?;
        let sealed = seal(last(db)?, now_ms.cast_unsigned(), self.by, self.entries)?;
        let lines = sealed.lines.into_iter().map(|(seq, text)| (seq.cast_signed(), text));
        let (numbers, texts): (Vec<i64>, Vec<String>) = lines.unzip();
        let sql = "INSERT INTO custody SELECT * FROM unnest($1::BIGINT[], $2::TEXT[])";
        db.execute(sql, &[&numbers, &texts])?;
        Ok(())
    }
}

fn last(db: &mut Db<'_>) -> Result<Option<Last>> {
    last_line(db)?.map(|line| Ok(Last::parse(&line)?)).transpose()
}

/// The head of the log.
pub(super) fn head(db: &mut Db<'_>) -> Result<Option<String>> {
    Ok(last_line(db)?.map(|line| line_sha256(&line)))
}

/// The ID of the case.
pub(super) fn case_id(db: &mut Db<'_>) -> Result<String> {
    setting(db, "case")
}

fn last_line(db: &mut Db<'_>) -> Result<Option<String>> {
    let row = db.first("SELECT line FROM custody ORDER BY seq DESC LIMIT 1", &[])?;
    row.map(|row| Ok(row.try_get(0)?)).transpose()
}

/// The secret of the log.
fn salt(db: &mut Db<'_>) -> Result<Salt> {
    if db.salt.is_none() {
        *db.salt = Some(Salt::new(setting(db, "salt")?));
    }
    db.salt.clone().ok_or(PgError::Undecided)
}

/// The log with all of its lines.
pub(super) fn read(db: &mut Db<'_>) -> Result<Custody> {
    let lines = db.texts("SELECT line FROM custody ORDER BY seq")?;
    Ok(Custody { case: case_id(db)?, chain: setting(db, "chain")?, salt: salt(db)?, lines, file: None })
}

fn setting(db: &mut Db<'_>, key: &'static str) -> Result<String> {
    let missing = || StoreError::Unreadable { what: key, value: "nothing".to_owned() };
    let row = db.first("SELECT value FROM setting WHERE key = $1", &[&key])?.ok_or_else(missing)?;
    Ok(row.try_get(0)?)
}
