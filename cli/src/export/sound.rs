//! The sound of the page of a recording: the original, or a listening copy that is written beside the page; and what a page
//! contains of it.

use std::fs;
use std::path::{Path, PathBuf};

use decode::DecodeConfig;
use scheduler::coordinator::Interrupt;
use scheduler::store::{MadeFrom, OutputFile, RecordingEntry, Store};
use serde_json::{Value, json};
use stage_core::{Artifact, Recording, full_message, printable, sha256_file, sha256_hex, shown};

use super::case_files::PAGE;
use super::playback::Playback;
use super::{Document, ExportConfig, ExportError, Exporter};
use crate::error::{Error, ErrorKind};
use crate::listening::{self, CopyFacts, CopyFormat, CopyRequest};
use crate::outputs::{Found, Record, RemoveError};

/// The format of the files in the record.
pub(crate) const LISTENING_COPY: &str = "listening-copy";
/// Largest file that a page contains. A browser reads and decodes the whole page before it shows anything.
const LARGEST_EMBEDDED: u64 = 64 << 20;

/// How the sound of recordings is read.
#[derive(Debug)]
pub(crate) struct SoundReader {
    /// The folder of the case.
    pub(crate) folder: PathBuf,
    /// Settings of decode.
    pub(crate) decode: DecodeConfig,
    pub(crate) interrupt: Interrupt,
}

/// A listening copy, as the record has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListeningCopy {
    pub(crate) file_name: String,
    pub(crate) sha256: String,
    pub(crate) facts: CopyFacts,
}

impl ListeningCopy {
    /// Whether the file has the recorded hash.
    pub(crate) fn is_intact(&self, record: &Record) -> bool {
        sha256_file(&record.folder().join(&self.file_name)).is_ok_and(|sha256| sha256 == self.sha256)
    }
}

/// The sound of a page.
#[derive(Debug, Clone, Default)]
pub(crate) struct PageSound {
    /// The listening copy beside the page.
    pub(crate) copy: Option<ListeningCopy>,
    /// The bytes of the copy, or of the recording if there is none, to be put into the page.
    pub(crate) embedded: Option<Vec<u8>>,
    /// Where a server has the copy, or the recording if there is none.
    pub(crate) served_at: Option<String>,
}

/// The listening copy of a recording.
pub(crate) fn recorded_copy(record: &Record, recording: &str) -> Option<ListeningCopy> {
    record.of_recording(recording).filter(|file| file.format == LISTENING_COPY).find_map(|file| {
        Some(ListeningCopy {
            file_name: file.path.file_name()?.to_str()?.to_owned(),
            sha256: file.sha256.clone()?,
            facts: serde_json::from_value(file.settings.clone()).ok()?,
        })
    })
}

/// The artifact with which a copy becomes stale.
fn of_decode(made_from: &[MadeFrom]) -> Vec<MadeFrom> {
    made_from.iter().filter(|made| made.artifact == Recording::NAME).cloned().collect()
}

impl Exporter<'_> {
    /// The path of the copy of a recording whose results have this name, if copies are written.
    pub(super) fn copy_path(&self, record: &Record, name: &str) -> Option<PathBuf> {
        let format = self.copies.filter(|_| self.writes_pages())?;
        Some(record.folder().join(format!("{name}.{}", format.extension())))
    }

    /// The sound of the page of a recording: writes the copy if one is requested and not there, and removes stale ones. The
    /// second value says what could not be done; the page is written without it.
    ///
    /// # Errors
    /// The store failed, a stale copy cannot be removed, or the user has stopped it.
    pub(super) fn page_sound(
        &self,
        store: &mut dyn Store,
        record: &mut Record,
        (entry, name): (&RecordingEntry, &str),
        (document, made_from): (&Document, &[MadeFrom]),
    ) -> Result<(PageSound, Vec<String>), ExportError> {
        let mut problems = Vec::new();
        if self.variant.redacted {
            return Ok((PageSound::default(), problems));
        }
        let path = self.copy_path(record, name);
        let made_from = of_decode(made_from);
        self.remove_stale_copies(store, record, entry, (path.as_deref(), &made_from))?;
        let mut is_checked = false;
        if let (Some(path), Some(reader)) = (path, self.sound) {
            match self.write_copy(store, record, reader, entry, document, (&path, &made_from)) {
                Ok(()) => is_checked = true,
                Err(error) if error.kind() == ErrorKind::Store || error.kind() == ErrorKind::Interrupted => {
                    return Err(ExportError::Copy(error));
                }
                Err(error) => problems.push(format!("no listening copy: {}", full_message(&error))),
            }
        }
        let mut copy = recorded_copy(record, &entry.file_sha256);
        if let Some(altered) = copy.take_if(|copy| !is_checked && !copy.is_intact(record)) {
            let name = printable(&altered.file_name).into_owned();
            problems.push(format!(
                "{name} was altered after it was written, and the page does not play it; --listening-copy with --overwrite \
                 writes it again"
            ));
        }
        let mut sound = PageSound { copy, ..PageSound::default() };
        if let (true, Some(reader)) = (self.embeds(), self.sound) {
            match embedded(record, reader, entry, document, sound.copy.as_ref()) {
                Ok(bytes) => sound.embedded = Some(bytes),
                Err(reason) => problems.push(format!("the audio is not in the page: {reason}")),
            }
        }
        Ok((sound, problems))
    }

    /// Removes copies of a recording that were made from other samples, or under another name, or whose file is gone.
    fn remove_stale_copies(
        &self,
        store: &mut dyn Store,
        record: &mut Record,
        entry: &RecordingEntry,
        (path, made_from): (Option<&Path>, &[MadeFrom]),
    ) -> Result<(), ExportError> {
        let is_stale = |file: &&OutputFile| {
            let is_other = path.is_some_and(|path| record.key(path) != file.path);
            let is_gone = record.locate(&file.path).is_none_or(|path| path.symlink_metadata().is_err());
            is_other || is_gone || file.made_from != made_from
        };
        let copies = record.of_recording(&entry.file_sha256).filter(|file| file.format == LISTENING_COPY);
        let stale: Vec<_> = copies.filter(is_stale).map(|file| file.path.clone()).collect();
        match record.remove(store, &stale) {
            Ok(_) => Ok(()),
            Err(RemoveError::File { path, reason }) => Err(ExportError::Unwritable { path, reason }),
            Err(RemoveError::Store(error)) => Err(error.into()),
        }
    }

    /// Writes the copy and records it, unless it is there.
    fn write_copy(
        &self,
        store: &mut dyn Store,
        record: &mut Record,
        reader: &SoundReader,
        entry: &RecordingEntry,
        document: &Document,
        (path, made_from): (&Path, &[MadeFrom]),
    ) -> Result<(), Error> {
        let Some(format) = self.copies else { return Ok(()) };
        let found = record.replaceable(path)?;
        let known = record.entry(path).and_then(|file| file.sha256.clone());
        if known.is_some() && found.clone().sha256() == known {
            return Ok(());
        }
        let input = reader.place(entry);
        let is_stopped = || reader.interrupt.requests() > 0;
        let request = CopyRequest {
            input: &input,
            file_sha256: &entry.file_sha256,
            pcm_sha256: &document.recording.pcm_sha256,
            format,
            decode: &reader.decode,
            is_stopped: &is_stopped,
        };
        let existing = found.existing();
        let replaces = if found == Found::Absent { None } else { found.sha256() };
        let written = listening::write(&request, path, existing, |facts, sha256| {
            let file = OutputFile {
                path: record.key(path),
                sha256: Some(sha256),
                replaces,
                recording: Some(entry.file_sha256.clone()),
                format: LISTENING_COPY.to_owned(),
                renderer: 1,
                settings: serde_json::to_value(facts).unwrap_or_default(),
                made_from: made_from.to_vec(),
                document: None,
                context: Value::Null,
            };
            Ok(record.put(store, vec![file])?)
        });
        written.map_err(|error| match error {
            listening::CopyError::Other(error) => error,
            other => Error::unexpected(other),
        })
    }

    /// Whether pages are requested.
    fn writes_pages(&self) -> bool {
        self.selected.get(PAGE).is_some()
    }

    /// Whether the requested pages contain the sound.
    fn embeds(&self) -> bool {
        self.selected.get(PAGE).is_some_and(|format| ExportConfig::recorded(&format.settings()).embed_audio)
    }
}

impl SoundReader {
    fn place(&self, entry: &RecordingEntry) -> PathBuf {
        place_of(&self.folder, entry)
    }
}

/// Where a recording of the case in `folder` is: in the folder, which may have been moved with it, or at a place where it was
/// seen.
pub(crate) fn place_of(folder: &Path, entry: &RecordingEntry) -> PathBuf {
    let inside = entry.in_folder(folder);
    let places = inside.into_iter().chain(entry.places().map(Path::to_owned));
    places.into_iter().find(|path| path.is_file()).unwrap_or_else(|| entry.path.clone())
}

/// The bytes to put into a page: those of the copy if there is one, otherwise those of the recording.
fn embedded(
    record: &Record,
    reader: &SoundReader,
    entry: &RecordingEntry,
    document: &Document,
    copy: Option<&ListeningCopy>,
) -> Result<Vec<u8>, String> {
    if copy.is_none() && Playback::of(&document.recording) == Playback::None {
        return Err("Chromium does not play this format; add --listening-copy flac".to_owned());
    }
    let path = copy.map_or_else(|| reader.place(entry), |copy| record.folder().join(&copy.file_name));
    let unreadable = |error| format!("{}: {error}", shown(&path));
    let bytes = fs::metadata(&path).map_err(unreadable)?.len();
    if bytes > LARGEST_EMBEDDED {
        let advice = if copy.is_some() { "" } else { ", or --listening-copy flac, which may be smaller" };
        return Err(format!(
            "{}: {} MiB, and a page contains up to {} MiB; keep the file at its place, where the page finds it{advice}",
            shown(&path),
            bytes >> 20,
            LARGEST_EMBEDDED >> 20
        ));
    }
    let bytes = fs::read(&path).map_err(unreadable)?;
    let expected = copy.map_or(entry.file_sha256.as_str(), |copy| &copy.sha256);
    if sha256_hex(&bytes) == expected { Ok(bytes) } else { Err(format!("{}: the file has changed", shown(&path))) }
}

impl PageSound {
    /// What the page states about the copy.
    pub(super) fn copy_data(&self) -> Value {
        let Some(ListeningCopy { facts, .. }) = &self.copy else { return Value::Null };
        let CopyFacts { format, bits, exact, clipped_samples } = facts;
        let format = match format {
            CopyFormat::Flac => "FLAC",
            CopyFormat::Wav => "WAV",
        };
        json!({"format": format, "bits": bits, "exact": exact, "clipped_samples": clipped_samples})
    }
}
