//! Recordings whose content was deleted on request.

use serde::{Deserialize, Serialize};

/// A recording whose content was deleted on request. Only its hash is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forgotten {
    /// SHA-256 of its bytes.
    pub sha256: String,
    /// When its content was deleted, in milliseconds since 1970.
    pub at_ms: u64,
    /// Who deleted it.
    pub by: String,
    /// Why, in the words of whoever deleted it. Not part of the custody log.
    pub reason: Option<String>,
}
