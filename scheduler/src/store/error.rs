//! What can go wrong with the store itself.

use std::io;
use std::path::PathBuf;

/// Why the store could not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no store: run something first.
    #[error("no store at {}", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// Another process writes to it: wait for that one, or stop it.
    #[error("the store {} is in use by process {holder}", path.display())]
    Locked {
        /// The store.
        path: PathBuf,
        /// The process's number, or `unknown`.
        holder: String,
    },
    /// The store's folder or lock file cannot be made or opened.
    #[error("cannot open {}: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A newer version of Earwitness wrote it: use that one.
    #[error("the store {} has schema version {found}, this executable knows {known}: use a newer one", path.display())]
    NewerSchema {
        /// The store.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest version that this executable knows.
        known: i64,
    },
    /// The file is a database of something else.
    #[error("{} is no store of Earwitness", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The database failed: a full disk, a damaged file.
    #[error("the store failed: {0}")]
    Database(#[from] rusqlite::Error),
    /// A row holds what was never written: the store was altered or damaged.
    #[error("the store holds an unreadable {what}: {value}")]
    Unreadable {
        /// The kind of value.
        what: &'static str,
        /// The value.
        value: String,
    },
    /// A value has no JSON form.
    #[error("a value cannot be stored: {0}")]
    Unstorable(#[from] serde_json::Error),
}
