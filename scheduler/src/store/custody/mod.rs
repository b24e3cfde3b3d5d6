//! The custody log: what happened to a case, as a chain of lines each of which contains the hash of the one before.
//!
//! ```text
//! store operation -> Entry -> Line (number, time, hash of the line before) -> table, in the same transaction
//!                                                                          \-> file beside the store, appended, synced
//! ```
//!
//! A line is JSON, and its hash is the SHA-256 of its bytes without the newline, so that `sha256sum` can check a log. The
//! hash of the last line is the *head*. Whoever knows a head knows that no earlier line was changed. The log contains ids
//! and hashes only. Hashes of names, paths and texts are salted with a secret of the store, so that nobody can guess them
//! from a log that was handed over.
//!
//! A store has one chain, whose first entry names the case. The coordinators of an SQLite store run one after another and
//! continue it. Those of a PostgreSQL store may run at the same time: whoever adds lines locks the end of the chain until
//! its transaction ends, so that the order of the lines is the order of the commits, and each line names its run (`by`).
//! One head covers the work of all of them; with a chain for each, a whole chain could be removed unnoticed.

mod audit;
mod chain;
mod digest;
mod entry;
mod log_file;

pub(in crate::store) use self::audit::refuse_unlogged_checkpoints;
pub use self::audit::{Audit, Difference, Disagreement, Subject, audit};
pub use self::chain::{ChainFault, Line, is_one_group, line_sha256, read_chain};
pub(in crate::store) use self::chain::{Last, Sealed, seal};
pub(in crate::store) use self::digest::Digests;
pub(in crate::store) use self::digest::host;
pub use self::digest::{Salt, user};
pub use self::entry::{Entry, Files, VoicesAction};
pub use self::log_file::{Compared, Present, logs_beside};
pub(in crate::store) use self::log_file::{LogFile, Reconciled};

use std::path::PathBuf;

use stage_core::to_hex;

/// Version of the log's format.
const FORMAT: u32 = 1;

/// The custody log as a store holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Custody {
    /// ID of the case: 32 random hex digits.
    pub case: String,
    /// ID of this store's chain: 16 random hex digits.
    pub chain: String,
    /// The secret with which names, paths and texts are hashed.
    pub salt: Salt,
    /// The lines of the chain, from the first, without newlines.
    pub lines: Vec<String>,
    /// The log file. `None` for a store that has none.
    pub file: Option<PathBuf>,
}

impl Custody {
    /// The log of a new case without lines, and the entry that begins its chain.
    pub(in crate::store) fn of_new_case() -> (Self, Entry) {
        let (case, chain, salt) = (random_hex::<16>(), random_id(), Salt::new(random_hex::<32>()));
        let (salt_sha256, heads) = (salt.sha256(), [].into());
        let entry = Entry::Case { format: FORMAT, case: case.clone(), chain: chain.clone(), salt_sha256, heads };
        (Self { case, chain, salt, lines: Vec::new(), file: None }, entry)
    }

    /// The head of the chain: the hash of its last line. `None` if there is no line, which happens only in an altered
    /// store.
    #[must_use]
    pub fn head(&self) -> Option<String> {
        self.lines.last().map(|line| line_sha256(line))
    }
}

/// A new random ID: 16 hex digits.
#[must_use]
pub fn random_id() -> String {
    random_hex::<8>()
}

/// Random bytes of the system, as hex.
fn random_hex<const BYTES: usize>() -> String {
    let mut bytes = [0; BYTES];
    // The system's random numbers are always available on the supported systems once they have started.
    #[expect(clippy::expect_used, reason = "without random numbers there is no identity")]
    getrandom::fill(&mut bytes).expect("the system provides random numbers");
    to_hex(&bytes)
}
