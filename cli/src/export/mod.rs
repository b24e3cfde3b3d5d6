//! Writes results as files: a pure function of the stored artifacts and the recording's path.

mod cues;
mod document;
mod names;
mod subtitles;
mod tables;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use scheduler::store::{Alteration, Export, Lookup, RecordingEntry, Store, StoreError, StoredArtifact};
use serde::de::DeserializeOwned;
use stage_core::forensics::ForensicRecord;
use stage_core::{AlignedWords, Recording, SpeechSegments, StageKind, Transcript, sha256_hex};

pub(crate) use document::{Document, Provenance};
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
    pub(crate) provenance: Vec<Provenance>,
}

/// Why results could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExportError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the artifact of {0} is not in the store")]
    Missing(StageKind),
    #[error("the artifact of {stage} was altered: {alteration}")]
    Altered { stage: StageKind, alteration: Alteration },
    #[error("the artifact of {stage} does not match this version: {reason}")]
    Unreadable { stage: StageKind, reason: serde_json::Error },
    #[error("{path}: cannot be written: {reason}")]
    Unwritable { path: PathBuf, reason: std::io::Error },
    #[error("{0}")]
    Csv(#[from] csv::Error),
}

/// Writes a recording's results into `folder` and says what was written.
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

/// An artifact that holds.
pub(crate) fn sound(
    store: &dyn Store,
    entry: &RecordingEntry,
    stage: StageKind,
) -> Result<StoredArtifact, ExportError> {
    let key = entry.keys().into_iter().find(|key| key.stage == stage).ok_or(ExportError::Missing(stage))?;
    match store.artifact(&key.fingerprint())? {
        Lookup::Sound(artifact) => Ok(*artifact),
        Lookup::Missing => Err(ExportError::Missing(stage)),
        Lookup::Altered(alteration) => Err(ExportError::Altered { stage, alteration }),
    }
}

fn evidence(store: &dyn Store, entry: &RecordingEntry) -> Result<Evidence, ExportError> {
    let artifacts = StageKind::ALL.map(|stage| sound(store, entry, stage));
    let [decode, segment, transcribe, align, forensics] = artifacts;
    let artifacts = [decode?, segment?, transcribe?, align?, forensics?];
    Ok(Evidence {
        file_sha256: entry.file_sha256.clone(),
        recording: parse(&artifacts[0])?,
        segments: parse(&artifacts[1])?,
        transcript: parse(&artifacts[2])?,
        words: parse(&artifacts[3])?,
        forensics: parse(&artifacts[4])?,
        provenance: artifacts.iter().map(provenance).collect(),
    })
}

fn parse<T: DeserializeOwned>(stored: &StoredArtifact) -> Result<T, ExportError> {
    let stage = stored.artifact.key.stage;
    serde_json::from_str(&stored.artifact.body).map_err(|reason| ExportError::Unreadable { stage, reason })
}

fn provenance(stored: &StoredArtifact) -> Provenance {
    let made = &stored.artifact;
    Provenance {
        stage: made.key.stage,
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

/// Milliseconds since 1970 as RFC 3339 in UTC.
pub(crate) fn utc(ms: u64) -> String {
    i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok()).unwrap_or_default().to_string()
}

fn render(document: &Document, format: Format) -> Result<String, ExportError> {
    match format {
        Format::Json => {
            let mut text = serde_json::to_string_pretty(document)
                .map_err(|reason| ExportError::Unreadable { stage: StageKind::Forensics, reason })?;
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
