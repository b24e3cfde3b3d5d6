//! Writes results as files, from the stored artifacts and the recording's path alone.

mod cues;
mod document;
mod error;
mod names;
mod subtitles;
mod tables;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use scheduler::store::{Export, Lookup, RecordingEntry, Store, StoredArtifact};
use serde::de::DeserializeOwned;
use serde_json::Value;
use stage_core::forensics::ForensicRecord;
use stage_core::{AlignedWords, Artifact, ArtifactName, Recording, SpeechSegments, Transcript, sha256_hex};

pub(crate) use document::{Document, Provenance};
pub(crate) use error::ExportError;
pub(crate) use names::assign as assign_names;

use crate::args::Format;
use crate::replace::replace;

/// The stored artifacts of one recording.
pub(crate) struct Evidence {
    pub(crate) file_sha256: String,
    pub(crate) recording: Recording,
    pub(crate) segments: SpeechSegments,
    pub(crate) transcript: Transcript,
    pub(crate) words: AlignedWords,
    pub(crate) forensics: ForensicRecord,
    /// Artifacts that have no field in the document, by name.
    pub(crate) further: BTreeMap<String, Value>,
    pub(crate) provenance: Vec<Provenance>,
}

/// Writes a recording's results into `folder` and returns the list of written files.
pub(crate) fn write_results(
    store: &dyn Store,
    folder: &Path,
    entry: &RecordingEntry,
    formats: &[Format],
) -> Result<(Document, Vec<Export>), ExportError> {
    let document = Document::new(&entry.path, evidence(store, entry)?);
    let formats: BTreeSet<_> = formats.iter().copied().chain([Format::Json]).collect();
    let mut exports = Vec::new();
    for format in formats {
        let text = render(&document, format)?;
        let name = PathBuf::from(format!("{}.{}", entry.name, extension(format)));
        let path = folder.join(&name);
        replace(&path, text.as_bytes()).map_err(|reason| ExportError::Unwritable { path, reason })?;
        exports.push(Export { path: name, sha256: sha256_hex(text.as_bytes()), recording: entry.path.clone() });
    }
    Ok((document, exports))
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

    fn further(&self) -> Result<BTreeMap<String, Value>, ExportError> {
        self.0.iter().map(|(name, stored)| Ok((name.to_string(), parse(*name, stored)?))).collect()
    }
}

fn evidence(store: &dyn Store, entry: &RecordingEntry) -> Result<Evidence, ExportError> {
    let mut artifacts = Artifacts::of(store, entry)?;
    Ok(Evidence {
        file_sha256: entry.file_sha256.clone(),
        provenance: entry.recipe.artifacts().filter_map(|name| artifacts.0.get(&name)).map(provenance).collect(),
        recording: artifacts.take()?,
        segments: artifacts.take()?,
        transcript: artifacts.take()?,
        words: artifacts.take()?,
        forensics: artifacts.take()?,
        further: artifacts.further()?,
    })
}

fn parse<T: DeserializeOwned>(name: ArtifactName, stored: &StoredArtifact) -> Result<T, ExportError> {
    serde_json::from_str(&stored.artifact.body).map_err(|reason| ExportError::Unreadable { name, reason })
}

fn provenance(stored: &StoredArtifact) -> Provenance {
    let made = &stored.artifact;
    Provenance {
        stage: made.key.stage,
        output: made.key.output,
        version: made.key.version,
        fingerprint: made.key.fingerprint(),
        artifact_sha256: stored.body_sha256.clone(),
        model_sha256: made.key.model_sha256.clone(),
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

/// Formats milliseconds since 1970 as RFC 3339 in UTC.
pub(crate) fn utc(ms: u64) -> String {
    i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok()).unwrap_or_default().to_string()
}

fn render(document: &Document, format: Format) -> Result<String, ExportError> {
    match format {
        Format::Json => {
            let mut text = serde_json::to_string_pretty(document).map_err(ExportError::Json)?;
            text.push('\n');
            Ok(text)
        }
        Format::Srt => Ok(subtitles::srt(document)),
        Format::Vtt => Ok(subtitles::vtt(document)),
        Format::Csv => Ok(tables::csv(document)?),
        Format::Textgrid => Ok(tables::textgrid(document)),
    }
}

const fn extension(format: Format) -> &'static str {
    match format {
        Format::Json => "json",
        Format::Srt => "srt",
        Format::Vtt => "vtt",
        Format::Csv => "csv",
        Format::Textgrid => "TextGrid",
    }
}
