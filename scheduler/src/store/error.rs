//! Errors of the store, common to all backends. Each kind is one that a caller can act on.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use stage_core::{ErrorClass, ErrorCode, Origin, PipelineError};

use super::{LockHolder, RunId};

/// A backend's message about a failure.
pub type Cause = Box<dyn Error + Send + Sync>;

/// Why the store failed. `store` is its location as in its URL.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The URL has no known scheme or no location.
    #[error("{url}: expected {expected}")]
    InvalidUrl {
        /// The URL.
        url: String,
        /// The valid forms of URLs.
        expected: String,
    },
    /// The URL contains a password, which every user of the machine can read in the list of processes: put it into
    /// `PGPASSWORD`, `~/.pgpass` or a service file.
    #[error(
        "the URL of the store contains a password, which other users can see: put it into PGPASSWORD, ~/.pgpass or a \
         service file"
    )]
    PasswordInUrl,
    /// The store does not exist: start a run first.
    #[error("no store at {store}")]
    Missing {
        /// The store.
        store: String,
    },
    /// Another process writes to the store: wait for that process, or stop it.
    #[error(
        "the store {store} is in use by {}: wait until it has ended, or stop it",
        holder.as_ref().map_or_else(|| "another process".to_owned(), LockHolder::to_string)
    )]
    Locked {
        /// The store.
        store: String,
        /// The process, or `None` if it is unknown.
        holder: Option<LockHolder>,
    },
    /// Runs are in progress that follow another plan: join them (`run --join`), wait until they have ended, or use another
    /// case.
    #[error(
        "runs with other settings, models or another version are in progress on the store {store}, such as {holder}: join \
         them with `run --join`, wait until they have ended, or use another case"
    )]
    OtherPlan {
        /// The store.
        store: String,
        /// The process of one of them.
        holder: LockHolder,
    },
    /// Another run took over the work of this one, because this one did not renew its registration in time: the process
    /// was stopped, or did not reach the server. What it committed before stays. Run again.
    #[error(
        "another run took over the work of run {}, which did not renew its registration in time: run again", run.0
    )]
    TakenOver {
        /// The run that was declared lost.
        run: RunId,
    },
    /// A program other than Earwitness locked the store for too long (a backup or a database browser): close it.
    #[error(
        "another program keeps the store locked: gave up after {waited_s:.0} s; close the program that has it open"
    )]
    Busy {
        /// How long the backend waited, in seconds.
        waited_s: f64,
    },
    /// The store cannot be reached: its folder or file cannot be opened, or its server does not answer.
    #[error("cannot open {what}")]
    Unavailable {
        /// The file or server.
        what: String,
        /// Why.
        #[source]
        cause: Cause,
    },
    /// A write to a store that was opened for reading.
    #[error("the store was opened for reading only")]
    ReadOnly,
    /// The store was written by a newer version of Earwitness: use that version.
    #[error("the store {store} has schema version {found}, this executable knows {known}: use a newer one")]
    NewerSchema {
        /// The store.
        store: String,
        /// Its version.
        found: i64,
        /// The newest version that this executable knows.
        known: i64,
    },
    /// The store was written by an older version of Earwitness, and a reader cannot migrate it: open it for writing
    /// once.
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
    /// A recording of an older store has keys that no recipe produces, so the store was altered. Nothing was changed.
    /// Keep the file as it is and run into a new folder.
    #[error(
        "the store cannot be migrated and was not changed: the keys of {} do not follow from one another",
        recording.display()
    )]
    BrokenChain {
        /// The recording.
        recording: PathBuf,
    },
    /// The store was deleted, or another file took its place, while it was in use: nothing more is written. Put the
    /// store back, or run again.
    #[error("the store {store} was deleted or replaced while it was in use")]
    Replaced {
        /// The store.
        store: String,
    },
    /// The custody log beside the store is not the one that the store wrote: the log or the store was altered, or the
    /// store is an older copy. Nothing was written. Keep the folder as it is, see `earwitness verify`, and put the right
    /// store back or run into a new folder.
    #[error(
        "the custody log {log} does not belong to its store: {reason}; keep both, see `earwitness verify`, and put the \
         right store back or run into a new folder"
    )]
    CustodyBroken {
        /// The log.
        log: String,
        /// How they differ.
        reason: String,
    },
    /// There is a custody log, but its store is missing: put the store back, or run into a new folder.
    #[error("the store {store} is missing, but its custody log {log} exists: put it back, or run into a new folder")]
    Lost {
        /// The store.
        store: String,
        /// The log.
        log: String,
    },
    /// The location contains something other than a store.
    #[error("{store} is not a store of Earwitness")]
    Foreign {
        /// The location.
        store: String,
    },
    /// The disk is full: free some space, then run again.
    #[error("no space left for the store")]
    Full(#[source] Cause),
    /// The store is damaged: restore it from a copy, or run into a new folder.
    #[error("the store is damaged")]
    Damaged(#[source] Cause),
    /// Any other failure of the backend.
    #[error("the store failed")]
    Failed(#[source] Cause),
    /// A record contains a value that Earwitness never writes: the store was altered or damaged.
    #[error("the store holds an unreadable {what}: {value}")]
    Unreadable {
        /// The kind of value.
        what: &'static str,
        /// The value.
        value: String,
    },
    /// A value could not be serialized to JSON.
    #[error("a value cannot be stored")]
    Unstorable(#[from] serde_json::Error),
}

/// The error for a file that cannot be opened, created or written.
pub(super) fn unavailable(path: &Path, error: io::Error) -> StoreError {
    let cause: Cause = match error.raw_os_error() {
        _ if error.kind() == io::ErrorKind::StorageFull => return StoreError::Full(error.into()),
        Some(code) if code == rustix::io::Errno::LOOP.raw_os_error() => "it is a link, which is not followed".into(),
        _ => error.into(),
    };
    StoreError::Unavailable { what: path.display().to_string(), cause }
}

impl StoreError {
    /// The class and the code of the error.
    #[must_use]
    pub const fn class_and_code(&self) -> (ErrorClass, ErrorCode) {
        use ErrorClass::{BadInput, Bug, Transient};
        match self {
            Self::InvalidUrl { .. } | Self::PasswordInUrl => (BadInput, ErrorCode::InvalidStoreUrl),
            Self::Missing { .. } => (BadInput, ErrorCode::StoreMissing),
            Self::Locked { .. } | Self::OtherPlan { .. } | Self::Busy { .. } => (Transient, ErrorCode::StoreLocked),
            Self::TakenOver { .. } => (Transient, ErrorCode::RunTakenOver),
            Self::Unavailable { .. } => (Transient, ErrorCode::StoreUnavailable),
            Self::ReadOnly => (BadInput, ErrorCode::StoreReadOnly),
            Self::NewerSchema { .. } => (BadInput, ErrorCode::NewerStore),
            Self::OlderSchema { .. } => (BadInput, ErrorCode::OlderStore),
            Self::Foreign { .. } => (BadInput, ErrorCode::NotAStore),
            Self::Replaced { .. } | Self::Lost { .. } => (BadInput, ErrorCode::StoreReplaced),
            Self::CustodyBroken { .. } => (BadInput, ErrorCode::CustodyBroken),
            Self::Full(_) => (Transient, ErrorCode::StoreFull),
            Self::BrokenChain { .. } | Self::Damaged(_) | Self::Unreadable { .. } => {
                (BadInput, ErrorCode::StoreDamaged)
            }
            Self::Failed(_) => (Bug, ErrorCode::StoreFailed),
            Self::Unstorable(_) => (Bug, ErrorCode::UnwritableArtifact),
        }
    }
}

impl From<&StoreError> for PipelineError {
    fn from(error: &StoreError) -> Self {
        let (class, code) = error.class_and_code();
        Self::of(Origin::Store, class, code, error)
    }
}
