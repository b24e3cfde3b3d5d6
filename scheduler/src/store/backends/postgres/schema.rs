//! Creating, checking and migrating the schema of a case.

use super::custody::Log;
use super::error::Result;
use super::location::Location;
use super::session::{Db, Session};
use super::tables::{MIGRATIONS, SCHEMA_VERSION};
use crate::store::{Access, Custody, StoreError};

/// What a schema contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// It does not exist, or is empty.
    Nothing,
    /// A store of this version.
    Store(i64),
    Foreign,
}

/// Checks that the case is a store of this version. Creates or migrates it if `access` permits that.
pub(super) fn prepare(session: &mut Session, access: Access) -> Result<(), StoreError> {
    let location = session.location().clone();
    let (store, known) = (location.shown(), SCHEMA_VERSION);
    let name = location.case.clone();
    match session.read(|db| look(db, &name))? {
        Found::Store(found) if found == SCHEMA_VERSION => Ok(()),
        Found::Store(found) if found > SCHEMA_VERSION => Err(StoreError::NewerSchema { store, found, known }),
        Found::Store(found) if access == Access::Read => Err(StoreError::OlderSchema { store, found, known }),
        Found::Nothing if access != Access::Create => Err(StoreError::Missing { store }),
        Found::Foreign => Err(StoreError::Foreign { store }),
        Found::Store(_) | Found::Nothing => session.write(|db| bring_up_to_date(db, &location)),
    }
}

fn look(db: &mut Db<'_>, case: &str) -> Result<Found> {
    let objects = "SELECT count(*), count(*) FILTER (WHERE relname = 'meta' AND relkind = 'r')
         FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE nspname = $1";
    let row = db.one(objects, &[&case])?;
    let (all, meta): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    if all == 0 {
        return Ok(Found::Nothing);
    }
    let has_version = "SELECT count(*) FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
         JOIN pg_namespace ON pg_namespace.oid = relnamespace
         WHERE nspname = $1 AND relname = 'meta' AND attname IN ('key', 'value')";
    if meta == 0 || db.one(has_version, &[&case])?.try_get::<_, i64>(0)? != 2 {
        return Ok(Found::Foreign);
    }
    let version = db.first("SELECT value::BIGINT FROM meta WHERE key::TEXT = 'schema_version'", &[])?;
    let version: Option<i64> = version.map(|row| row.try_get(0)).transpose()?;
    Ok(version.filter(|found| *found >= 1).map_or(Found::Foreign, Found::Store))
}

/// Applies the migrations that are missing. Several processes may come here at once: the first does it.
fn bring_up_to_date(db: &mut Db<'_>, location: &Location) -> Result<()> {
    let case = &location.case;
    db.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", &[case])?;
    let found = match look(db, case)? {
        Found::Nothing => 0,
        Found::Store(found) => found,
        Found::Foreign => return Err(StoreError::Foreign { store: location.shown() }.into()),
    };
    if found == 0 {
        check_encoding(db, location)?;
        // An administrator may have created the schema for a user who cannot.
        if db.first("SELECT 1 FROM pg_namespace WHERE nspname = $1", &[case])?.is_none() {
            db.run(&format!("CREATE SCHEMA \"{case}\""))?;
        }
    }
    for migration in MIGRATIONS.iter().skip(usize::try_from(found).unwrap_or_default()) {
        db.run(migration)?;
    }
    db.execute("UPDATE meta SET value = $1 WHERE key = 'schema_version'", &[&SCHEMA_VERSION])?;
    if found == 0 {
        begin_log(db)?;
    }
    Ok(())
}

/// Names and transcripts are of all languages.
fn check_encoding(db: &mut Db<'_>, location: &Location) -> Result<()> {
    let encoding: String = db.one("SELECT current_setting('server_encoding')", &[])?.try_get(0)?;
    if encoding == "UTF8" {
        return Ok(());
    }
    let cause = format!("the encoding of the database is {encoding}: create one with UTF8").into();
    Err(StoreError::Unavailable { what: location.server(), cause }.into())
}

/// Begins the chain of a new case.
fn begin_log(db: &mut Db<'_>) -> Result<()> {
    let (custody, entry) = Custody::of_new_case();
    for (key, value) in [("case", &custody.case), ("chain", &custody.chain), ("salt", custody.salt.secret())] {
        db.execute("INSERT INTO setting VALUES ($1, $2)", &[&key, value])?;
    }
    let mut log = Log::lock(db, None)?;
    log.add([entry]);
    log.write(db)
}
