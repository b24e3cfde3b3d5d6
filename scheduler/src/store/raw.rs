//! Records as read by a backend, and the checks that are common to all backends.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use stage_core::{Fingerprint, StageKey, Tool, sha256_hex};

use super::StoreError;
use super::types::{Alteration, Lookup, NewArtifact, StoreFault, StoredArtifact};

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
