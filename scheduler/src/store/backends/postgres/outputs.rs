//! Written files.

use std::path::PathBuf;

use postgres::Row;

use super::custody::Log;
use super::error::Result;
use super::session::Db;
use crate::store::raw::{json, path_bytes, path_from};
use crate::store::{Entry, OutputFile, RunId};

pub(super) fn put(db: &mut Db<'_>, outputs: &[OutputFile], by: Option<RunId>) -> Result<()> {
    let mut log = Log::lock(db, by)?;
    for output in outputs {
        put_one(db, output)?;
        let entry = log.digests().output_entry(output)?;
        log.add([entry]);
    }
    log.write(db)
}

/// Stores a written file, in the transaction of the caller, who adds it to the custody log.
pub(super) fn put_one(db: &mut Db<'_>, output: &OutputFile) -> Result<()> {
    db.execute(
        "INSERT INTO output VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (path) DO UPDATE SET
         sha256 = excluded.sha256, replaces = excluded.replaces, recording = excluded.recording,
         format = excluded.format, renderer = excluded.renderer, settings = excluded.settings,
         made_from = excluded.made_from, document = excluded.document, context = excluded.context",
        &[
            &path_bytes(&output.path),
            &output.sha256,
            &output.replaces,
            &output.recording,
            &output.format,
            &i64::from(output.renderer),
            &serde_json::to_string(&output.settings)?,
            &serde_json::to_string(&output.made_from)?,
            &output.document,
            &serde_json::to_string(&output.context)?,
        ],
    )?;
    Ok(())
}

pub(super) fn list(db: &mut Db<'_>) -> Result<Vec<OutputFile>> {
    let rows = db.query(
        "SELECT path, sha256, replaces, recording, format, renderer, settings, made_from, document, context
         FROM output ORDER BY path",
        &[],
    )?;
    rows.iter().map(output_from).collect()
}

fn output_from(row: &Row) -> Result<OutputFile> {
    const WHAT: &str = "written file";
    Ok(OutputFile {
        path: path_from(row.try_get(0)?),
        sha256: row.try_get(1)?,
        replaces: row.try_get(2)?,
        recording: row.try_get(3)?,
        format: row.try_get(4)?,
        renderer: u32::try_from(row.try_get::<_, i64>(5)?).unwrap_or_default(),
        settings: json(WHAT, row.try_get(6)?)?,
        made_from: json(WHAT, row.try_get(7)?)?,
        document: row.try_get(8)?,
        context: json(WHAT, row.try_get(9)?)?,
    })
}

pub(super) fn forget(db: &mut Db<'_>, paths: &[PathBuf], by: Option<RunId>) -> Result<()> {
    let mut log = Log::lock(db, by)?;
    for path in paths {
        if db.execute("DELETE FROM output WHERE path = $1", &[&path_bytes(path)])? > 0 {
            let entry = Entry::OutputForgotten { name: log.salt().path(path) };
            log.add([entry]);
        }
    }
    log.write(db)
}
