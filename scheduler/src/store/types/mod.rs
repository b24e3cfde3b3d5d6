//! The types of stored records.

mod artifact;
mod forgotten;
mod incident;
mod maintenance;
mod output;
mod recording;
mod review;
mod run;

pub use artifact::{
    Alteration, CheckpointHash, Commit, Committed, Lookup, NewArtifact, NewCheckpoint, NewRecord, StoredArtifact,
    StoredCheckpoint,
};
pub use forgotten::Forgotten;
pub use incident::{Failure, Incident, IncidentKind, Quarantine, UnknownIncident};
pub use maintenance::{Compaction, StoreCheck, StoreFault};
pub use output::{MadeFrom, OutputFile};
pub use recording::{InputFacts, InputStat, RecordingEntry};
pub use review::{ReviewEntry, ReviewOutcome};
pub use run::{Lease, LeaseEnd, NewBatch, NewRun, Run, RunEnd, RunId};
