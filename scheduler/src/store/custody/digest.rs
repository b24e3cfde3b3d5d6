//! Salted hashes of what the log must not contain: paths, names, texts, and whole records of the store.

use std::path::Path;

use serde::Serialize;
use serde_json::{Value, json};
use stage_core::{PipelineError, Sha256Stream, path_bytes, sha256_hex};

use super::Entry;
use crate::store::{
    Failure, Forgotten, Incident, NewArtifact, NewCheckpoint, NewRecord, NewRun, OutputFile, Quarantine, ReviewEntry,
    Run, RunId, StoreError,
};

/// A secret of the store. A hash without it could be compared with the hashes of guessed names and phone numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Salt(String);

impl Salt {
    pub(in crate::store) const fn new(salt: String) -> Self {
        Self(salt)
    }

    pub(in crate::store) const fn secret(&self) -> &String {
        &self.0
    }

    /// SHA-256 of the salt, which the first entry of the chain contains.
    #[must_use]
    pub fn sha256(&self) -> String {
        sha256_hex(self.0.as_bytes())
    }

    /// SHA-256 over the salt, a newline, and these bytes.
    #[must_use]
    pub fn hash(&self, bytes: &[u8]) -> String {
        let mut stream = Sha256Stream::default();
        stream.update(self.0.as_bytes());
        stream.update(b"\n");
        stream.update(bytes);
        stream.finish_hex()
    }

    /// The hash of a path.
    #[must_use]
    pub fn path(&self, path: &Path) -> String {
        self.hash(path.as_os_str().as_encoded_bytes())
    }

    fn json(&self, value: &impl Serialize) -> Result<String, StoreError> {
        Ok(self.hash(&serde_json::to_vec(value)?))
    }
}

/// The entries and record hashes of a store's records, computed in the same way when they are written and when they are
/// audited.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Digests<'a>(pub(in crate::store) &'a Salt);

impl Digests<'_> {
    pub(in crate::store) fn run_began(&self, run: &Run) -> Result<String, StoreError> {
        let Run { id, command, tool_version, priority, pid, started_at_ms, ended: _ } = run;
        self.0.json(&json!([id, command, tool_version, priority, pid, started_at_ms]))
    }

    pub(in crate::store) fn run_ended(&self, run: &Run) -> Result<Option<String>, StoreError> {
        run.ended.map(|(at_ms, end)| self.0.json(&json!([run.id, at_ms, end]))).transpose()
    }

    /// The entry of a run that begins.
    pub(in crate::store) fn run_began_entry(&self, run: &Run, new: &NewRun) -> Result<Entry, StoreError> {
        self.run_entry(run, new, Some((host(), user())))
    }

    /// The entry of a run that an older version recorded.
    pub(in crate::store) fn old_run_entry(&self, run: &Run) -> Result<Entry, StoreError> {
        self.run_entry(run, &NewRun::default(), None)
    }

    fn run_entry(&self, run: &Run, new: &NewRun, by: Option<(String, String)>) -> Result<Entry, StoreError> {
        let (host, user) = by.unzip();
        Ok(Entry::RunBegan {
            run: run.id.0,
            record: self.run_began(run)?,
            tool: run.tool_version.clone(),
            host,
            user,
            command: self.0.hash(run.command.as_bytes()),
            configuration: new.configuration.clone(),
            models: new.models.clone(),
        })
    }

    /// The entry of a run that ended.
    pub(in crate::store) fn run_ended_entry(&self, run: &Run) -> Result<Option<Entry>, StoreError> {
        let Some(((_, end), record)) = run.ended.zip(self.run_ended(run)?) else { return Ok(None) };
        Ok(Some(Entry::RunEnded { run: run.id.0, end, record }))
    }

    pub(in crate::store) fn artifact(&self, artifact: &NewArtifact) -> Result<String, StoreError> {
        let NewArtifact { key, body: _, started_at_ms, duration_s, tool, device } = artifact;
        self.0.json(&json!([key, started_at_ms, duration_s, tool, device]))
    }

    /// The entry of an artifact that is written.
    pub(in crate::store) fn artifact_entry(&self, artifact: &NewArtifact, replaces: bool) -> Result<Entry, StoreError> {
        Ok(Entry::Artifact {
            recording: artifact.key.file_sha256.clone(),
            stage: artifact.key.stage,
            fingerprint: artifact.key.fingerprint(),
            sha256: sha256_hex(artifact.body.as_bytes()),
            record: self.artifact(artifact)?,
            replaces,
        })
    }

    /// The entry of a commit that was written. `replaces`: there was an artifact with its fingerprint.
    pub(in crate::store) fn commit_entry(&self, what: &NewRecord, replaces: bool) -> Result<Entry, StoreError> {
        match what {
            NewRecord::Artifact { artifact, .. } => self.artifact_entry(artifact, replaces),
            NewRecord::Checkpoint(NewCheckpoint { fingerprint, index, body, .. }) => {
                Ok(Entry::Checkpoint { fingerprint: *fingerprint, index: *index, sha256: sha256_hex(body.as_bytes()) })
            }
        }
    }

    pub(in crate::store) fn output(&self, output: &OutputFile) -> Result<String, StoreError> {
        let OutputFile { path, sha256, replaces, recording, format, .. } = output;
        let OutputFile { renderer, settings, made_from, document, context, .. } = output;
        let path = path_value(path);
        let file = json!([path, sha256, replaces, recording, format]);
        self.0.json(&json!([file, renderer, settings, made_from, document, context]))
    }

    /// The entry of a file that is written.
    pub(in crate::store) fn output_entry(&self, output: &OutputFile) -> Result<Entry, StoreError> {
        Ok(Entry::Output {
            name: self.0.path(&output.path),
            format: output.format.clone(),
            sha256: output.sha256.clone(),
            recording: output.recording.clone(),
            record: self.output(output)?,
        })
    }

    pub(in crate::store) fn incident(&self, incident: &Incident) -> Result<String, StoreError> {
        let Incident { at_ms, kind, worker, recording, message } = incident;
        let recording = recording.as_deref().map(path_value);
        self.0.json(&json!([at_ms, kind, worker, recording, message]))
    }

    /// The entries of incidents.
    pub(in crate::store) fn incident_entries(
        &self,
        run: RunId,
        incidents: &[Incident],
    ) -> Result<Vec<Entry>, StoreError> {
        let entry = |incident: &Incident| {
            Ok(Entry::Incident { run: run.0, incident: incident.kind, record: self.incident(incident)? })
        };
        incidents.iter().map(entry).collect()
    }

    /// The entries of failures.
    pub(in crate::store) fn failure_entries(&self, run: RunId, failures: &[Failure]) -> Result<Vec<Entry>, StoreError> {
        let entry = |failure: &Failure| {
            let (place, code) = (self.0.path(&failure.path), failure.error.code.clone());
            Ok(Entry::Failure { run: run.0, place, code, record: self.failure(failure)? })
        };
        failures.iter().map(entry).collect()
    }

    /// The entries of quarantined recordings.
    pub(in crate::store) fn quarantine_entries(&self, entries: &[Quarantine]) -> Result<Vec<Entry>, StoreError> {
        let entry = |entry: &Quarantine| {
            Ok(Entry::Quarantined { fingerprint: entry.fingerprint, record: self.quarantine(entry)? })
        };
        entries.iter().map(entry).collect()
    }

    pub(in crate::store) fn failure(&self, Failure { path, error }: &Failure) -> Result<String, StoreError> {
        self.failed(path, error)
    }

    pub(in crate::store) fn review(&self, entry: &ReviewEntry) -> Result<String, StoreError> {
        self.0.json(entry)
    }

    /// The entry of a reviewer's statement.
    pub(in crate::store) fn review_entry(&self, entry: &ReviewEntry) -> Result<Entry, StoreError> {
        let ReviewEntry { id, recording, author, .. } = entry.clone();
        let author = self.0.hash(author.as_bytes());
        Ok(Entry::Review { id, recording, author, record: self.review(entry)? })
    }

    pub(in crate::store) fn forgotten(&self, forgotten: &Forgotten) -> Result<String, StoreError> {
        self.0.json(forgotten)
    }

    pub(in crate::store) fn quarantine(&self, entry: &Quarantine) -> Result<String, StoreError> {
        self.failed(&entry.path, &entry.error)
    }

    fn failed(&self, path: &Path, error: &PipelineError) -> Result<String, StoreError> {
        self.0.json(&json!([path_value(path), error]))
    }
}

/// Name of the machine.
pub(in crate::store) fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Name of the user of this process, or its number if the environment does not name it.
#[must_use]
pub fn user() -> String {
    let named = ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    named.filter(|name| !name.is_empty()).unwrap_or_else(|| rustix::process::getuid().as_raw().to_string())
}

/// A path as JSON, without loss.
fn path_value(path: &Path) -> Value {
    path_bytes(path).map_or_else(|| json!(path.to_string_lossy()), |hex| json!({ "hex": hex }))
}
