//! Records as read by a backend, and the conversions and checks that are common to all backends.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use stage_core::{Fingerprint, PipelineError, StageKey, Tool, sha256_hex};

use super::StoreError;
use super::types::{
    Alteration, IncidentKind, Lookup, NewArtifact, ReviewEntry, ReviewOutcome, RunEnd, StoreFault, StoredArtifact,
};

/// An artifact whose body and key are not checked yet.
#[derive(Debug, Clone)]
pub(super) struct RawArtifact {
    pub(super) key: Vec<u8>,
    pub(super) body: Vec<u8>,
    pub(super) body_sha256: String,
    pub(super) started_at_ms: u64,
    pub(super) duration_s: f64,
    pub(super) tool_version: String,
    pub(super) device: String,
    pub(super) computations: u64,
    pub(super) environment: Option<String>,
}

/// The stored fields of a [`Tool`] other than its version.
#[derive(Default, Serialize, Deserialize)]
struct Environment {
    instruction_set: Option<String>,
    libraries: BTreeMap<String, String>,
}

impl RawArtifact {
    /// Converts an artifact that is stored for the first time.
    pub(super) fn new(artifact: &NewArtifact) -> Result<Self, StoreError> {
        let NewArtifact { key, body, started_at_ms, duration_s, tool, device } = artifact;
        let Tool { version, instruction_set, libraries } = tool.clone();
        Ok(Self {
            key: serde_json::to_vec(key)?,
            body: body.clone().into_bytes(),
            body_sha256: sha256_hex(body.as_bytes()),
            started_at_ms: *started_at_ms,
            duration_s: *duration_s,
            tool_version: version,
            device: device.clone(),
            computations: 1,
            environment: Some(serde_json::to_string(&Environment { instruction_set, libraries })?),
        })
    }

    /// Returns the artifact if its body and key match this fingerprint.
    pub(super) fn check(self, fingerprint: &Fingerprint) -> Result<StoredArtifact, Alteration> {
        let found_sha256 = sha256_hex(&self.body);
        let body = String::from_utf8(self.body).ok().filter(|_| found_sha256 == self.body_sha256);
        let body = body.ok_or_else(|| Alteration::Body { expected_sha256: self.body_sha256.clone(), found_sha256 })?;
        let key = serde_json::from_slice::<StageKey>(&self.key).ok();
        let found = key.as_ref().map(StageKey::fingerprint);
        let key =
            key.filter(|_| found == Some(*fingerprint)).ok_or(Alteration::Key { expected: *fingerprint, found })?;
        // If an older version did not store the provenance, or it cannot be read, it is unknown. Provenance is not
        // evidence.
        let environment = self.environment.and_then(|text| serde_json::from_str(&text).ok());
        let Environment { instruction_set, libraries } = environment.unwrap_or_default();
        let artifact = NewArtifact {
            key,
            body,
            started_at_ms: self.started_at_ms,
            duration_s: self.duration_s,
            tool: Tool { version: self.tool_version, instruction_set, libraries },
            device: self.device,
        };
        Ok(StoredArtifact { artifact, body_sha256: self.body_sha256, computations: self.computations })
    }

    pub(super) fn lookup(self, fingerprint: &Fingerprint) -> Lookup {
        match self.check(fingerprint) {
            Ok(artifact) => Lookup::Sound(Box::new(artifact)),
            Err(alteration) => Lookup::Altered(alteration),
        }
    }

    /// The fault of an artifact that is stored under `name`, if there is one.
    pub(super) fn fault(self, name: &str) -> Option<StoreFault> {
        match name.parse() {
            Err(_) => Some(StoreFault::Name { name: name.to_owned() }),
            Ok(fingerprint) => {
                let alteration = self.check(&fingerprint).err()?;
                Some(StoreFault::Artifact { fingerprint, alteration })
            }
        }
    }
}

/// Returns a body if it matches its hash.
pub(super) fn sound_body(body: Vec<u8>, body_sha256: &str) -> Option<String> {
    let matches = sha256_hex(&body) == body_sha256;
    String::from_utf8(body).ok().filter(|_| matches)
}

/// Whether an input file is certainly gone. If its folder cannot be read at the moment, this is false.
pub(super) fn is_gone(path: &Path) -> bool {
    matches!(path.try_exists(), Ok(false))
}

/// Converts a path to bytes, since a file name need not be valid UTF-8.
pub(super) fn path_bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}

pub(super) fn path_from(bytes: Vec<u8>) -> PathBuf {
    OsString::from_vec(bytes).into()
}

/// The kind of an incident with this stored name.
pub(super) fn incident_kind(name: String) -> Result<IncidentKind, StoreError> {
    name.parse().map_err(|_| StoreError::Unreadable { what: "kind of incident", value: name })
}

/// The error of a failure or a quarantine, from its JSON.
pub(super) fn pipeline_error(text: String) -> Result<PipelineError, StoreError> {
    json("failure", text)
}

/// The fingerprint under which a quarantine is stored.
pub(super) fn quarantine_fingerprint(name: String) -> Result<Fingerprint, StoreError> {
    name.parse().map_err(|_| StoreError::Unreadable { what: "fingerprint of a quarantine", value: name })
}

/// The name of a run's end in the store.
pub(super) const fn run_end_name(end: RunEnd) -> &'static str {
    match end {
        RunEnd::Finished => "finished",
        RunEnd::Interrupted => "interrupted",
        RunEnd::Broken => "broken",
    }
}

/// The end of a run with this name.
pub(super) fn run_end(name: &str) -> Result<RunEnd, StoreError> {
    [RunEnd::Finished, RunEnd::Interrupted, RunEnd::Broken]
        .into_iter()
        .find(|end| run_end_name(*end) == name)
        .ok_or_else(|| StoreError::Unreadable { what: "state of a run", value: name.to_owned() })
}

/// A value from its stored JSON. `what` names it in the error.
pub(super) fn json<T: DeserializeOwned>(what: &'static str, value: String) -> Result<T, StoreError> {
    serde_json::from_str(&value).map_err(|_| StoreError::Unreadable { what, value })
}

/// What becomes of a reviewer's statement, given the stored one with its ID.
pub(super) fn review_outcome(known: Option<&ReviewEntry>, entry: &ReviewEntry) -> ReviewOutcome {
    match known {
        None => ReviewOutcome::Written,
        Some(known) if known == entry => ReviewOutcome::Known,
        Some(_) => ReviewOutcome::Conflict,
    }
}
