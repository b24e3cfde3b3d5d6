//! Recordings with their places and recipes, and the cache of facts about input files, which avoids hashing
//! unchanged files again.

use std::path::PathBuf;
use std::sync::Arc;

use postgres::Row;
use stage_core::Recipe;

use super::custody::Log;
use super::error::Result;
use super::incidents;
use super::recipes::Recipes;
use super::session::Db;
use crate::store::raw::{path_bytes, path_from};
use crate::store::sighting::{Before, Sighting};
use crate::store::{Incident, InputFacts, InputStat, RecordingEntry, RunId};

pub(super) fn put(db: &mut Db<'_>, run: RunId, recordings: &[RecordingEntry]) -> Result<Vec<Incident>> {
    let mut log = Log::lock(db, Some(run))?;
    let (mut recipes, mut incidents) = (Recipes::default(), Vec::new());
    for entry in recordings {
        let (stored, known) = (stored_recipe(db, &mut recipes, entry)?, places(db, &entry.file_sha256)?);
        let seen = Sighting { entry, known: &known, before: before(db, entry)? };
        incidents.extend(seen.incidents());
        let entries = seen.log_entries(log.salt());
        log.add(entries);
        put_places(db, entry)?;
        let recipe = recipes.id_of(db, &entry.recipe_beside(stored))?;
        put_one(db, run, entry, recipe)?;
    }
    incidents::put(db, run, &incidents)?;
    let entries = log.digests().incident_entries(run, &incidents)?;
    log.add(entries);
    log.write(db)?;
    Ok(incidents)
}

fn put_one(db: &mut Db<'_>, run: RunId, entry: &RecordingEntry, recipe: i64) -> Result<()> {
    db.execute(
        "INSERT INTO recording VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (file_sha256) DO UPDATE SET
         bytes = coalesce(excluded.bytes, recording.bytes), audio_s = excluded.audio_s, name = excluded.name,
         recipe = excluded.recipe, run = excluded.run, path = excluded.path, relative = excluded.relative",
        &[
            &entry.file_sha256,
            &entry.bytes.map(u64::cast_signed),
            &entry.audio_s,
            &entry.name,
            &recipe,
            &run.0,
            &path_bytes(&entry.path),
            &entry.relative.as_deref().map(path_bytes),
        ],
    )?;
    Ok(())
}

/// The recipe stored for the same recording.
fn stored_recipe(db: &mut Db<'_>, recipes: &mut Recipes, entry: &RecordingEntry) -> Result<Option<Arc<Recipe>>> {
    let row = db.first("SELECT recipe FROM recording WHERE file_sha256 = $1", &[&entry.file_sha256])?;
    row.map(|row| recipes.get(db, row.try_get(0)?)).transpose()
}

/// The known places of a recording: the last one first, then by path.
pub(super) fn places(db: &mut Db<'_>, sha256: &str) -> Result<Vec<PathBuf>> {
    let rows = db.query(
        "SELECT place.path FROM place LEFT JOIN recording
         ON recording.file_sha256 = place.file_sha256 AND recording.path = place.path
         WHERE place.file_sha256 = $1 ORDER BY recording.path IS NULL, place.path",
        &[&sha256],
    )?;
    rows.iter().map(|row| Ok(path_from(row.try_get(0)?))).collect()
}

/// The other bytes that were seen last at the places of a recording.
fn before(db: &mut Db<'_>, entry: &RecordingEntry) -> Result<Vec<Before>> {
    let mut found = Vec::new();
    for path in entry.found_at() {
        let sql = "SELECT file_sha256 FROM place WHERE path = $1 ORDER BY seen DESC LIMIT 1";
        if let Some(row) = db.first(sql, &[&path_bytes(path)])? {
            let sha256: String = row.try_get(0)?;
            found.extend((sha256 != entry.file_sha256).then(|| Before { path: path.to_owned(), sha256 }));
        }
    }
    Ok(found)
}

fn put_places(db: &mut Db<'_>, entry: &RecordingEntry) -> Result<()> {
    for path in entry.found_at() {
        db.execute(
            "INSERT INTO place VALUES ($1, $2, nextval('seen'))
             ON CONFLICT (path, file_sha256) DO UPDATE SET seen = excluded.seen",
            &[&path_bytes(path), &entry.file_sha256],
        )?;
    }
    Ok(())
}

pub(super) fn list(db: &mut Db<'_>) -> Result<Vec<RecordingEntry>> {
    let mut recipes = Recipes::default();
    let rows = db.query(
        "SELECT file_sha256, bytes, audio_s, name, recipe, path, relative, array(
             SELECT place.path FROM place WHERE place.file_sha256 = recording.file_sha256
             AND place.path <> recording.path ORDER BY place.path)
         FROM recording ORDER BY path, file_sha256",
        &[],
    )?;
    rows.iter().map(|row| entry_from(db, &mut recipes, row)).collect()
}

fn entry_from(db: &mut Db<'_>, recipes: &mut Recipes, row: &Row) -> Result<RecordingEntry> {
    Ok(RecordingEntry {
        path: path_from(row.try_get(5)?),
        relative: row.try_get::<_, Option<Vec<u8>>>(6)?.map(path_from),
        copies: Vec::new(),
        also_at: row.try_get::<_, Vec<Vec<u8>>>(7)?.into_iter().map(path_from).collect(),
        file_sha256: row.try_get(0)?,
        bytes: row.try_get::<_, Option<i64>>(1)?.map(i64::cast_unsigned),
        audio_s: row.try_get(2)?,
        name: row.try_get(3)?,
        recipe: recipes.get(db, row.try_get(4)?)?,
    })
}

/// Each recipe once, ordered by the latest run that used it.
pub(super) fn recipes(db: &mut Db<'_>) -> Result<Vec<Arc<Recipe>>> {
    let mut recipes = Recipes::default();
    let rows = db.query(
        "SELECT recipe.id FROM recipe LEFT JOIN recording ON recording.recipe = recipe.id
         GROUP BY recipe.id ORDER BY max(recording.run) DESC NULLS LAST, recipe.id DESC",
        &[],
    )?;
    rows.iter().map(|row| recipes.get(db, row.try_get(0)?)).collect()
}

/// The cached facts about an input that has not changed since.
pub(super) fn cached_input(db: &mut Db<'_>, stat: &InputStat) -> Result<Option<InputFacts>> {
    let row = db.first(
        "SELECT sha256, audio_s FROM input WHERE path = $1 AND size = $2 AND mtime_ns = $3 AND inode = $4",
        &[&path_bytes(&stat.path), &stat.size.cast_signed(), &stat.mtime_ns, &stat.inode.cast_signed()],
    )?;
    row.map(|row| Ok(InputFacts { sha256: row.try_get(0)?, audio_s: row.try_get(1)? })).transpose()
}

/// Caches facts about inputs.
pub(super) fn cache_inputs(db: &mut Db<'_>, inputs: &[(InputStat, InputFacts)]) -> Result<()> {
    for (stat, facts) in inputs {
        db.execute(
            "INSERT INTO input VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (path) DO UPDATE SET size = excluded.size,
             mtime_ns = excluded.mtime_ns, inode = excluded.inode, sha256 = excluded.sha256, audio_s = excluded.audio_s",
            &[
                &path_bytes(&stat.path),
                &stat.size.cast_signed(),
                &stat.mtime_ns,
                &stat.inode.cast_signed(),
                &facts.sha256,
                &facts.audio_s,
            ],
        )?;
    }
    Ok(())
}
