//! What a server shows of a whole case, kept until the case changes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use scheduler::store::{RecordingEntry, Store};
use serve::{FileName, RecordingId, RecordingSummary, SearchHit, SearchQuery, SearchResults};
use stage_core::ErrorCode;
use unicode_normalization::UnicodeNormalization;

use crate::export::{
    CasePage, DocumentContext, ExportError, RenderError, ReportLanguage, SpokenTurn, Variant, case_facts,
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
    listed: Vec<Listed>,
    /// When it was read, and how long that took.
    read: (Instant, Duration),
}

/// A recording in the list of the case.
#[derive(Debug)]
struct Listed {
    entry: RecordingEntry,
    recording: RecordingId,
    page: Option<FileName>,
    state: &'static str,
    results: Option<Results>,
}

/// What a snapshot keeps of the results of a recording.
#[derive(Debug)]
struct Results {
    duration_s: f64,
    container: String,
    turns: Vec<SpokenTurn>,
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
    ) -> Result<Self, ExportError> {
        let began = Instant::now();
        let version = Version::of(store, context)?;
        let recordings = store.recordings()?;
        let mut facts = case_facts(store, &recordings, context, Variant::default())?;
        let reasons = Failures::read(store)?;
        let mut page = CasePage::new(language);
        let mut listed = Vec::new();
        for entry in &recordings {
            // A hash of another form is of no file.
            let Ok(recording) = entry.file_sha256.parse::<RecordingId>() else { continue };
            let document = read_document_in(context, store, entry).map_err(|error| reasons.explain(entry, error));
            // A run has not finished it, and none has failed on it.
            let is_pending = document.as_ref().is_err_and(|error| error.code == ErrorCode::MissingArtifact);
            let page_name = document.is_ok().then(|| page_name(entry).parse().ok()).flatten();
            listed.push(Listed {
                entry: entry.clone(),
                recording,
                page: page_name.clone(),
                state: match (&document, is_pending) {
                    (Ok(_), _) => "complete",
                    (Err(_), true) => "pending",
                    (Err(_), false) => "failed",
                },
                results: document.as_ref().ok().map(|document| Results {
                    duration_s: document.recording.duration_s,
                    container: document.recording.container.clone(),
                    turns: document.turns(),
                }),
            });
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
        Ok(Self { version, files, listed, read: (Instant::now(), began.elapsed()) })
    }

    /// Whether it may be shown although the case has changed: a run changes it all the time, and reading it must not take most
    /// of the time.
    pub(super) fn is_recent(&self) -> bool {
        let (at, took) = self.read;
        at.elapsed() < RESTS * took
    }

    /// Whether the case has a recording.
    pub(super) fn has(&self, recording: &RecordingId) -> bool {
        self.listed.iter().any(|listed| listed.recording == *recording)
    }

    /// The recordings of the case. Their files come and go without a change of the case.
    pub(super) fn recordings(&self, has_audio: impl Fn(&RecordingEntry) -> bool) -> Vec<RecordingSummary> {
        let summary = |listed: &Listed| RecordingSummary {
            recording: listed.recording.clone(),
            name: listed.entry.name.clone(),
            page: listed.page.clone(),
            duration_s: listed.results.as_ref().map(|results| results.duration_s),
            state: listed.state.to_owned(),
            has_audio: has_audio(&listed.entry),
        };
        self.listed.iter().map(summary).collect()
    }

    /// The container of a recording with results.
    pub(super) fn container(&self, recording: &RecordingId) -> Option<&str> {
        let listed = self.listed.iter().find(|listed| listed.recording == *recording)?;
        listed.results.as_ref().map(|results| results.container.as_str())
    }

    /// Where a text occurs, in any case of letters and any normal form.
    pub(super) fn search(&self, query: &SearchQuery) -> SearchResults {
        let sought = folded(&query.text);
        let is_asked = |listed: &&Listed| query.recording.as_ref().is_none_or(|asked| *asked == listed.recording);
        let (mut total, mut hits, mut not_searched) = (0, Vec::new(), Vec::new());
        for listed in self.listed.iter().filter(is_asked) {
            let Some(results) = &listed.results else {
                not_searched.push(listed.recording.clone());
                continue;
            };
            for turn in results.turns.iter().filter(|turn| folded(&turn.text).contains(&sought)) {
                if total >= query.offset && hits.len() < query.limit {
                    hits.push(listed.hit(turn));
                }
                total += 1;
            }
        }
        SearchResults { total, hits, not_searched }
    }
}

impl Listed {
    fn hit(&self, turn: &SpokenTurn) -> SearchHit {
        SearchHit {
            recording: self.recording.clone(),
            name: self.entry.name.clone(),
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
