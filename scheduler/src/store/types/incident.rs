//! What went wrong in a run, and what was done about it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::de::IntoDeserializer;
use serde::de::value::StrDeserializer;
use serde::{Deserialize, Serialize};
use stage_core::{Fingerprint, StageError};

/// A recording that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The recording.
    pub path: PathBuf,
    /// Why.
    pub error: StageError,
}

/// A recording that is not tried again, because it kills workers, until a run asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantine {
    /// The artifact whose computation kills workers. Another version, model or setting gives another fingerprint, so that
    /// the recording is tried again.
    pub fingerprint: Fingerprint,
    /// The recording.
    pub path: PathBuf,
    /// Why.
    pub error: StageError,
}

/// Something that went wrong, or was done about it, in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// What.
    pub kind: IncidentKind,
    /// The worker or device that it concerns (`cuda:0`, `cpu:0#1`); none where it concerns a recording alone.
    pub worker: Option<String>,
    /// The recording that it concerns, if one.
    pub recording: Option<PathBuf>,
    /// A message for people.
    pub message: String,
}

/// The kind of an [`Incident`]. The names in the store are older than some names here, and stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IncidentKind {
    /// A worker process ended, sent nothing, hung or sent malformed messages.
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
    /// A device is not admitted yet: its memory or temperature forbids it, or it cannot be read.
    DeviceHeld,
    /// A GPU fell off the bus or reported a fault of its own: no work for it until the health probe passes.
    DeviceLost,
    /// A device is hot: it finishes what it holds and gets no new batch.
    DeviceThrottled,
    /// A device is too hot: it stopped between two calls.
    DevicePaused,
    /// A device works again.
    DeviceResumed,
    /// Device calls were made smaller because the device was out of memory.
    BatchShrunk,
    /// A lost worker's recordings were queued in two halves, to find the one that kills workers.
    #[serde(rename = "batch-halved")]
    BatchBisected,
    /// A recording that kills workers was found and quarantined.
    Quarantined,
    /// A failure that may pass: the recording is tried again.
    Retried,
}

impl IncidentKind {
    /// The name in the store, in metrics and in JSON, in kebab-case: `worker-lost`.
    #[must_use]
    pub fn name(self) -> String {
        self.to_string()
    }

    /// The name for people: `worker lost`.
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

/// No kind of incident has this name: a newer version stored it, or it was altered.
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
