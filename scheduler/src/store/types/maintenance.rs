//! The results of checking and compacting a store.

use stage_core::Fingerprint;

use super::Alteration;

/// The result of a check: numbers of checked records, and the faults found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreCheck {
    /// Number of artifacts checked.
    pub artifacts: usize,
    /// Number of checkpoints of incomplete artifacts checked.
    pub checkpoints: usize,
    /// Number of leases that are still live although no process writes to the store, because a run was killed. This is
    /// not a fault: the next run ends them.
    pub abandoned_leases: usize,
    /// The faults found.
    pub faults: Vec<StoreFault>,
}

/// A fault found by a check.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreFault {
    /// The storage itself is damaged: restore it from a copy, or run into a new folder.
    #[error("the database is damaged: {0}")]
    Damaged(String),
    /// A record refers to another record that does not exist: the store was altered.
    #[error("{record} refers to a {missing} that does not exist")]
    Reference {
        /// The kind and number of the record, such as `batch 7`.
        record: String,
        /// The kind of the missing record, such as `run`.
        missing: String,
    },
    /// A table, index, trigger or view that the store does not have, or lacks: the store was altered by another program.
    #[error("{problem} {object}: the store was altered by another program")]
    Schema {
        /// `unknown` or `missing`.
        problem: &'static str,
        /// Its kind and name, such as `trigger t`.
        object: String,
    },
    /// An artifact was altered. The next run over its recording computes it again.
    #[error("artifact {fingerprint}: {alteration}")]
    Artifact {
        /// Its fingerprint.
        fingerprint: Fingerprint,
        /// How it differs from what was written.
        alteration: Alteration,
    },
    /// The name of an artifact is not a fingerprint: the store was altered.
    #[error("an artifact is stored as `{name}`, which is not a fingerprint")]
    Name {
        /// The name.
        name: String,
    },
    /// A checkpoint was altered. It is computed again.
    #[error("checkpoint {index} of artifact {fingerprint} does not match its hash")]
    Checkpoint {
        /// The artifact that it belongs to.
        fingerprint: String,
        /// The window's index, from 0.
        index: u32,
    },
    /// A recipe was altered, so the keys of its recordings are wrong: run these recordings again.
    #[error("recipe {id} does not match its hash")]
    Recipe {
        /// Its number.
        id: i64,
    },
}

/// The result of compacting a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compaction {
    /// Size of the store before, in bytes.
    pub bytes_before: u64,
    /// Size after, in bytes.
    pub bytes_after: u64,
    /// Number of checkpoints deleted because their artifact is complete.
    pub checkpoints: usize,
    /// Number of cached inputs deleted because their file is gone.
    pub inputs: usize,
    /// Number of recipes deleted because no recording uses them.
    pub recipes: usize,
}
