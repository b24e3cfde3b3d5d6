//! Reads the document of a recording from the artifacts in a store.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use scheduler::store::{Lookup, RecordingEntry, Store, StoredArtifact};
use serde::de::DeserializeOwned;
use serde_json::Value;
use stage_core::container::ContainerFacts;
use stage_core::forensics::ForensicRecord;
use stage_core::{
    AlignedWords, Artifact, ArtifactName, Overview, PhoneEmissions, Recording, Speakers, SpeechSegments, Transcript,
    path_text,
};

use super::{Document, DocumentContext, ExportError, Provenance, utc};
use crate::review;

/// The stored artifacts of one recording.
pub(super) struct Evidence {
    pub(super) file_sha256: String,
    pub(super) recording: Recording,
    pub(super) container_facts: Option<ContainerFacts>,
    pub(super) segments: SpeechSegments,
    pub(super) transcript: Transcript,
    pub(super) speakers: Speakers,
    pub(super) words: AlignedWords,
    pub(super) forensics: ForensicRecord,
    pub(super) overview: Option<Overview>,
    /// Artifacts that have no field in the document, by name.
    pub(super) further: BTreeMap<String, Value>,
    pub(super) provenance: Vec<Provenance>,
}

/// Reads the results of one recording. Every artifact is checked against its hash. The file name is parsed in the forms
/// of known recorders, and no `case.toml` is read.
///
/// # Errors
/// The store cannot be read, or an artifact of the recording is missing, altered, or of another version of the program.
pub fn read_document(store: &dyn Store, entry: &RecordingEntry) -> Result<Document, ExportError> {
    read_document_in(&DocumentContext::default(), store, entry)
}

/// [`read_document`] with what the case states.
pub(crate) fn read_document_in(
    context: &DocumentContext,
    store: &dyn Store,
    entry: &RecordingEntry,
) -> Result<Document, ExportError> {
    let path = entry.relative.as_deref().unwrap_or(&entry.path);
    let mut document = Document::new(path, other_names(entry), evidence(store, entry)?).in_context(path, context);
    document.page.case_id = Some(store.case_id()?);
    document.review = review::blocks(&document, &store.reviews(Some(&entry.file_sha256))?);
    Ok(document)
}

/// The other names under which the bytes of a recording were seen.
fn other_names(entry: &RecordingEntry) -> Vec<String> {
    let own = entry.path.file_name();
    let names = entry.places().filter_map(Path::file_name).filter(|name| Some(*name) != own);
    let names: BTreeSet<String> = names.map(|name| path_text(Path::new(name)).into_owned()).collect();
    names.into_iter().collect()
}

/// The stored artifacts of a recording, each checked against its hash.
struct Artifacts(BTreeMap<ArtifactName, StoredArtifact>);

impl Artifacts {
    fn of(store: &dyn Store, entry: &RecordingEntry) -> Result<Self, ExportError> {
        let mut artifacts = BTreeMap::new();
        for key in entry.keys() {
            let name = key.artifact();
            match store.artifact(&key.fingerprint())? {
                Lookup::Sound(artifact) => drop(artifacts.insert(name, *artifact)),
                Lookup::Missing => return Err(ExportError::Missing(name)),
                Lookup::Altered(alteration) => return Err(ExportError::Altered { name, alteration }),
            }
        }
        Ok(Self(artifacts))
    }

    fn take<T: Artifact + DeserializeOwned>(&mut self) -> Result<T, ExportError> {
        let name = T::NAME;
        parse(name, &self.0.remove(&name).ok_or(ExportError::Missing(name))?)
    }

    fn take_speakers(&mut self) -> Result<Speakers, ExportError> {
        let skipped = || Some("this version of the program did not seek speakers".to_owned());
        Ok(self.take_newer()?.unwrap_or_else(|| Speakers { skipped: skipped(), ..Speakers::default() }))
    }

    /// An artifact that recordings which an earlier version of the program processed do not have.
    fn take_newer<T: Artifact + DeserializeOwned>(&mut self) -> Result<Option<T>, ExportError> {
        if self.0.contains_key(&T::NAME) { self.take().map(Some) } else { Ok(None) }
    }

    /// The artifacts that were not taken. Emissions are left out: they are larger than all other results, and are only
    /// an input of align. Their hash is in the provenance.
    fn further(&self) -> Result<BTreeMap<String, Value>, ExportError> {
        let others = self.0.iter().filter(|(name, _)| **name != PhoneEmissions::NAME);
        others.map(|(name, stored)| Ok((name.to_string(), parse(*name, stored)?))).collect()
    }
}

fn evidence(store: &dyn Store, entry: &RecordingEntry) -> Result<Evidence, ExportError> {
    let mut artifacts = Artifacts::of(store, entry)?;
    Ok(Evidence {
        file_sha256: entry.file_sha256.clone(),
        provenance: entry
            .recipe
            .artifacts()
            .filter_map(|name| artifacts.0.get(&name))
            .map(|stored| provenance(stored, entry))
            .collect(),
        recording: artifacts.take()?,
        container_facts: artifacts.take_newer()?,
        segments: artifacts.take()?,
        transcript: artifacts.take()?,
        speakers: artifacts.take_speakers()?,
        words: artifacts.take()?,
        forensics: artifacts.take()?,
        overview: artifacts.take_newer()?,
        further: artifacts.further()?,
    })
}

fn parse<T: DeserializeOwned>(name: ArtifactName, stored: &StoredArtifact) -> Result<T, ExportError> {
    serde_json::from_str(&stored.artifact.body).map_err(|reason| ExportError::Unreadable { name, reason })
}

fn provenance(stored: &StoredArtifact, entry: &RecordingEntry) -> Provenance {
    let made = &stored.artifact;
    let step = entry.recipe.steps().iter().find(|step| step.stage == made.key.stage);
    Provenance {
        stage: made.key.stage,
        output: made.key.output,
        version: made.key.version,
        fingerprint: made.key.fingerprint(),
        artifact_sha256: stored.body_sha256.clone(),
        model_sha256: made.key.model_sha256.clone(),
        model_files: step.map(|step| step.identity.model_files.clone()).unwrap_or_default(),
        precision: made.key.numeric.clone(),
        settings: made.key.settings.clone(),
        device: made.device.clone(),
        instruction_set: made.tool.instruction_set.clone(),
        tool_version: made.tool.version.clone(),
        libraries: made.tool.libraries.clone(),
        started_at: utc(made.started_at_ms),
        duration_s: made.duration_s,
    }
}
