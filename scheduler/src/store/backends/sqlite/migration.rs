//! Migration of stores of older versions: forward only, all in one transaction.

use rusqlite::Connection;
use stage_core::{Recipe, StageKey};

use super::error::Result;
use super::paths::path_from;
use super::recipes::Recipes;
use super::tables::{SCHEMA_VERSION, TABLES_SINCE_2};
use super::transaction;
use crate::store::StoreError;

/// Migrates a store of version `found`. Foreign keys must not be enforced yet.
pub(super) fn migrate(db: &mut Connection, found: i64) -> Result<()> {
    transaction::write(db, |db| {
        if found < 2 {
            to_2(db)?;
        }
        if found < 3 {
            to_3(db)?;
        }
        db.execute("UPDATE meta SET value = ?1 WHERE key = 'schema_version'", [SCHEMA_VERSION])?;
        Ok(())
    })?;
    tracing::info!(from = found, to = SCHEMA_VERSION, "migrated the store");
    Ok(())
}

/// Version 2: runs and batches have more columns, and recordings share a recipe instead of storing all keys each.
fn to_2(db: &Connection) -> Result<()> {
    db.execute_batch(
        "ALTER TABLE run ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
         ALTER TABLE run ADD COLUMN pid INTEGER;
         ALTER TABLE batch ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
         ALTER TABLE batch ADD COLUMN worker TEXT;
         ALTER TABLE batch ADD COLUMN recordings INTEGER;
         ALTER TABLE batch ADD COLUMN audio_s REAL;
         ALTER TABLE batch ADD COLUMN granted_at_ms INTEGER;
         ALTER TABLE batch ADD COLUMN ended_at_ms INTEGER;
         ALTER TABLE recording RENAME TO recording_1;",
    )?;
    db.execute_batch(TABLES_SINCE_2)?;
    copy_recordings(db)?;
    db.execute_batch("DROP TABLE recording_1")?;
    Ok(())
}

/// Version 3: artifacts record the instruction set and the libraries that made them.
fn to_3(db: &Connection) -> Result<()> {
    Ok(db.execute_batch("ALTER TABLE artifact ADD COLUMN environment TEXT")?)
}

fn copy_recordings(db: &Connection) -> Result<()> {
    let mut recipes = Recipes::of(db);
    let mut old = db.prepare("SELECT path, file_sha256, keys FROM recording_1")?;
    let mut copy = db.prepare(
        "INSERT INTO recording SELECT path, file_sha256, audio_s, name, ?2, run FROM recording_1 WHERE path = ?1",
    )?;
    let mut rows = old.query([])?;
    while let Some(row) = rows.next()? {
        let (path, file_sha256, keys): (Vec<u8>, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let recipe = recipe_of(&file_sha256, &keys)
            .ok_or_else(|| StoreError::BrokenChain { recording: path_from(path.clone()) })?;
        copy.execute((&path, recipes.id_of(&recipe.into())?))?;
    }
    Ok(())
}

/// The recipe that gives exactly these keys.
fn recipe_of(file_sha256: &str, keys: &str) -> Option<Recipe> {
    let keys: Vec<StageKey> = serde_json::from_str(keys).ok()?;
    Recipe::of_keys(&keys).ok().filter(|recipe| recipe.keys(file_sha256) == keys)
}
