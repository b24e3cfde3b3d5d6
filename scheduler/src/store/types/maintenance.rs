//! The results of checking and of compacting a store.

use stage_core::Fingerprint;

use super::Alteration;

/// The result of a check: counts, and failures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreCheck {
    /// Artifacts checked.
    pub artifacts: usize,
    /// Checkpoints checked, of artifacts that are not complete.
    pub checkpoints: usize,
    /// Leases still live although no process writes to the store: a run was killed. Not a fault: the next run ends them.
    pub abandoned_leases: usize,
    /// What failed.
    pub faults: Vec<StoreFault>,
}

/// A check that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreFault {
    /// The storage itself is damaged: restore it from a copy, or run into a new folder.
    #[error("the database is damaged: {0}")]
    Damaged(String),
    /// A record refers to another that does not exist: the store was altered.
    #[error("{record} refers to a {missing} that does not exist")]
    Reference {
        /// The record, as its kind and number: `batch 7`.
        record: String,
        /// The kind of record that is missing: `run`.
        missing: String,
    },
    /// An artifact was altered: the next run over its recording computes it again.
    #[error("artifact {fingerprint}: {alteration}")]
    Artifact {
        /// Its fingerprint.
        fingerprint: Fingerprint,
        /// How it differs.
        alteration: Alteration,
    },
    /// An artifact is stored under something that is not a fingerprint: the store was altered.
    #[error("an artifact is stored as `{name}`, which is not a fingerprint")]
    Name {
        /// What it is stored under.
        name: String,
    },
    /// A checkpoint was altered: it is computed again.
    #[error("checkpoint {index} of artifact {fingerprint} does not match its hash")]
    Checkpoint {
        /// The artifact that it belongs to.
        fingerprint: String,
        /// The window's index, from 0.
        index: u32,
    },
    /// A recipe was altered, so that the keys of its recordings are wrong: run them again.
    #[error("recipe {id} does not match its hash")]
    Recipe {
        /// Its number.
        id: i64,
    },
}

/// What compacting a store did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compaction {
    /// Size of the store before, in bytes.
    pub bytes_before: u64,
    /// Size after, in bytes.
    pub bytes_after: u64,
    /// Checkpoints deleted because their artifact is complete.
    pub checkpoints: usize,
    /// Inputs deleted because their file is gone.
    pub inputs: usize,
    /// Recipes deleted because no recording uses them any more.
    pub recipes: usize,
}
