//! Recordings with their places and recipes, and the cache of facts about input files, which avoids hashing
//! unchanged files again.

use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};
use stage_core::Recipe;

use super::error::Result;
use super::recipes::Recipes;
use super::{custody, incidents, transaction};
use crate::store::custody::Digests;
use crate::store::raw::{path_bytes, path_from};
use crate::store::sighting::{Before, Sighting};
use crate::store::{Incident, InputFacts, InputStat, RecordingEntry, RunId};

pub(super) fn put(db: &mut Connection, run: RunId, recordings: &[RecordingEntry]) -> Result<Vec<Incident>> {
    transaction::write(db, |db| {
        let salt = custody::salt(db)?;
        let mut recipes = Recipes::of(db);
        let (mut entries, mut incidents) = (Vec::new(), Vec::new());
        let mut put = db.prepare_cached(
            "INSERT INTO recording VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (file_sha256) DO UPDATE SET
             bytes = coalesce(excluded.bytes, bytes), audio_s = excluded.audio_s, name = excluded.name,
             recipe = excluded.recipe, run = excluded.run, path = excluded.path, relative = excluded.relative",
        )?;
        for entry in recordings {
            let (stored, known) = (stored_recipe(db, &mut recipes, entry)?, places(db, &entry.file_sha256)?);
            let seen = Sighting { entry, known: &known, before: before(db, entry)? };
            incidents.extend(seen.incidents());
            entries.extend(seen.log_entries(&salt));
            put_places(db, entry)?;
            put.execute(params![
                entry.file_sha256,
                entry.bytes.map(u64::cast_signed),
                entry.audio_s,
                entry.name,
                recipes.id_of(&entry.recipe_beside(stored))?,
                run.0,
                path_bytes(&entry.path),
                entry.relative.as_deref().map(path_bytes),
            ])?;
        }
        incidents::put(db, run, &incidents)?;
        entries.extend(Digests(&salt).incident_entries(run, &incidents)?);
        custody::append(db, entries)?;
        Ok(incidents)
    })
}

/// The recipe stored for the same recording.
fn stored_recipe(db: &Connection, recipes: &mut Recipes<'_>, entry: &RecordingEntry) -> Result<Option<Arc<Recipe>>> {
    let id: Option<i64> = db
        .prepare_cached("SELECT recipe FROM recording WHERE file_sha256 = ?1")?
        .query_row([&entry.file_sha256], |row| row.get(0))
        .optional()?;
    id.map(|id| recipes.get(id)).transpose()
}

/// The known places of a recording: the last one first, then by path.
pub(super) fn places(db: &Connection, sha256: &str) -> Result<Vec<PathBuf>> {
    let mut statement = db.prepare_cached(
        "SELECT place.path FROM place LEFT JOIN recording
         ON recording.file_sha256 = place.file_sha256 AND recording.path = place.path
         WHERE place.file_sha256 = ?1 ORDER BY recording.path IS NULL, place.path",
    )?;
    let paths = statement.query_map([sha256], |row| Ok(path_from(row.get(0)?)))?;
    Ok(paths.collect::<rusqlite::Result<_>>()?)
}

/// The other bytes that were seen last at the places of a recording.
fn before(db: &Connection, entry: &RecordingEntry) -> Result<Vec<Before>> {
    let mut statement =
        db.prepare_cached("SELECT file_sha256 FROM place WHERE path = ?1 ORDER BY seen DESC LIMIT 1")?;
    let mut found = Vec::new();
    for path in entry.found_at() {
        let last =
            statement.query_row([path_bytes(path)], |row| Ok(Before { path: path.to_owned(), sha256: row.get(0)? }));
        found.extend(last.optional()?.filter(|last| last.sha256 != entry.file_sha256));
    }
    Ok(found)
}

fn put_places(db: &Connection, entry: &RecordingEntry) -> Result<()> {
    let mut put = db.prepare_cached(
        "INSERT INTO place VALUES (?1, ?2, (SELECT coalesce(max(seen), 0) + 1 FROM place))
         ON CONFLICT (path, file_sha256) DO UPDATE SET seen = excluded.seen",
    )?;
    for path in entry.found_at() {
        put.execute(params![path_bytes(path), entry.file_sha256])?;
    }
    Ok(())
}

pub(super) fn list(db: &Connection) -> Result<Vec<RecordingEntry>> {
    let mut recipes = Recipes::of(db);
    let mut statement = db.prepare(
        "SELECT file_sha256, bytes, audio_s, name, recipe, path, relative FROM recording ORDER BY path, file_sha256",
    )?;
    let mut rows = statement.query([])?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        let (file_sha256, path): (String, PathBuf) = (row.get(0)?, path_from(row.get(5)?));
        let also_at = places(db, &file_sha256)?.into_iter().filter(|place| *place != path).collect();
        entries.push(RecordingEntry {
            path,
            relative: row.get::<_, Option<Vec<u8>>>(6)?.map(path_from),
            copies: Vec::new(),
            also_at,
            file_sha256,
            bytes: row.get::<_, Option<i64>>(1)?.map(i64::cast_unsigned),
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
