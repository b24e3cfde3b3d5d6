//! A case as its server sees it: pages are rendered from the store when they are asked for, so that they show what the case
//! has now.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use scheduler::store::{self, Access, Store, StoreError, StoreUrl};
use serde_json::{Value, json};
use serve::{
    Caller, CaseError, CaseSource, Content, FileName, RecordingId, RecordingSummary, SearchQuery, SearchResults,
};
use stage_core::full_message;

use super::snapshot::{Snapshot, Version, page_name};
use super::verified::VerifiedFiles;
use crate::case_file::CaseFile;
use crate::error::ErrorKind;
use crate::export::{
    CasePage, CopyFormat, DocumentContext, ExportError, Formats, PAGE, Playback, ReportLanguage, place_of,
    read_document_in, recorded_copy,
};
use crate::file_name::NameParser;
use crate::outputs::Record;
use crate::review;

/// Where pages find the route for reviews.
const REVIEWS_AT: &str = "../api/reviews";

/// A case that is served.
#[derive(Debug)]
pub(crate) struct ServedCase {
    folder: PathBuf,
    url: StoreUrl,
    names: NameParser,
    formats: Formats,
    language: ReportLanguage,
    read_only: bool,
    snapshot: Mutex<Option<Arc<Snapshot>>>,
    files: VerifiedFiles,
    /// One process has at most one writer.
    writing: Mutex<()>,
}

impl ServedCase {
    /// Serves the case in `folder`, whose store is at `url`. `formats` are those of pages, in `language`.
    pub(crate) fn new(
        folder: PathBuf,
        url: StoreUrl,
        names: NameParser,
        (formats, language): (Formats, ReportLanguage),
        read_only: bool,
    ) -> Self {
        let (snapshot, files, writing) = (Mutex::default(), VerifiedFiles::default(), Mutex::default());
        Self { folder, url, names, formats, language, read_only, snapshot, files, writing }
    }

    fn open(&self) -> Result<Box<dyn Store>, CaseError> {
        store::open(&self.url, Access::Read).map_err(|error| unreadable(&error))
    }

    fn context(&self) -> Result<DocumentContext, CaseError> {
        let case = CaseFile::read(&self.folder).map_err(|error| CaseError::Failed(full_message(&error)))?;
        Ok(DocumentContext { names: self.names.clone(), case })
    }

    fn record(&self, store: &dyn Store) -> Result<Record, CaseError> {
        Record::read(store, &self.url, &self.folder, false).map_err(|error| unreadable(&error))
    }

    /// The case as it is now.
    fn snapshot(&self) -> Result<Arc<Snapshot>, CaseError> {
        self.snapshot_of(&*self.open()?)
    }

    fn snapshot_of(&self, store: &dyn Store) -> Result<Arc<Snapshot>, CaseError> {
        let context = self.context()?;
        let version = Version::of(store, &context).map_err(|error| failed(&error))?;
        // Whoever comes while it is read waits, and does not read it once more.
        let mut kept = self.snapshot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = kept.as_ref().filter(|kept| kept.version == version || kept.is_recent()) {
            return Ok(Arc::clone(kept));
        }
        let read = Snapshot::read(store, &context, self.language).map_err(|error| failed(&error))?;
        Ok(Arc::clone(kept.insert(Arc::new(read))))
    }

    /// The container of a recording, which never changes.
    fn container(&self, recording: &RecordingId) -> Result<Option<String>, CaseError> {
        let kept = self.snapshot.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match kept.and_then(|kept| kept.container(recording).map(str::to_owned)) {
            Some(container) => Ok(Some(container)),
            None => Ok(self.snapshot()?.container(recording).map(str::to_owned)),
        }
    }

    /// The page of the recording whose results have this name.
    fn recording_page(&self, name: &FileName) -> Result<Option<Content>, CaseError> {
        let store = self.open()?;
        let recordings = store.recordings().map_err(|error| unreadable(&error))?;
        let Some(entry) = recordings.iter().find(|entry| page_name(entry) == name.as_str()) else { return Ok(None) };
        let mut document = match read_document_in(&self.context()?, &*store, entry) {
            Ok(document) => document,
            Err(ExportError::Missing(_)) => return Ok(None),
            Err(error) => return Err(failed(&error)),
        };
        let copy = recorded_copy(&self.record(&*store)?, &entry.file_sha256);
        document.page.sound.copy = copy;
        document.page.sound.served_at = Some(format!("../audio/{}", entry.file_sha256));
        document.page.reviews_at = (!self.read_only).then_some(REVIEWS_AT);
        let format =
            self.formats.get(PAGE).ok_or_else(|| CaseError::Failed("there is no format of pages".to_owned()))?;
        let page = format.render(&document).map_err(|error| CaseError::Failed(full_message(&error)))?;
        Ok(Some(Content::bytes(page, "text/html; charset=utf-8")))
    }

    fn add(&self, entries: Value, caller: &Caller) -> Result<Value, CaseError> {
        let file = review::from_json(entries, caller.user.as_deref())
            .map_err(|error| CaseError::Invalid(error.to_string()))?;
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut store = store::open(&self.url, Access::Write).map_err(|error| unwritable(&error))?;
        let imported = review::import_all(&mut *store, file, "the request").map_err(|error| match error.kind() {
            ErrorKind::Usage => CaseError::Invalid(error.report()),
            _ => CaseError::Failed(error.report()),
        })?;
        if imported.refused.is_empty() {
            return Ok(json!({"added": imported.written, "known": imported.known}));
        }
        let reasons: Vec<String> = imported.refused.iter().map(|(id, reason)| format!("{id}: {reason}")).collect();
        Err(CaseError::Conflict(format!("nothing was added, since these were refused: {}", reasons.join("; "))))
    }
}

impl CaseSource for ServedCase {
    fn page(&self, name: Option<&FileName>) -> Result<Option<Content>, CaseError> {
        match name {
            Some(name) if !CasePage::has_file(name.as_str()) => self.recording_page(name),
            name => {
                let asked = name.map_or(CasePage::NAME, FileName::as_str);
                let media_type = if asked == CasePage::NAME { "text/html" } else { "text/javascript" };
                let content = |bytes: &Vec<u8>| Content::bytes(bytes.clone(), format!("{media_type}; charset=utf-8"));
                Ok(self.snapshot()?.files.get(asked).map(content))
            }
        }
    }

    fn audio(&self, recording: &RecordingId) -> Result<Option<Content>, CaseError> {
        let store = self.open()?;
        let recordings = store.recordings().map_err(|error| unreadable(&error))?;
        let Some(entry) = recordings.iter().find(|entry| entry.file_sha256 == recording.as_str()) else {
            return Ok(None);
        };
        if let Some(copy) = recorded_copy(&self.record(&*store)?, &entry.file_sha256) {
            let media_type = match copy.facts.format {
                CopyFormat::Flac => Playback::media_type("flac"),
                CopyFormat::Wav => Playback::media_type("wav"),
            };
            return self.files.open(&self.folder.join(&copy.file_name), &copy.sha256, media_type);
        }
        let media_type = Playback::media_type(&self.container(recording)?.unwrap_or_default());
        self.files.open(&place_of(&self.folder, entry), &entry.file_sha256, media_type)
    }

    fn recordings(&self) -> Result<Vec<RecordingSummary>, CaseError> {
        let store = self.open()?;
        let (snapshot, record) = (self.snapshot_of(&*store)?, self.record(&*store)?);
        Ok(snapshot.recordings(|entry| {
            recorded_copy(&record, &entry.file_sha256).is_some() || place_of(&self.folder, entry).is_file()
        }))
    }

    fn search(&self, query: &SearchQuery) -> Result<SearchResults, CaseError> {
        let snapshot = self.snapshot()?;
        match &query.recording {
            Some(asked) if !snapshot.has(asked) => Err(unknown_recording()),
            _ => Ok(snapshot.search(query)),
        }
    }

    fn reviews(&self, recording: Option<&RecordingId>) -> Result<Value, CaseError> {
        let store = self.open()?;
        if let Some(recording) = recording {
            let known = store.recordings().map_err(|error| unreadable(&error))?;
            if !known.iter().any(|entry| entry.file_sha256 == recording.as_str()) {
                return Err(unknown_recording());
            }
        }
        let file = review::export_of(&*store, recording.map(RecordingId::as_str));
        file.map_err(|error| CaseError::Failed(error.report()))
    }

    fn add_reviews(&self, entries: Value, caller: &Caller) -> Result<Value, CaseError> {
        self.add(entries, caller)
    }

    fn ready(&self) -> Result<(), CaseError> {
        self.open()?.case_id().map(drop).map_err(|error| unreadable(&error))
    }
}

fn unknown_recording() -> CaseError {
    CaseError::Unknown("the case has no such recording; /api/recordings lists them".to_owned())
}

fn failed(error: &ExportError) -> CaseError {
    CaseError::Failed(full_message(error))
}

fn unreadable(error: &StoreError) -> CaseError {
    CaseError::Failed(full_message(error))
}

fn unwritable(error: &StoreError) -> CaseError {
    match error {
        StoreError::Locked { .. } => {
            CaseError::Unavailable("another program writes the case at present; try again when it has ended".to_owned())
        }
        _ => unreadable(error),
    }
}
