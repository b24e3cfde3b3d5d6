//! Artifacts and their parts: to write, with the right to, and as they are on record.

use stage_core::{Fingerprint, StageKey, Tool};

use super::Lease;

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
    /// The program that made it.
    pub tool: Tool,
    /// The device that it was made on.
    pub device: String,
}

/// A part (the answers to one window) of an artifact that is not complete yet: what a long recording keeps when its
/// work is cut off.
#[derive(Debug, Clone, PartialEq)]
pub struct NewPart {
    /// The artifact that it belongs to.
    pub fingerprint: Fingerprint,
    /// Its place among the parts, from 0.
    pub index: u32,
    /// The part as JSON.
    pub body: String,
    /// When its work began, in milliseconds since 1970.
    pub started_at_ms: u64,
    /// How long its work took, in seconds.
    pub duration_s: f64,
    /// The device that it was made on.
    pub device: String,
}

/// Something to write with the right to write it.
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
    /// An artifact; the parts that it was made of are forgotten with it.
    Artifact {
        /// The artifact.
        artifact: NewArtifact,
        /// Write it even where one of this name is on record.
        replace: bool,
    },
    /// A part of an artifact that is not on record.
    Part(NewPart),
}

/// What became of a [`Commit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Committed {
    /// On record now.
    Written,
    /// It was on record already: computed again for nothing, which is counted. The record stays as it was.
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
    /// How often it was computed under a live lease, whether written or not.
    pub computations: u64,
}

/// A part on record whose body holds its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPart {
    /// Its place among the parts, from 0.
    pub index: u32,
    /// The part as JSON.
    pub body: String,
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
