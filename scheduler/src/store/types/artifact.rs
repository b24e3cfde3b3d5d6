//! Artifacts and their window checkpoints, before and after they are stored.

use stage_core::{Fingerprint, StageKey, Tool};

use super::Lease;

/// An artifact to write.
#[derive(Debug, Clone, PartialEq)]
pub struct NewArtifact {
    /// Everything that the artifact depends on. The hash of the key is the artifact's fingerprint.
    pub key: StageKey,
    /// The artifact as JSON.
    pub body: String,
    /// When its stage began, in milliseconds since 1970.
    pub started_at_ms: u64,
    /// Time that its stage took, in seconds.
    pub duration_s: f64,
    /// The program that computed it.
    pub tool: Tool,
    /// The device that it was computed on.
    pub device: String,
}

/// The output of one window of an incomplete artifact. Checkpoints preserve the work on a long recording when a run is
/// interrupted.
#[derive(Debug, Clone, PartialEq)]
pub struct NewCheckpoint {
    /// The artifact that it belongs to.
    pub fingerprint: Fingerprint,
    /// The window's index, from 0.
    pub index: u32,
    /// The output as JSON.
    pub body: String,
    /// When its computation started, in milliseconds since 1970.
    pub started_at_ms: u64,
    /// Time that its computation took, in seconds.
    pub duration_s: f64,
    /// The device that it was computed on.
    pub device: String,
}

/// A record to write, with the lease that permits it.
#[derive(Debug, Clone, PartialEq)]
pub struct Commit {
    /// The lease that it was computed under.
    pub lease: Lease,
    /// The record.
    pub what: NewRecord,
}

/// The record in a [`Commit`].
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a group of commits lives for a moment")]
pub enum NewRecord {
    /// An artifact; its checkpoints are deleted.
    Artifact {
        /// The artifact.
        artifact: NewArtifact,
        /// Whether to replace a stored artifact.
        replace: bool,
    },
    /// A checkpoint of an artifact that is not stored.
    Checkpoint(NewCheckpoint),
}

/// The outcome of a [`Commit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Committed {
    /// The record was written.
    Written,
    /// The record was stored already, so the computation was unneeded and is counted. The stored record is unchanged.
    AlreadyThere,
    /// The lease has ended. Nothing was written.
    StaleLease,
}

/// A stored artifact.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredArtifact {
    /// The artifact as it was written.
    pub artifact: NewArtifact,
    /// SHA-256 of the body, which was checked.
    pub body_sha256: String,
    /// Number of times that it was computed under a live lease, whether the result was written or not.
    pub computations: u64,
}

/// A stored checkpoint whose body matches its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCheckpoint {
    /// The window's index, from 0.
    pub index: u32,
    /// The output as JSON.
    pub body: String,
}

/// A stored checkpoint without its body.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CheckpointHash {
    /// The artifact that it belongs to: its fingerprint, unless the store was altered.
    pub fingerprint: String,
    /// The window's index, from 0.
    pub index: u32,
    /// SHA-256 of the body.
    pub sha256: String,
}

/// The result of looking up a fingerprint.
#[derive(Debug, Clone, PartialEq)]
pub enum Lookup {
    /// No artifact is stored.
    Missing,
    /// The stored artifact was altered: compute it again.
    Altered(Alteration),
    /// An artifact whose body and key match their hashes.
    Sound(Box<StoredArtifact>),
}

/// How a stored artifact differs from what was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Alteration {
    /// The body's hash is not the stored one.
    #[error("the body has hash {found_sha256}, expected {expected_sha256}")]
    Body {
        /// The stored hash.
        expected_sha256: String,
        /// The body's hash.
        found_sha256: String,
    },
    /// The key's hash is not the artifact's fingerprint.
    #[error("the key has fingerprint {found:?}, expected {expected}")]
    Key {
        /// The artifact's fingerprint.
        expected: Fingerprint,
        /// The key's fingerprint, or `None` if the key cannot be read.
        found: Option<Fingerprint>,
    },
}
