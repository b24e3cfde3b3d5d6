//! Unexpected events of a run and the reactions to them.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::de::IntoDeserializer;
use serde::de::value::StrDeserializer;
use serde::{Deserialize, Serialize};
use stage_core::{Fingerprint, PipelineError};

/// A recording that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The recording.
    pub path: PathBuf,
    /// The error.
    pub error: PipelineError,
}

/// A recording that is skipped because it kills workers, until a run retries quarantined recordings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantine {
    /// The artifact whose computation kills workers. Another version, model or setting results in another fingerprint,
    /// so that the recording is tried again.
    pub fingerprint: Fingerprint,
    /// The recording.
    pub path: PathBuf,
    /// The error.
    pub error: PipelineError,
}

/// An unexpected event of a run, or the reaction to one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// Time in milliseconds since 1970.
    pub at_ms: u64,
    /// The kind of event.
    pub kind: IncidentKind,
    /// The worker or device that it concerns (`cuda:0`, `cpu:0#1`), or `None` if it concerns only a recording.
    pub worker: Option<String>,
    /// The recording that it concerns, if any.
    pub recording: Option<PathBuf>,
    /// A message for the user.
    pub message: String,
}

/// The kind of an [`Incident`]. Some names in the store are older than the names here, and do not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IncidentKind {
    /// A worker process exited, sent no heartbeat, hung or sent malformed messages.
    WorkerLost,
    /// The health probe, a computation that is known to work, passed on a suspected device.
    #[serde(rename = "canary-passed")]
    ProbePassed,
    /// The health probe failed.
    #[serde(rename = "canary-failed")]
    ProbeFailed,
    /// A device gets no more work in this run.
    #[serde(rename = "device-out")]
    DeviceRetired,
    /// A device is not admitted: its memory is full, its temperature is too high, or it cannot be read.
    DeviceHeld,
    /// A GPU fell off the bus or reported an error. It gets no work until it passes the health probe.
    DeviceLost,
    /// A device is hot: it finishes its work and gets no new batch.
    DeviceThrottled,
    /// A device is too hot: it paused between two calls.
    DevicePaused,
    /// A device gets work again.
    DeviceResumed,
    /// The number of inputs in flight was reduced because the device ran out of memory.
    BatchShrunk,
    /// A lost worker's recordings were queued in two halves, to find the one that kills workers.
    #[serde(rename = "batch-halved")]
    BatchBisected,
    /// A recording that kills workers was found and quarantined.
    Quarantined,
    /// A failure may be temporary, and the recording is tried again.
    Retried,
    /// The bytes of a file are not those that were first seen at its place. Both are recordings of the case.
    RecordingChanged,
    /// A known recording was seen at another place: it was renamed, moved or copied.
    RecordingMoved,
    /// The clock of the machine was changed during the run, or was set back since the last one.
    ClockChanged,
    /// The driver of the cluster ended or hung, and with it all workers.
    DriverLost,
    /// The cluster has no room for a worker that was requested.
    WorkerPending,
}

impl IncidentKind {
    /// The name in the store, in metrics and in JSON, in kebab-case, such as `worker-lost`.
    #[must_use]
    pub fn name(self) -> String {
        self.to_string()
    }

    /// The name in messages, such as `worker lost`.
    #[must_use]
    pub fn label(self) -> String {
        match self {
            Self::ProbePassed => "health probe passed".to_owned(),
            Self::ProbeFailed => "health probe failed".to_owned(),
            Self::DeviceRetired => "device retired".to_owned(),
            Self::BatchBisected => "batch bisected".to_owned(),
            _ => self.name().replace('-', " "),
        }
    }
}

impl fmt::Display for IncidentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// The name is not a kind of incident: a newer version stored it, or it was altered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown kind of incident `{0}`")]
pub struct UnknownIncident(String);

impl FromStr for IncidentKind {
    type Err = UnknownIncident;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let text: StrDeserializer<'_, serde::de::value::Error> = name.into_deserializer();
        Self::deserialize(text).map_err(|_| UnknownIncident(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn incident_kind_keeps_its_stored_name() {
        assert_eq!(IncidentKind::ProbeFailed.name(), "canary-failed");
        assert_eq!("canary-failed".parse(), Ok(IncidentKind::ProbeFailed));
        assert_eq!("ProbeFailed".parse::<IncidentKind>(), Err(UnknownIncident("ProbeFailed".to_owned())));
    }
}
