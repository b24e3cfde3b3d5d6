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

/// A recording that was set aside because it kills workers, until it is asked for again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantine {
    /// The artifact that it died on: another version, model or setting has another one, and tries the recording again.
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
    /// What happened, for people.
    pub message: String,
}

/// What kind of thing an [`Incident`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IncidentKind {
    /// A worker process ended, fell silent, hung or talked nonsense.
    WorkerLost,
    /// The known-good canary passed on a device under suspicion.
    CanaryPassed,
    /// The known-good canary failed.
    CanaryFailed,
    /// A device gets no more work in this run.
    DeviceOut,
    /// A device is not admitted yet: its memory or temperature forbids it, or it cannot be read.
    DeviceHeld,
    /// A GPU fell off the bus or reported a fault of its own: no work for it until the canary passes.
    DeviceLost,
    /// A device is hot: it finishes what it holds and gets no new batch.
    DeviceThrottled,
    /// A device is too hot: it stopped between two calls.
    DevicePaused,
    /// A device works again.
    DeviceResumed,
    /// Calls of the device were made smaller because its memory did not suffice.
    BatchShrunk,
    /// A lost worker's recordings were put in line in two halves, to find the one that kills workers.
    BatchHalved,
    /// A recording that kills workers was found and set aside.
    Quarantined,
    /// A failure that may pass: the recording is tried again.
    Retried,
}

impl IncidentKind {
    /// The name used in the store, in reports and in metrics, in kebab-case: `worker-lost`.
    #[must_use]
    pub fn name(self) -> String {
        self.to_string()
    }
}

impl fmt::Display for IncidentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// No kind of incident has this name: a newer version wrote it, or it was altered.
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
    fn a_kind_of_incident_is_known_again_by_its_name() {
        assert_eq!(IncidentKind::CanaryFailed.name(), "canary-failed");
        assert_eq!("canary-failed".parse(), Ok(IncidentKind::CanaryFailed));
        assert_eq!("CanaryFailed".parse::<IncidentKind>(), Err(UnknownIncident("CanaryFailed".to_owned())));
    }
}
