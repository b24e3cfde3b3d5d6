//! What people state about results: confirmations, rejections, notes and corrections.

use serde::{Deserialize, Serialize};

/// One statement of a reviewer. Entries are added and never changed. What a statement means is up to the program; the
/// store knows whose it is, when it was made, and which recording it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewEntry {
    /// 16 random hex digits, so that a page can make an entry, and importing it twice adds it once.
    pub id: String,
    /// SHA-256 of the recording.
    pub recording: String,
    /// The reviewer.
    pub author: String,
    /// When it was made, in milliseconds since 1970, by the clock of the reviewer's machine.
    pub at_ms: u64,
    /// The statement as JSON.
    pub body: String,
}

/// What became of an entry that was to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReviewOutcome {
    /// It was stored.
    Written,
    /// The same entry was stored before.
    Known,
    /// Another entry with its ID is stored. Nothing was changed.
    Conflict,
}
