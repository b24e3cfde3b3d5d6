//! What can go wrong with the store itself.

use std::io;
use std::path::PathBuf;

use super::LockHolder;

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
    #[error(
        "the store {} is in use by {}: wait until that has ended, or stop it",
        path.display(),
        holder.as_ref().map_or_else(|| "another process".to_owned(), LockHolder::to_string)
    )]
    Locked {
        /// The store.
        path: PathBuf,
        /// The process; none where its lock file does not say.
        holder: Option<LockHolder>,
    },
    /// A program other than Earwitness held the database for too long (a backup, a database browser): close it.
    #[error("another program keeps the store locked: gave up after {waited_s:.0} s; close what has it open")]
    Busy {
        /// How long it was waited for, in seconds.
        waited_s: f64,
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
    /// An older version of Earwitness wrote it, and reading alone cannot bring it up to date: open it for writing once.
    #[error(
        "the store {} has schema version {found}, this executable reads {known}: `earwitness store compact DIR` (or \
         the next run) brings it up to date",
        path.display()
    )]
    OlderSchema {
        /// The store.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The version that this executable reads.
        known: i64,
    },
    /// A recording of an older store has keys that no recipe gives: it was altered. Nothing was changed; keep the file
    /// as it is, and run into a new folder.
    #[error(
        "the store cannot be brought up to date, and was left as it is: the keys of {} do not follow from one another",
        recording.display()
    )]
    BrokenChain {
        /// The recording.
        recording: PathBuf,
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
