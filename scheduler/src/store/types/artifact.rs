//! Artifacts and their window checkpoints: as they are written, and as they are stored.

use stage_core::{Fingerprint, StageKey, Tool};

use super::Lease;

/// An artifact to write.
#[derive(Debug, Clone, PartialEq)]
pub struct NewArtifact {
    /// Everything that it depends on; its hash is the artifact's fingerprint.
    pub key: StageKey,
    /// The artifact as JSON.
    pub body: String,
    /// When its stage began, in milliseconds since 1970.
    pub started_at_ms: u64,
    /// How long its stage took, in seconds.
    pub duration_s: f64,
    /// The program that made it.
    pub tool: Tool,
    /// The device that it was made on.
    pub device: String,
}

/// The output of one window of an artifact that is not complete yet: what a long recording keeps when it is interrupted.
#[derive(Debug, Clone, PartialEq)]
pub struct NewCheckpoint {
    /// The artifact that it belongs to.
    pub fingerprint: Fingerprint,
    /// The window's index, from 0.
    pub index: u32,
    /// The output as JSON.
    pub body: String,
    /// When its work began, in milliseconds since 1970.
    pub started_at_ms: u64,
    /// How long its work took, in seconds.
    pub duration_s: f64,
    /// The device that it was made on.
    pub device: String,
}

/// A record to write, under the lease that permits it.
#[derive(Debug, Clone, PartialEq)]
pub struct Commit {
    /// The lease that it was computed under.
    pub lease: Lease,
    /// What to write.
    pub what: NewRecord,
}

/// What a [`Commit`] writes.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a group of commits lives for a moment")]
pub enum NewRecord {
    /// An artifact; its checkpoints are deleted.
    Artifact {
        /// The artifact.
        artifact: NewArtifact,
        /// Write it even if it is stored already.
        replace: bool,
    },
    /// A checkpoint of an artifact that is not stored.
    Checkpoint(NewCheckpoint),
}

/// What became of a [`Commit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Committed {
    /// It is stored now.
    Written,
    /// It was stored already: an unneeded computation, which is counted. The stored record is unchanged.
    AlreadyThere,
    /// The lease has ended; nothing was written.
    StaleLease,
}

/// A stored artifact.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredArtifact {
    /// As it was written.
    pub artifact: NewArtifact,
    /// SHA-256 of the body, checked.
    pub body_sha256: String,
    /// How often it was computed under a live lease, whether it was written or not.
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

/// What is stored under a fingerprint.
#[derive(Debug, Clone, PartialEq)]
pub enum Lookup {
    /// Nothing.
    Missing,
    /// Something that was altered: compute it again.
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
        /// The key's fingerprint; none if the key cannot be read.
        found: Option<Fingerprint>,
    },
}
