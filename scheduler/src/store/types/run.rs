//! Runs and the leases of their batches.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::store::Files;

/// The number of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RunId(pub i64);

/// A run that begins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewRun {
    /// The command line.
    pub command: String,
    /// Version of the executable.
    pub tool_version: String,
    /// The priority of its recordings. Higher priorities run earlier.
    pub priority: i32,
    /// SHA-256 of its configuration, as JSON, for the custody log.
    pub configuration: Option<String>,
    /// The models that it may use, by their hash in the keys of artifacts, for the custody log.
    pub models: BTreeMap<String, Files>,
}

impl NewRun {
    /// The run after it began.
    pub(in crate::store) fn begun(&self, id: RunId, pid: u32, started_at_ms: u64) -> Run {
        let Self { command, tool_version, priority, .. } = self.clone();
        Run { id, command, tool_version, priority, pid: Some(pid), started_at_ms, ended: None }
    }
}

/// A batch for which a lease is granted.
#[derive(Debug, Clone, PartialEq)]
pub struct NewBatch {
    /// The worker that gets it (`cuda:0`, `cpu:0#1`).
    pub worker: String,
    /// Its priority. Higher priorities run earlier.
    pub priority: i32,
    /// Number of recordings.
    pub recordings: usize,
    /// Their total length in seconds.
    pub audio_s: f64,
}

/// The permission to commit the artifacts of one batch. Numbers only increase, so that a newer lease is never mistaken
/// for an older one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Lease {
    /// The batch.
    pub batch: i64,
    /// The fencing number.
    pub number: i64,
}

/// How a lease ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseEnd {
    /// Every recording of the batch is done or failed.
    Finished,
    /// The worker is lost or was stopped.
    Revoked,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunEnd {
    /// Every recording is done or failed.
    Finished,
    /// The user stopped the run.
    Interrupted,
    /// An error stopped the run.
    Broken,
}

/// A stored run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Its number.
    pub id: RunId,
    /// The command line.
    pub command: String,
    /// Version of the executable.
    pub tool_version: String,
    /// The priority of its recordings. Higher priorities run earlier.
    pub priority: i32,
    /// The process ID of the coordinator. `None` if the run was stored by an older version, which did not record it.
    pub pid: Option<u32>,
    /// When it began, in milliseconds since 1970.
    pub started_at_ms: u64,
    /// When (in milliseconds since 1970) and how it ended. `None` while it runs, or if it was killed.
    pub ended: Option<(u64, RunEnd)>,
}
