//! The store's vocabulary.

mod care;
mod incident;
mod record;
mod recording;
mod run;

pub use care::{Compaction, StoreCheck, StoreFault};
pub use incident::{Failure, Incident, IncidentKind, Quarantine, UnknownIncident};
pub use record::{Alteration, Commit, Committed, Lookup, NewArtifact, NewPart, NewRecord, StoredArtifact, StoredPart};
pub use recording::{Export, InputFacts, InputStat, RecordingEntry};
pub use run::{Lease, LeaseEnd, NewBatch, NewRun, Run, RunEnd, RunId};
