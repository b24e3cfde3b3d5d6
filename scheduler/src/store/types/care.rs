//! What a check of the store finds, and what compacting it saves.

use stage_core::Fingerprint;

use super::Alteration;

/// What was held against its hash, and what does not hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreCheck {
    /// Artifacts on record.
    pub artifacts: usize,
    /// Parts on record of artifacts that are not complete.
    pub parts: usize,
    /// Leases that still live while no process holds the store: a run was killed. No fault: the next run ends them.
    pub abandoned_leases: usize,
    /// What does not hold.
    pub faults: Vec<StoreFault>,
}

/// Something in the store that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreFault {
    /// The file itself is damaged: restore it from a copy, or begin a new one.
    #[error("the database is damaged: {0}")]
    Database(String),
    /// A row names another one that is not there: the store was altered.
    #[error("row {row} of {table} names a row of {parent} that is not there")]
    Reference {
        /// The table of the row.
        table: String,
        /// The row's number.
        row: i64,
        /// The table that lacks the row.
        parent: String,
    },
    /// An artifact is not what was written: the next run over its recording makes it again.
    #[error("artifact {fingerprint}: {alteration}")]
    Artifact {
        /// Its name.
        fingerprint: Fingerprint,
        /// How it differs.
        alteration: Alteration,
    },
    /// The name of an artifact is no fingerprint: the store was altered.
    #[error("an artifact is named `{name}`, which is no fingerprint")]
    Name {
        /// What stands in its place.
        name: String,
    },
    /// A part is not what was written: it is made again.
    #[error("part {index} of artifact {fingerprint} does not hold its hash")]
    Part {
        /// The artifact that it belongs to.
        fingerprint: String,
        /// Its place among the parts.
        index: u32,
    },
    /// A recipe is not what was written, so the keys of its recordings are not theirs: run them again.
    #[error("recipe {id} does not hold its hash")]
    Recipe {
        /// Its number.
        id: i64,
    },
}

/// What compacting the store did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compaction {
    /// Size of the database and its log before, in bytes.
    pub bytes_before: u64,
    /// Size after, in bytes.
    pub bytes_after: u64,
    /// Parts dropped because their artifact is on record.
    pub parts: usize,
    /// Inputs forgotten because their file is gone.
    pub inputs: usize,
    /// Recipes dropped because no recording is made by them any more.
    pub recipes: usize,
}
