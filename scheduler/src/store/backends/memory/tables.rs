//! The tables: plain collections in the order in which they are listed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use stage_core::PipelineError;

use super::log::Log;
use crate::store::raw::RawArtifact;
use crate::store::{Forgotten, Incident, InputFacts, InputStat, LeaseEnd, OutputFile, Quarantine, ReviewEntry, Run};

/// All data of a database.
#[derive(Debug, Default)]
pub(super) struct Tables {
    /// Runs by number.
    pub(super) runs: BTreeMap<i64, Run>,
    /// Batches by number.
    pub(super) batches: BTreeMap<i64, Batch>,
    /// Artifacts by fingerprint. The key is text, so that an altered fingerprint can be stored too.
    pub(super) artifacts: BTreeMap<String, RawArtifact>,
    /// Checkpoints by the fingerprint of their artifact and the window's index.
    pub(super) checkpoints: BTreeMap<(String, u32), RawCheckpoint>,
    pub(super) recomputations: u64,
    pub(super) incidents: Vec<(i64, RawIncident)>,
    /// Failures by run and path.
    pub(super) failures: BTreeMap<(i64, PathBuf), PipelineError>,
    /// Quarantined recordings by fingerprint.
    pub(super) quarantine: BTreeMap<String, Quarantine>,
    pub(super) inputs: BTreeMap<PathBuf, (InputStat, InputFacts)>,
    /// Recordings by the hash of their bytes.
    pub(super) recordings: BTreeMap<String, RawRecording>,
    /// The places of recordings by path and hash, with a number that grows with every sighting.
    pub(super) places: BTreeMap<(PathBuf, String), u64>,
    /// Recipes by number.
    pub(super) recipes: BTreeMap<i64, RawRecipe>,
    pub(super) outputs: BTreeMap<PathBuf, OutputFile>,
    /// Statements of reviewers by ID.
    pub(super) reviews: BTreeMap<String, ReviewEntry>,
    pub(super) forgotten: Vec<Forgotten>,
    pub(super) log: Log,
}

/// A batch: the run that granted its lease, the lease's number, and how the lease ended.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) run: i64,
    pub(super) lease: i64,
    pub(super) ended: Option<LeaseEnd>,
}

#[derive(Debug)]
pub(super) struct RawCheckpoint {
    pub(super) body: Vec<u8>,
    pub(super) body_sha256: String,
}

/// An incident. Its kind is text, since a newer version may have kinds that this one does not know.
#[derive(Debug)]
pub(super) struct RawIncident {
    pub(super) kind: String,
    pub(super) incident: Incident,
}

#[derive(Debug)]
pub(super) struct RawRecording {
    pub(super) path: PathBuf,
    pub(super) relative: Option<PathBuf>,
    pub(super) bytes: Option<u64>,
    pub(super) audio_s: f64,
    pub(super) name: String,
    pub(super) recipe: i64,
    pub(super) run: i64,
}

#[derive(Debug)]
pub(super) struct RawRecipe {
    pub(super) body: String,
    pub(super) body_sha256: String,
}

/// The number after the largest key of a table.
pub(super) fn next_number<T>(table: &BTreeMap<i64, T>) -> i64 {
    table.last_key_value().map_or(1, |(last, _)| last + 1)
}
