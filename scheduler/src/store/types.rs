//! The store's vocabulary.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use stage_core::{Fingerprint, StageError, StageKey};

/// The number of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RunId(pub i64);

/// The right to commit the artifacts of one batch. Numbers only grow, so that a newer lease is never mistaken for an
/// older one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Lease {
    /// The batch.
    pub batch: i64,
    /// The fencing number.
    pub number: i64,
}

/// How a lease ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseEnd {
    /// Every recording of the batch is done or failed.
    Finished,
    /// The worker is gone or was told to stop.
    Revoked,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunEnd {
    /// Every recording is done or failed.
    Finished,
    /// Stopped by the person who started it.
    Interrupted,
    /// Could not go on.
    Broken,
}

/// One run on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Its number.
    pub id: RunId,
    /// What was asked for.
    pub command: String,
    /// Version of the executable.
    pub tool_version: String,
    /// When it began, in milliseconds since 1970.
    pub started_at_ms: u64,
    /// When and how it ended; none while it runs, or where it was killed.
    pub ended: Option<(u64, RunEnd)>,
}

/// An artifact to write.
#[derive(Debug, Clone, PartialEq)]
pub struct NewArtifact {
    /// Everything that it depends on; its fingerprint is its name.
    pub key: StageKey,
    /// The artifact as JSON.
    pub body: String,
    /// When its stage began, in milliseconds since 1970.
    pub started_at_ms: u64,
    /// How long its stage took, in seconds.
    pub duration_s: f64,
    /// Version of the executable that made it.
    pub tool_version: String,
    /// The device that it was made on.
    pub device: String,
}

/// An artifact with the right to write it.
#[derive(Debug, Clone, PartialEq)]
pub struct Commit {
    /// The lease that it was computed under.
    pub lease: Lease,
    /// What to write.
    pub artifact: NewArtifact,
    /// Write it even where one of this name is on record.
    pub replace: bool,
}

/// What became of a [`Commit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Committed {
    /// On record now.
    Written,
    /// It was on record already; nothing was written.
    AlreadyThere,
    /// The lease is dead; nothing was written.
    StaleLease,
}

/// An artifact on record.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredArtifact {
    /// As it was written.
    pub artifact: NewArtifact,
    /// SHA-256 of the body, checked.
    pub body_sha256: String,
    /// How often it was computed and written.
    pub computations: u64,
}

/// What is on record under a fingerprint.
#[derive(Debug, Clone, PartialEq)]
pub enum Lookup {
    /// Nothing.
    Missing,
    /// Something that does not hold: compute it again.
    Altered(Alteration),
    /// An artifact whose body and key hold.
    Sound(Box<StoredArtifact>),
}

/// How an artifact on record differs from what was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Alteration {
    /// The body's hash is not the one on record.
    #[error("the body hashes to {found_sha256}, on record is {expected_sha256}")]
    Body {
        /// On record.
        expected_sha256: String,
        /// Found.
        found_sha256: String,
    },
    /// The key does not hash to the artifact's name.
    #[error("the key hashes to {found:?}, the artifact's name is {expected}")]
    Key {
        /// The artifact's name.
        expected: Fingerprint,
        /// The key's hash; none if the key is no key at all.
        found: Option<Fingerprint>,
    },
}

/// A recording that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The recording.
    pub path: PathBuf,
    /// Why.
    pub error: StageError,
}

/// What tells whether a file has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputStat {
    /// Where it lies.
    pub path: PathBuf,
    /// Length in bytes.
    pub size: u64,
    /// Modification time in nanoseconds since 1970.
    pub mtime_ns: i64,
    /// Inode.
    pub inode: u64,
}

/// What was found out about a file.
#[derive(Debug, Clone, PartialEq)]
pub struct InputFacts {
    /// SHA-256 of its bytes.
    pub sha256: String,
    /// Its length in seconds, as probed.
    pub audio_s: f64,
}

/// A recording and the keys of its artifacts.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordingEntry {
    /// Where it lies.
    pub path: PathBuf,
    /// SHA-256 of its bytes.
    pub file_sha256: String,
    /// Its length in seconds, as probed.
    pub audio_s: f64,
    /// The name that its exports bear.
    pub name: String,
    /// One key a stage, in order.
    pub keys: Vec<StageKey>,
}

/// An exported file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// Where it lies, relative to the output folder.
    pub path: PathBuf,
    /// SHA-256 of its bytes.
    pub sha256: String,
    /// The recording that it tells of.
    pub recording: PathBuf,
}
