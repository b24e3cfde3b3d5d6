//! The user's settings of the stage.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Where decoded samples are kept. Not part of the fingerprint, because it does not affect the samples.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecodeConfig {
    /// Memory for the samples of one recording, in bytes. Longer recordings use a file in `spill_dir`.
    pub memory_budget_bytes: u64,
    /// Folder for the (unlinked) spill files.
    pub spill_dir: PathBuf,
}
