//! Runs and the leases of their batches.

use serde::{Deserialize, Serialize};

/// The number of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RunId(pub i64);

/// A run to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRun {
    /// What was asked for.
    pub command: String,
    /// Version of the executable.
    pub tool_version: String,
    /// The priority of its recordings: higher runs earlier.
    pub priority: i32,
}

/// A batch to grant a lease on.
#[derive(Debug, Clone, PartialEq)]
pub struct NewBatch {
    /// The worker that gets it (`cuda:0`, `cpu:0#1`).
    pub worker: String,
    /// Its priority: higher runs earlier.
    pub priority: i32,
    /// Number of recordings.
    pub recordings: usize,
    /// Their length together, in seconds.
    pub audio_s: f64,
}

/// The permission to commit the artifacts of one batch. Numbers only grow, so that a newer lease is never mistaken for
/// an older one.
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
    /// The worker is gone or was stopped.
    Revoked,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunEnd {
    /// Every recording is done or failed.
    Finished,
    /// Stopped by the user.
    Interrupted,
    /// Stopped by an error.
    Broken,
}

/// A stored run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Its number.
    pub id: RunId,
    /// What was asked for.
    pub command: String,
    /// Version of the executable.
    pub tool_version: String,
    /// The priority of its recordings: higher runs earlier.
    pub priority: i32,
    /// The coordinator's process ID; none if an older version, which did not store it, wrote this.
    pub pid: Option<u32>,
    /// When it began, in milliseconds since 1970.
    pub started_at_ms: u64,
    /// When (in milliseconds since 1970) and how it ended; none while it runs, or if it was killed.
    pub ended: Option<(u64, RunEnd)>,
}
