//! The user's settings of the stage.

use std::path::PathBuf;

/// Where samples are kept. Not a part of the fingerprint: it changes no sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeConfig {
    /// Samples of one recording that stay in memory, in bytes; a longer one spills to `spill_dir`.
    pub memory_budget_bytes: u64,
    /// Folder for the (unlinked) spill files.
    pub spill_dir: PathBuf,
}
