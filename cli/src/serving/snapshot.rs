//! What a server shows of a whole case, kept until the case changes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use scheduler::store::{RecordingEntry, Store};
use serve::{FileName, RecordingId, RecordingSummary, SearchHit, SearchQuery, SearchResults};
use stage_core::ErrorCode;
use unicode_normalization::UnicodeNormalization;

use crate::export::{
    CasePage, Document, DocumentContext, ExportError, RenderError, ReportLanguage, SpokenTurn, Variant, case_facts,
    read_document_in, without_results,
};
use crate::failures::Failures;

/// How many times as long as it took to read a snapshot it may be shown although the case has changed.
const RESTS: u32 = 4;

/// What a snapshot is of: the head of the custody log, and the hash of the `case.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version {
    head: Option<String>,
    case_file: Option<String>,
}

/// The page of a case, its recordings, and their text.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) version: Version,
    /// The files of the page, by name.
    pub(super) files: BTreeMap<String, Vec<u8>>,
    pub(super) recordings: Vec<RecordingSummary>,
    texts: Vec<Text>,
    /// When it was read, and how long that took.
    read: (Instant, Duration),
}

/// The text of a recording.
#[derive(Debug)]
struct Text {
    recording: RecordingId,
    name: String,
    page: Option<FileName>,
    /// The container of the file; `None` without results, as the next one.
    container: Option<String>,
    turns: Option<Vec<SpokenTurn>>,
}

impl Version {
    pub(super) fn of(store: &dyn Store, context: &DocumentContext) -> Result<Self, ExportError> {
        let case_file = context.case.as_ref().map(|case| case.file_sha256.clone());
        Ok(Self { head: store.head()?, case_file })
    }
}

/// The name of the page of a recording.
pub(super) fn page_name(entry: &RecordingEntry) -> String {
    format!("{}.html", entry.name)
}

impl Snapshot {
    /// Reads all results of a case.
    ///
    /// # Errors
    /// The store cannot be read. A recording whose results cannot be read is listed without them.
    pub(super) fn read(
        store: &dyn Store,
        context: &DocumentContext,
        language: ReportLanguage,
        has_audio: impl Fn(&RecordingEntry) -> bool,
    ) -> Result<Self, ExportError> {
        let began = Instant::now();
        let version = Version::of(store, context)?;
        let recordings = store.recordings()?;
        let mut facts = case_facts(store, &recordings, context, Variant::default())?;
        let reasons = Failures::read(store)?;
        let mut page = CasePage::new(language);
        let (mut summaries, mut texts) = (Vec::new(), Vec::new());
        for entry in &recordings {
            // A hash of another form is of no file.
            let Ok(recording) = entry.file_sha256.parse::<RecordingId>() else { continue };
            let document = read_document_in(context, store, entry).map_err(|error| reasons.explain(entry, error));
            // A run has not finished it, and none has failed on it.
            let is_pending = document.as_ref().is_err_and(|error| error.code == ErrorCode::MissingArtifact);
            let page_name = document.is_ok().then(|| page_name(entry).parse().ok()).flatten();
            summaries.push(RecordingSummary {
                recording: recording.clone(),
                name: entry.name.clone(),
                page: page_name.clone(),
                duration_s: document.as_ref().ok().map(|document| document.recording.duration_s),
                state: if document.is_ok() {
                    "complete"
                } else if is_pending {
                    "pending"
                } else {
                    "failed"
                }
                .to_owned(),
                has_audio: has_audio(entry),
            });
            let turns = document.as_ref().ok().map(Document::turns);
            let container = document.as_ref().ok().map(|document| document.recording.container.clone());
            let name = entry.name.clone();
            texts.push(Text { recording, name, page: page_name.clone(), container, turns });
            match document {
                Ok(document) => {
                    page.add(&document, &entry.name, page_name.map(|name| name.to_string())).map_err(unwritable)?;
                }
                Err(reason) => {
                    let mut failure = without_results(&entry.path, &reason, Variant::default());
                    if is_pending {
                        "not finished yet".clone_into(&mut failure.message);
                    }
                    facts.failures.push(failure);
                }
            }
        }
        let files = page.finish(facts).map_err(unwritable)?;
        let files = files.into_iter().map(|file| (file.name, file.bytes)).collect();
        Ok(Self { version, files, recordings: summaries, texts, read: (Instant::now(), began.elapsed()) })
    }

    /// Whether it may be shown although the case has changed: a run changes it all the time, and reading it must not take most
    /// of the time.
    pub(super) fn is_recent(&self) -> bool {
        let (at, took) = self.read;
        at.elapsed() < RESTS * took
    }

    /// The container of a recording with results.
    pub(super) fn container(&self, recording: &RecordingId) -> Option<&str> {
        self.texts.iter().find(|text| text.recording == *recording)?.container.as_deref()
    }

    /// Where a text occurs, in any case of letters and any normal form.
    pub(super) fn search(&self, query: &SearchQuery) -> SearchResults {
        let sought = folded(&query.text);
        let is_asked = |text: &&Text| query.recording.as_ref().is_none_or(|recording| *recording == text.recording);
        let (mut total, mut hits, mut not_searched) = (0, Vec::new(), Vec::new());
        for text in self.texts.iter().filter(is_asked) {
            let Some(turns) = &text.turns else {
                not_searched.push(text.recording.clone());
                continue;
            };
            for turn in turns.iter().filter(|turn| folded(&turn.text).contains(&sought)) {
                if total >= query.offset && hits.len() < query.limit {
                    hits.push(text.hit(turn));
                }
                total += 1;
            }
        }
        SearchResults { total, hits, not_searched }
    }
}

impl Text {
    fn hit(&self, turn: &SpokenTurn) -> SearchHit {
        SearchHit {
            recording: self.recording.clone(),
            name: self.name.clone(),
            page: self.page.clone(),
            start_s: turn.start_s,
            end_s: turn.end_s,
            speaker: turn.speaker.clone(),
            text: turn.text.clone(),
        }
    }
}

/// A text for comparison: in NFC, in lower case, with single spaces.
fn folded(text: &str) -> String {
    let text: String = text.nfc().collect::<String>().to_lowercase();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn unwritable(reason: RenderError) -> ExportError {
    ExportError::Render { format: "case-page", reason }
}
