//! Writes the results of a recording in each format, and records them.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use scheduler::store::{MadeFrom, OutputFile, RecordingEntry, Store};
use serde_json::{Value, json};
use stage_core::{sha256_file, sha256_hex, write_files};

use super::case_files::PAGE;
use super::names::is_plain;
use super::{
    CopyFormat, Document, DocumentContext, ExportError, ExportFormat, Formats, LISTENING_COPY, SoundReader, Variant,
    read_document_in,
};
use crate::outputs::{Found, Output, Record, RemoveError, Taken};

/// The formats in which results are written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Exporter<'a> {
    /// The requested formats.
    pub(crate) selected: &'a Formats,
    /// All formats. Files that an earlier run wrote in one of them are written again, so that they do not become stale.
    pub(crate) all: &'a Formats,
    /// What the documents state besides the artifacts.
    pub(crate) context: &'a DocumentContext,
    /// What the files show.
    pub(crate) variant: Variant,
    /// The format of listening copies beside pages, if they are requested.
    pub(crate) copies: Option<CopyFormat>,
    /// Reads recordings for copies and for pages that contain sound. Without it, pages have the copies that are there.
    pub(crate) sound: Option<&'a SoundReader>,
}

/// What an export did for one recording.
#[derive(Debug)]
pub(crate) struct Exported {
    pub(crate) document: Document,
    /// Its files: format and hash.
    pub(crate) files: Vec<(String, String)>,
    /// Names of formats that were not requested, but written again.
    pub(crate) again: Vec<&'static str>,
    /// Stale files in unknown formats, which were removed.
    pub(crate) removed: Vec<PathBuf>,
    /// What its page lacks of the sound that was requested, and why.
    pub(crate) sound_problems: Vec<String>,
}

/// The patterns for file names, in the context of a written file.
const NAME_PATTERNS: &str = "name_patterns";

/// The patterns for file names with which a file was written.
pub(crate) fn name_patterns(file: &OutputFile) -> Vec<String> {
    let patterns = file.context.get(NAME_PATTERNS).cloned().unwrap_or_default();
    serde_json::from_value(patterns).unwrap_or_default()
}

/// A file before it is written.
pub(super) struct Rendered {
    pub(super) path: PathBuf,
    pub(super) bytes: Vec<u8>,
    pub(super) found: Found,
    pub(super) entry: OutputFile,
}

impl Exporter<'_> {
    /// The files that are written for a recording with this name and hash. Without a hash, it is a new one.
    pub(crate) fn outputs(&self, record: &Record, recording: Option<&str>, name: &str) -> Vec<Output> {
        let name = self.variant.name(name, recording);
        let path = |format: &dyn ExportFormat| record.folder().join(file_name(&name, format));
        let formats = self.formats(record, recording.unwrap_or_default());
        let copy = self.copy_path(record, &name).map(|path| Output { what: "listening copy", path });
        formats.into_iter().map(|format| Output { what: "results", path: path(format) }).chain(copy).collect()
    }

    /// Writes the results of a recording, if its artifacts are complete, and records the files before they appear.
    ///
    /// # Errors
    /// The document cannot be read or rendered, or a file exists that is not replaced (then no file is written), or a
    /// file cannot be written.
    pub(crate) fn export(
        &self,
        store: &mut dyn Store,
        record: &mut Record,
        entry: &RecordingEntry,
    ) -> Result<Exported, ExportError> {
        if !is_plain(&entry.name) {
            return Err(ExportError::Name(entry.name.clone()));
        }
        let mut document = self.document(store, entry)?;
        let made_from: Vec<_> = document.provenance.iter().map(super::Provenance::made_from).collect();
        let formats = self.formats(record, &entry.file_sha256);
        let (sha256, context) = (document.sha256(), self.context());
        let name = self.variant.name(&entry.name, Some(&entry.file_sha256));
        let has_page = formats.iter().any(|format| format.name() == PAGE);
        let mut sound_problems = Vec::new();
        if has_page {
            let sound = self.page_sound(store, record, (entry, &name), (&document, &made_from))?;
            (document.page.sound, sound_problems) = sound;
        }
        let source = Source { entry, name: &name, document: &document, sha256, made_from: &made_from, context };
        let rendered = |format: &&dyn ExportFormat| render(*format, &source, record);
        let rendered: Vec<_> = formats.iter().map(rendered).collect::<Result<_, _>>()?;
        let removed = self.remove_stale(store, record, entry, &made_from)?;
        let hash = |file: &Rendered| (file.entry.format.clone(), file.entry.sha256.clone().unwrap_or_default());
        let copy = document.page.sound.copy.as_ref().map(|copy| (LISTENING_COPY.to_owned(), copy.sha256.clone()));
        let files = rendered.iter().map(hash).chain(copy).collect();
        write(store, record, rendered)?;
        let is_selected = |format: &&&dyn ExportFormat| self.selected.get(format.name()).is_some();
        let again = formats.iter().filter(|format| !is_selected(format)).map(|format| format.name()).collect();
        Ok(Exported { document, files, again, removed, sound_problems })
    }

    /// What the files of a recording show.
    pub(super) fn document(&self, store: &dyn Store, entry: &RecordingEntry) -> Result<Document, ExportError> {
        Ok(self.variant.of(read_document_in(self.context, store, entry)?, self.context))
    }

    /// The requested formats, and those in which an earlier run wrote the results of this recording.
    fn formats(&self, record: &Record, recording: &str) -> Vec<&dyn ExportFormat> {
        let recorded: Vec<_> = record.of_recording(recording).map(|file| file.format.as_str()).collect();
        let is_written = |name: &str| self.selected.get(name).is_some() || recorded.contains(&name);
        // A library may select formats that are not among all.
        let further = self.selected.iter().filter(|format| self.all.get(format.name()).is_none());
        self.all.iter().chain(further).filter(|format| is_written(format.name())).collect()
    }

    /// What is needed to make the same documents again, besides the artifacts.
    fn context(&self) -> Value {
        let DocumentContext { names, case } = self.context;
        json!({NAME_PATTERNS: names.patterns(), "case_file": case.as_ref().map(|case| &case.file_sha256)})
    }

    /// Removes files in formats of another program that were made from other artifacts, and files with another name than
    /// that of the recording. A file that was changed since is kept.
    fn remove_stale(
        &self,
        store: &mut dyn Store,
        record: &mut Record,
        entry: &RecordingEntry,
        made_from: &[MadeFrom],
    ) -> Result<Vec<PathBuf>, ExportError> {
        let format = |file: &OutputFile| self.all.get(&file.format).or_else(|| self.selected.get(&file.format));
        let is_stale = |file: &&OutputFile| match format(file) {
            None if file.format == LISTENING_COPY => false,
            None => file.made_from != made_from,
            Some(format) => file.path.file_name() != Some(OsStr::new(&file_name(&entry.name, format))),
        };
        let stale = record.of_recording(&entry.file_sha256).filter(is_stale);
        let stale: Vec<_> = stale.map(|file| file.path.clone()).collect();
        match record.remove(store, &stale) {
            Ok(removal) => Ok(removal.removed),
            Err(RemoveError::File { path, reason }) => Err(ExportError::Unwritable { path, reason }),
            Err(RemoveError::Store(error)) => Err(error.into()),
        }
    }
}

/// The name of a file of results.
pub(super) fn file_name(name: &str, format: &dyn ExportFormat) -> String {
    format!("{name}.{}", format.extension())
}

/// What the files of a recording are made from.
struct Source<'a> {
    entry: &'a RecordingEntry,
    /// The base name of the files.
    name: &'a str,
    document: &'a Document,
    /// That of the document.
    sha256: String,
    made_from: &'a [MadeFrom],
    context: Value,
}

fn render(format: &dyn ExportFormat, source: &Source<'_>, record: &Record) -> Result<Rendered, ExportError> {
    let Source { entry, name, document, sha256: document_sha256, made_from, context } = source;
    let bytes = format.render(document).map_err(|reason| ExportError::Render { format: format.name(), reason })?;
    let path = record.folder().join(file_name(name, format));
    let sha256 = sha256_hex(&bytes);
    let found = find(record, &path, &sha256)?;
    let entry = OutputFile {
        path: record.key(&path),
        sha256: Some(sha256),
        replaces: None,
        recording: Some(entry.file_sha256.clone()),
        format: format.name().to_owned(),
        renderer: format.version(),
        settings: format.settings(),
        made_from: made_from.to_vec(),
        document: Some(document_sha256.clone()),
        context: context.clone(),
    };
    Ok(Rendered { path, bytes, found, entry })
}

/// What is at the path of a file with this hash.
///
/// # Errors
/// A file that is not replaced.
pub(super) fn find(record: &Record, path: &Path, sha256: &str) -> Result<Found, ExportError> {
    let found = record.find(path).map_err(|reason| ExportError::Unwritable { path: path.to_owned(), reason })?;
    match found {
        // The file is there already.
        Found::Taken(Taken::Unrecorded | Taken::Changed) if sha256_file(path).is_ok_and(|there| there == sha256) => {
            Ok(Found::Ours(Some(sha256.to_owned())))
        }
        Found::Taken(why) => Err(ExportError::Taken { path: path.to_owned(), why }),
        found => Ok(found),
    }
}

/// Records files and writes those that differ from what is there.
pub(super) fn write(store: &mut dyn Store, record: &mut Record, rendered: Vec<Rendered>) -> Result<(), ExportError> {
    let (mut entries, mut files) = (Vec::new(), Vec::new());
    for Rendered { path, bytes, found, mut entry } in rendered {
        let existing = found.existing();
        let there = found.sha256();
        if there != entry.sha256 {
            entry.replaces = there;
            files.push((path, bytes, existing));
            entries.push(entry);
        } else if record.entry(&path) != Some(&entry) {
            entries.push(entry);
        }
    }
    record.put(store, entries)?;
    write_files(files.iter().map(|(path, bytes, existing)| (&**path, &**bytes, *existing))).map_err(|(path, reason)| {
        match reason.kind() {
            ErrorKind::AlreadyExists => ExportError::Taken { path, why: Taken::Unrecorded },
            _ => ExportError::Unwritable { path, reason },
        }
    })
}
