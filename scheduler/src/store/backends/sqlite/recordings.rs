//! Recordings with their recipes, their exported files, and the cache of facts about input files, which avoids hashing
//! unchanged files again.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};
use stage_core::Recipe;

use super::error::Result;
use super::paths::{path_bytes, path_from};
use super::recipes::Recipes;
use super::transaction;
use crate::store::{InputFacts, InputStat, RecordingEntry, RunId};

pub(super) fn put(db: &mut Connection, run: RunId, recordings: &[RecordingEntry]) -> Result<()> {
    transaction::write(db, |db| {
        let mut recipes = Recipes::of(db);
        let mut put = db.prepare_cached("INSERT OR REPLACE INTO recording VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
        for entry in recordings {
            let recipe = entry.recipe_beside(stored_recipe(db, &mut recipes, entry)?);
            put.execute(params![
                path_bytes(&entry.path),
                entry.file_sha256,
                entry.audio_s,
                entry.name,
                recipes.id_of(&recipe)?,
                run.0,
            ])?;
        }
        Ok(())
    })
}

/// The recipe stored for the same file.
fn stored_recipe(db: &Connection, recipes: &mut Recipes<'_>, entry: &RecordingEntry) -> Result<Option<Arc<Recipe>>> {
    let id: Option<i64> = db
        .prepare_cached("SELECT recipe FROM recording WHERE path = ?1 AND file_sha256 = ?2")?
        .query_row(params![path_bytes(&entry.path), entry.file_sha256], |row| row.get(0))
        .optional()?;
    id.map(|id| recipes.get(id)).transpose()
}

pub(super) fn list(db: &Connection) -> Result<Vec<RecordingEntry>> {
    let mut recipes = Recipes::of(db);
    let mut statement = db.prepare("SELECT path, file_sha256, audio_s, name, recipe FROM recording ORDER BY path")?;
    let mut rows = statement.query([])?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        entries.push(RecordingEntry {
            path: path_from(row.get(0)?),
            file_sha256: row.get(1)?,
            audio_s: row.get(2)?,
            name: row.get(3)?,
            recipe: recipes.get(row.get(4)?)?,
        });
    }
    Ok(entries)
}

/// Each recipe once, ordered by the latest run that used it.
pub(super) fn recipes(db: &Connection) -> Result<Vec<Arc<Recipe>>> {
    let mut recipes = Recipes::of(db);
    let mut statement = db.prepare(
        "SELECT recipe.id FROM recipe LEFT JOIN recording ON recording.recipe = recipe.id
         GROUP BY recipe.id ORDER BY max(recording.run) DESC, recipe.id DESC",
    )?;
    let ids: Vec<i64> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    ids.into_iter().map(|id| recipes.get(id)).collect()
}

/// The cached facts about an input that has not changed since.
pub(super) fn cached_input(db: &Connection, stat: &InputStat) -> Result<Option<InputFacts>> {
    Ok(db
        .prepare_cached(
            "SELECT sha256, audio_s FROM input WHERE path = ?1 AND size = ?2 AND mtime_ns = ?3 AND inode = ?4",
        )?
        .query_row(
            params![path_bytes(&stat.path), stat.size.cast_signed(), stat.mtime_ns, stat.inode.cast_signed()],
            |row| Ok(InputFacts { sha256: row.get(0)?, audio_s: row.get(1)? }),
        )
        .optional()?)
}

/// Caches facts about inputs.
pub(super) fn cache_inputs(db: &mut Connection, inputs: &[(InputStat, InputFacts)]) -> Result<()> {
    transaction::write(db, |db| {
        let mut put = db.prepare_cached("INSERT OR REPLACE INTO input VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
        for (stat, facts) in inputs {
            put.execute(params![
                path_bytes(&stat.path),
                stat.size.cast_signed(),
                stat.mtime_ns,
                stat.inode.cast_signed(),
                facts.sha256,
                facts.audio_s,
            ])?;
        }
        Ok(())
    })
}
