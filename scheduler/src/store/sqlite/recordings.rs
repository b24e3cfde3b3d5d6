//! Recordings with their chains of keys, and the files exported for them.

use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params};
use stage_core::StageKey;

use super::{path_bytes, path_from};
use crate::store::{Export, RecordingEntry, RunId, StoreError};

const COLUMNS: &str = "path, file_sha256, audio_s, name, keys";

pub(super) fn put(db: &mut Connection, run: RunId, recordings: &[RecordingEntry]) -> Result<(), StoreError> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for entry in recordings {
        let keys = longer_chain(&transaction, entry)?.unwrap_or_else(|| entry.keys.clone());
        transaction.prepare_cached("INSERT OR REPLACE INTO recording VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?.execute(
            params![
                path_bytes(&entry.path),
                entry.file_sha256,
                entry.audio_s,
                entry.name,
                serde_json::to_string(&keys)?,
                run.0,
            ],
        )?;
    }
    Ok(transaction.commit()?)
}

/// The chain on record, where the new one is its beginning.
fn longer_chain(db: &Transaction<'_>, entry: &RecordingEntry) -> Result<Option<Vec<StageKey>>, StoreError> {
    let on_record = db
        .prepare_cached(&format!("SELECT {COLUMNS} FROM recording WHERE path = ?1"))?
        .query_row([path_bytes(&entry.path)], |row| Ok(entry_from(row)))
        .optional()?
        .transpose()?;
    Ok(on_record.map(|old| old.keys).filter(|keys| keys.starts_with(&entry.keys)))
}

pub(super) fn list(db: &Connection) -> Result<Vec<RecordingEntry>, StoreError> {
    let mut statement = db.prepare(&format!("SELECT {COLUMNS} FROM recording ORDER BY path"))?;
    let mut rows = statement.query([])?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        entries.push(entry_from(row)?);
    }
    Ok(entries)
}

fn entry_from(row: &Row<'_>) -> Result<RecordingEntry, StoreError> {
    let keys: String = row.get(4)?;
    Ok(RecordingEntry {
        path: path_from(row.get(0)?),
        file_sha256: row.get(1)?,
        audio_s: row.get(2)?,
        name: row.get(3)?,
        keys: serde_json::from_str(&keys).map_err(|_| StoreError::Unreadable { what: "chain of keys", value: keys })?,
    })
}

pub(super) fn put_exports(db: &mut Connection, exports: &[Export]) -> Result<(), StoreError> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for export in exports {
        transaction.prepare_cached("INSERT OR REPLACE INTO export VALUES (?1, ?2, ?3)")?.execute(params![
            path_bytes(&export.path),
            export.sha256,
            path_bytes(&export.recording)
        ])?;
    }
    Ok(transaction.commit()?)
}

pub(super) fn exports(db: &Connection) -> Result<Vec<Export>, StoreError> {
    let mut statement = db.prepare("SELECT path, sha256, recording FROM export ORDER BY path")?;
    let rows = statement.query_map([], |row| {
        Ok(Export { path: path_from(row.get(0)?), sha256: row.get(1)?, recording: path_from(row.get(2)?) })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
