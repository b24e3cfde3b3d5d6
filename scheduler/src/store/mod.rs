//! Durable storage of results: artifacts by fingerprint, and all data that `status`, `verify` and `export` read.
//!
//! [`Store`] is the port, with an example. [`open`] selects the backend by the scheme of a [`StoreUrl`]. Every backend
//! passes the test suite in `conformance`.

mod backends;
#[cfg(test)]
mod conformance;
mod custody;
mod error;
mod forget;
mod plain_file;
mod port;
mod queue;
mod raw;
mod recipe_cache;
mod sighting;
mod types;
mod url;
mod writer;

pub use custody::{
    Audit, ChainFault, Compared, Custody, Difference, Disagreement, Entry, Files, Line, Present, Salt, Subject,
    VoicesAction, audit, is_one_group, line_sha256, logs_beside, random_id, read_chain, user,
};
pub use error::{Cause, StoreError};
pub use forget::{Deletion, Names};
pub use port::{Access, Store};
pub use queue::{NewWork, SharedPlan, WorkEnd, WorkQueue};
pub use types::{
    Alteration, CheckpointHash, Commit, Committed, Compaction, Failure, Forgotten, Incident, IncidentKind, InputFacts,
    InputStat, Lease, LeaseEnd, Lookup, MadeFrom, NewArtifact, NewBatch, NewCheckpoint, NewRecord, NewRun, OutputFile,
    Quarantine, RecordingEntry, ReviewEntry, ReviewOutcome, Run, RunEnd, RunId, StoreCheck, StoreFault, StoredArtifact,
    StoredCheckpoint, UnknownIncident,
};
pub use url::{StoreUrl, open};
pub use writer::{LockHolder, Writer, command_line};
