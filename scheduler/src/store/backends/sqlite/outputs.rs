//! Written files.

use std::path::PathBuf;

use rusqlite::{Connection, params};

use super::error::Result;
use super::{custody, transaction};
use crate::store::custody::Digests;
use crate::store::raw::{json, path_bytes, path_from};
use crate::store::{Entry, OutputFile};

pub(super) fn put(db: &mut Connection, outputs: &[OutputFile]) -> Result<()> {
    transaction::write(db, |db| {
        outputs.iter().try_for_each(|output| put_one(db, output))?;
        let salt = custody::salt(db)?;
        let entries = outputs.iter().map(|output| Digests(&salt).output_entry(output));
        custody::append(db, entries.collect::<Result<Vec<_>, _>>()?)
    })
}

/// Stores one entry, in the transaction of the caller, who adds it to the custody log.
pub(super) fn put_one(db: &Connection, output: &OutputFile) -> Result<()> {
    let mut put =
        db.prepare_cached("INSERT OR REPLACE INTO output VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")?;
    put.execute(params![
        path_bytes(&output.path),
        output.sha256,
        output.replaces,
        output.recording,
        output.format,
        output.renderer,
        serde_json::to_string(&output.settings)?,
        serde_json::to_string(&output.made_from)?,
        output.document,
        serde_json::to_string(&output.context)?,
    ])?;
    Ok(())
}

pub(super) fn list(db: &Connection) -> Result<Vec<OutputFile>> {
    let mut statement = db.prepare(
        "SELECT path, sha256, replaces, recording, format, renderer, settings, made_from, document, context
         FROM output ORDER BY path",
    )?;
    let mut rows = statement.query([])?;
    let mut outputs = Vec::new();
    while let Some(row) = rows.next()? {
        outputs.push(OutputFile {
            path: path_from(row.get(0)?),
            sha256: row.get(1)?,
            replaces: row.get(2)?,
            recording: row.get(3)?,
            format: row.get(4)?,
            renderer: row.get(5)?,
            settings: json("written file", row.get(6)?)?,
            made_from: json("written file", row.get(7)?)?,
            document: row.get(8)?,
            context: json("written file", row.get(9)?)?,
        });
    }
    Ok(outputs)
}

pub(super) fn forget(db: &mut Connection, paths: &[PathBuf]) -> Result<()> {
    transaction::write(db, |db| {
        let mut forget = db.prepare_cached("DELETE FROM output WHERE path = ?1")?;
        let salt = custody::salt(db)?;
        let mut entries = Vec::new();
        for path in paths {
            if forget.execute([path_bytes(path)])? > 0 {
                entries.push(Entry::OutputForgotten { name: salt.path(path) });
            }
        }
        custody::append(db, entries)
    })
}
