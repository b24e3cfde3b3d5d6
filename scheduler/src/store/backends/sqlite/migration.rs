//! Migrates stores of older versions, forward only, in one transaction.

use rusqlite::{Connection, Transaction, params};
use stage_core::{Identity, Recipe, RecipeStep, StageKey, StageName, sha256_hex};

use super::error::Result;
use super::recipes::Recipes;
use super::tables::{OUTPUT_OF_6, RECORDING_OF_2, SCHEMA_VERSION, TABLES_SINCE_2, TABLES_SINCE_7, TABLES_SINCE_8};
use super::{artifacts, checkpoints, custody, incidents, outputs, recordings, runs, transaction};
use crate::store::custody::Digests;
use crate::store::raw::path_from;
use crate::store::sighting::Sighting;
use crate::store::{CheckpointHash, Entry, Lookup, StoreError};

/// Migrates a store of version `found`. Foreign keys must not be enforced yet.
pub(super) fn migrate(db: &mut Connection, found: i64) -> Result<()> {
    transaction::write(db, |db| {
        if found < 2 {
            to_2(db)?;
        }
        if found < 3 {
            to_3(db)?;
        }
        if found < 4 {
            to_4(db)?;
        }
        if found < 5 {
            to_5(db)?;
        }
        if found < 6 {
            to_6(db)?;
        }
        if found < 7 {
            to_7(db, found)?;
        }
        if found == 7 {
            to_8(db)?;
        }
        db.execute("UPDATE meta SET value = ?1 WHERE key = 'schema_version'", [SCHEMA_VERSION])?;
        Ok(())
    })?;
    tracing::info!(from = found, to = SCHEMA_VERSION, "migrated the store");
    Ok(())
}

/// Version 2: runs and batches have more columns, and recordings share recipes instead of storing all of their keys.
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
    db.execute_batch(RECORDING_OF_2)?;
    copy_recordings(db)?;
    db.execute_batch("DROP TABLE recording_1")?;
    Ok(())
}

/// Version 3: artifacts record the instruction set and the libraries that made them.
fn to_3(db: &Connection) -> Result<()> {
    Ok(db.execute_batch("ALTER TABLE artifact ADD COLUMN environment TEXT")?)
}

/// Version 4: recipes state the inputs and outputs of each stage, so that they can contain any stages.
fn to_4(db: &Connection) -> Result<()> {
    let mut recipes = db.prepare("SELECT id, body FROM recipe")?;
    let bodies = recipes.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let bodies: Vec<(i64, String)> = bodies.collect::<Result<_, _>>()?;
    for (id, before) in bodies {
        // Recipes that were just written by the migration from version 1 have the new form already.
        if serde_json::from_str::<Recipe>(&before).is_ok() {
            continue;
        }
        let steps: Option<Vec<StepBefore4>> = serde_json::from_str(&before).ok();
        let recipe = steps.and_then(recipe_before_4);
        let recipe = recipe.ok_or(StoreError::Unreadable { what: "recipe", value: before })?;
        let body = serde_json::to_string(&recipe)?;
        let sha256 = sha256_hex(body.as_bytes());
        db.execute("UPDATE recipe SET body = ?2, body_sha256 = ?3 WHERE id = ?1", params![id, body, sha256])?;
    }
    Ok(())
}

/// Version 5: errors name their origin, which may be another part of the program than a stage.
fn to_5(db: &Connection) -> Result<()> {
    for table in ["failure", "quarantine"] {
        let stage_becomes_origin = format!(
            "UPDATE {table} SET error = json_set(json_remove(error, '$.stage'), '$.origin', error ->> '$.stage')"
        );
        db.execute(&stage_becomes_origin, [])?;
    }
    Ok(())
}

/// Version 6: a table of all written files, instead of one of exported files. What these were made from is not known.
/// The report was not recorded, so its entry has no hash.
fn to_6(db: &Connection) -> Result<()> {
    db.execute_batch(OUTPUT_OF_6)?;
    let mut exports = db.prepare("SELECT path, sha256, recording FROM export")?;
    let mut rows = exports.query([])?;
    while let Some(row) = rows.next()? {
        let (path, sha256, recording): (Vec<u8>, String, Vec<u8>) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let extension = path_from(path.clone()).extension().unwrap_or_default().to_string_lossy().to_lowercase();
        db.execute(OUTPUT, params![path, sha256, recording, extension])?;
    }
    if db.query_row("SELECT EXISTS (SELECT 1 FROM run)", [], |row| row.get(0))? {
        db.execute(OUTPUT, params![b"report.html".as_slice(), None::<String>, None::<Vec<u8>>, "report"])?;
    }
    Ok(db.execute_batch("DROP TABLE export")?)
}

/// Inserts a written file of which only path, hash, recording and format are known.
const OUTPUT: &str = "INSERT INTO output VALUES (?1, ?2, NULL, ?3, ?4, 0, '{}', '[]')";

/// Version 7: recordings by the hash of their bytes. Of several with the same bytes, the one of the latest run is kept,
/// and the others are further places of it. The custody log begins with all records.
fn to_7(db: &Transaction<'_>, found: i64) -> Result<()> {
    db.execute_batch("ALTER TABLE recording RENAME TO recording_2; ALTER TABLE output RENAME TO output_6;")?;
    db.execute_batch(TABLES_SINCE_7)?;
    db.execute_batch(TABLES_SINCE_8)?;
    db.execute_batch(
        "INSERT INTO recording
             SELECT file_sha256, NULL, audio_s, name, recipe, run, path, NULL FROM recording_2 ORDER BY run DESC, path
             ON CONFLICT DO NOTHING;
         INSERT INTO place SELECT path, file_sha256, row_number() OVER (ORDER BY run, path DESC) FROM recording_2;
         INSERT INTO output
             SELECT output_6.path, sha256, replaces, file_sha256, format, renderer, settings, made_from, NULL, '{}'
             FROM output_6 LEFT JOIN recording_2 ON recording_2.path = output_6.recording
             WHERE output_6.recording IS NULL OR file_sha256 IS NOT NULL;
         DROP TABLE output_6; DROP TABLE recording_2;",
    )?;
    custody::begin(db)?;
    adopt(db, found)
}

/// Version 8: the log states the checkpoints, its columns are only in the lines themselves, and a recording can be
/// forgotten again.
fn to_8(db: &Transaction<'_>) -> Result<()> {
    db.execute_batch("ALTER TABLE custody RENAME TO custody_7; ALTER TABLE forgotten RENAME TO forgotten_7;")?;
    db.execute_batch(TABLES_SINCE_8)?;
    db.execute_batch(
        "INSERT INTO custody SELECT seq, line FROM custody_7;
         INSERT INTO forgotten (sha256, at_ms, by, reason)
             SELECT sha256, at_ms, by, reason FROM forgotten_7 ORDER BY at_ms, sha256;
         DROP TABLE custody_7; DROP TABLE forgotten_7; DELETE FROM meta WHERE key = 'custody_part';",
    )?;
    let checkpoints = checkpoint_entries(db)?;
    let adopted = (!checkpoints.is_empty()).then_some(Entry::Adopted { schema: 7 });
    custody::append(db, adopted.into_iter().chain(checkpoints))
}

/// Entries about the stored checkpoints. An altered one has none.
fn checkpoint_entries(db: &Connection) -> Result<Vec<Entry>> {
    let entry = |CheckpointHash { fingerprint, index, sha256 }: CheckpointHash| {
        Some(Entry::Checkpoint { fingerprint: fingerprint.parse().ok()?, index, sha256 })
    };
    Ok(checkpoints::sound_hashes(db)?.into_iter().filter_map(entry).collect())
}

/// Adds entries about everything that a store of an older version contains.
fn adopt(db: &Transaction<'_>, found: i64) -> Result<()> {
    let salt = custody::salt(db)?;
    let digests = Digests(&salt);
    let mut entries = vec![Entry::Adopted { schema: found }];
    for run in runs::list(db, usize::MAX)?.iter().rev() {
        entries.push(digests.old_run_entry(run)?);
        entries.extend(digests.incident_entries(run.id, &incidents::list(db, run.id)?)?);
        entries.extend(digests.failure_entries(run.id, &incidents::failures(db, run.id)?)?);
        entries.extend(digests.run_ended_entry(run)?);
    }
    for mut entry in recordings::list(db)? {
        entry.copies = std::mem::take(&mut entry.also_at);
        entries.extend(Sighting { entry: &entry, known: &[], before: Vec::new() }.log_entries(&salt));
    }
    for name in artifacts::names(db)? {
        // An altered artifact has no entry, so that it stays noticed.
        let Ok(fingerprint) = name.parse() else { continue };
        if let Lookup::Sound(stored) = artifacts::lookup(db, &fingerprint)? {
            entries.push(digests.artifact_entry(&stored.artifact, false)?);
        }
    }
    entries.extend(checkpoint_entries(db)?);
    for output in outputs::list(db)? {
        entries.push(digests.output_entry(&output)?);
    }
    entries.extend(digests.quarantine_entries(&incidents::quarantines(db)?)?);
    custody::append(db, entries)
}

/// A stage in a recipe before version 4: name, version of its method, settings and model.
type StepBefore4 = (StageName, u32, Identity);

/// All stages that existed before version 4, with their inputs.
const STAGES_BEFORE_4: [(&str, &[&str]); 5] = [
    ("decode", &[]),
    ("segment", &["decode.samples"]),
    ("transcribe", &["decode.samples", "segment"]),
    ("align", &["decode.samples", "segment", "transcribe"]),
    ("forensics", &["decode", "decode.samples", "segment", "transcribe", "align"]),
];

/// Parses a recipe of a version before 4. `None` if its stages are not the first of [`STAGES_BEFORE_4`], in order.
fn recipe_before_4(steps: Vec<StepBefore4>) -> Option<Recipe> {
    let mut known = STAGES_BEFORE_4.iter();
    let step = |(stage, version, identity): StepBefore4| {
        let (_, inputs) = known.next().filter(|(name, _)| *name == stage.as_str())?;
        let inputs = inputs.iter().map(|input| input.parse().ok()).collect::<Option<_>>()?;
        let samples = (stage.as_str() == "decode").then(|| stage.output("samples"));
        Some(RecipeStep { stage, version, inputs, stored: vec![], transient: samples.into_iter().collect(), identity })
    };
    Recipe::new(steps.into_iter().map(step).collect::<Option<_>>()?).ok()
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

/// The recipe that produces exactly these keys.
fn recipe_of(file_sha256: &str, keys: &str) -> Option<Recipe> {
    let keys: Vec<StageKey> = serde_json::from_str(keys).ok()?;
    let step = |key: &StageKey| {
        let StageKey { settings, model_sha256, numeric, .. } = key.clone();
        (key.stage, key.version, Identity { model_sha256, numeric, ..Identity::without_model(settings) })
    };
    recipe_before_4(keys.iter().map(step).collect()).filter(|recipe| recipe.keys(file_sha256) == keys)
}
