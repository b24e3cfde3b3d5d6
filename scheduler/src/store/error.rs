//! Store errors, the same for all backends: each kind is one that a caller can act on.

use std::error::Error;
use std::path::PathBuf;

use super::LockHolder;

/// What a backend says about a failure, for people.
pub type Cause = Box<dyn Error + Send + Sync>;

/// Why the store failed. `store` is its location, as its URL gives it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The URL names no backend, or no location.
    #[error("{url}: expected {expected}")]
    InvalidUrl {
        /// The URL.
        url: String,
        /// The forms that URLs have.
        expected: String,
    },
    /// The store does not exist: run something first.
    #[error("no store at {store}")]
    Missing {
        /// The store.
        store: String,
    },
    /// Another process writes to it: wait for that process, or stop it.
    #[error(
        "the store {store} is in use by {}: wait until it has ended, or stop it",
        holder.as_ref().map_or_else(|| "another process".to_owned(), LockHolder::to_string)
    )]
    Locked {
        /// The store.
        store: String,
        /// The process; none if it is not known.
        holder: Option<LockHolder>,
    },
    /// A program other than Earwitness held the store for too long (a backup, a database browser): close it.
    #[error(
        "another program keeps the store locked: gave up after {waited_s:.0} s; close the program that has it open"
    )]
    Busy {
        /// How long the backend waited, in seconds.
        waited_s: f64,
    },
    /// The store cannot be reached: its folder or file cannot be opened, its server does not answer.
    #[error("cannot open {what}: {cause}")]
    Unavailable {
        /// The file or server.
        what: String,
        /// Why.
        cause: Cause,
    },
    /// The store was opened for reading.
    #[error("the store was opened for reading only")]
    ReadOnly,
    /// A newer version of Earwitness wrote it: use that one.
    #[error("the store {store} has schema version {found}, this executable knows {known}: use a newer one")]
    NewerSchema {
        /// The store.
        store: String,
        /// Its version.
        found: i64,
        /// The newest version that this executable knows.
        known: i64,
    },
    /// An older version of Earwitness wrote it, and a reader cannot migrate it: open it for writing once.
    #[error(
        "the store {store} has schema version {found}, this executable reads {known}: `earwitness store compact DIR` \
         (or the next run) migrates it"
    )]
    OlderSchema {
        /// The store.
        store: String,
        /// Its version.
        found: i64,
        /// The version that this executable reads.
        known: i64,
    },
    /// A recording of an older store has keys that no recipe gives: it was altered. Nothing was changed; keep the file
    /// as it is, and run into a new folder.
    #[error(
        "the store cannot be migrated and was not changed: the keys of {} do not follow from one another",
        recording.display()
    )]
    BrokenChain {
        /// The recording.
        recording: PathBuf,
    },
    /// There is something else at this location.
    #[error("{store} is not a store of Earwitness")]
    Foreign {
        /// The location.
        store: String,
    },
    /// There is no space left: free some, then run again.
    #[error("no space left for the store: {0}")]
    Full(Cause),
    /// The store is damaged: restore it from a copy, or run into a new folder.
    #[error("the store is damaged: {0}")]
    Damaged(Cause),
    /// The backend failed in another way.
    #[error("the store failed: {0}")]
    Failed(Cause),
    /// A record holds what was never written: the store was altered or damaged.
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
