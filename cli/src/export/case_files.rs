//! Writes the page of a case, and records its files.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use scheduler::store::{Failure, OutputFile, RecordingEntry, Store, StoreError};
use stage_core::{PipelineError, path_text, sha256_hex};

use super::case_page::{CaseFacts, CasePage, PageFile, WithoutResults};
use super::write::{Rendered, file_name, find, write};
use super::{Document, DocumentContext, ExportConfig, ExportError, ExportFormat, Exporter, Variant};
use crate::failures::Failures;
use crate::outputs::{Output, Record, RemoveError};

/// The format of the files in the record.
pub(crate) const CASE_PAGE: &str = "case-page";
/// The format of the pages of recordings, with which the page of the case is written.
pub(crate) const PAGE: &str = "html";
/// The default name of the report of a run.
const REPORT: &str = "report.html";

/// The page of the case, as recordings are added to it.
pub(crate) struct CaseDraft {
    page: CasePage,
    /// Hashes of the recordings that it has.
    added: HashSet<String>,
}

impl Exporter<'_> {
    /// The page of the case, if it is written: with the pages of recordings, and if an earlier run wrote it.
    pub(crate) fn case_output(&self, record: &Record) -> Option<Output> {
        let page = || Output { what: "the page of the case", path: record.folder().join(CasePage::NAME) };
        self.page_format(record).map(|_| page())
    }

    /// Begins the page of the case; `None` if it is not written.
    pub(crate) fn begin_case(&self, record: &Record) -> Option<CaseDraft> {
        let language = ExportConfig::recorded(&self.page_format(record)?.settings()).report_language;
        Some(CaseDraft { page: CasePage::new(language), added: HashSet::new() })
    }

    /// Adds a recording whose document was read already, so that it is not read again.
    ///
    /// # Errors
    /// The document cannot be written as text.
    pub(crate) fn add_to_case(
        &self,
        draft: &mut CaseDraft,
        record: &Record,
        entry: &RecordingEntry,
        document: &Document,
    ) -> Result<(), ExportError> {
        let Some(format) = self.selected.get(PAGE).or_else(|| self.all.get(PAGE)) else { return Ok(()) };
        let name = self.variant.name(&entry.name, Some(&entry.file_sha256));
        let has_page = record.of_recording(&entry.file_sha256).any(|file| file.format == PAGE);
        let page = has_page.then(|| file_name(&name, format));
        let added = draft.page.add(document, &name, page);
        added.map_err(|reason| ExportError::Render { format: CASE_PAGE, reason })?;
        draft.added.insert(entry.file_sha256.clone());
        Ok(())
    }

    /// Writes the page of the case over all recordings of the store: reads those that the draft does not have. Returns its
    /// path. The page links to the report of the run if that is there, or will be, since this run `computed` something.
    ///
    /// # Errors
    /// The store cannot be read, or a file exists that is not replaced, or cannot be written.
    pub(crate) fn export_case(
        &self,
        store: &mut dyn Store,
        record: &mut Record,
        mut draft: CaseDraft,
        computed: bool,
    ) -> Result<PathBuf, ExportError> {
        let settings = self.page_format(record).map(ExportFormat::settings).unwrap_or_default();
        let recordings = store.recordings()?;
        let reasons = Failures::read(store)?;
        let mut facts = case_facts(store, &recordings, self.context, self.variant)?;
        facts.report = report_beside(record, computed);
        for entry in &recordings {
            if draft.added.contains(&entry.file_sha256) {
                continue;
            }
            match self.document(store, entry) {
                Ok(document) => self.add_to_case(&mut draft, record, entry, &document)?,
                Err(error) => {
                    let reason = reasons.explain(entry, error);
                    facts.failures.push(without_results(&entry.path, &reason, self.variant));
                }
            }
        }
        let files = draft.page.finish(facts).map_err(|reason| ExportError::Render { format: CASE_PAGE, reason })?;
        let rendered = |file: PageFile| {
            let path = record.folder().join(&file.name);
            let sha256 = sha256_hex(&file.bytes);
            let entry = OutputFile {
                sha256: Some(sha256.clone()),
                settings: settings.clone(),
                ..OutputFile::without_recording(record.key(&path), CASE_PAGE)
            };
            Ok(Rendered { found: find(record, &path, &sha256)?, path, bytes: file.bytes, entry })
        };
        let rendered: Vec<Rendered> = files.into_iter().map(rendered).collect::<Result<_, ExportError>>()?;
        self.remove_old_texts(store, record, &rendered)?;
        write(store, record, rendered)?;
        Ok(record.folder().join(CasePage::NAME))
    }

    /// The format of pages, if one is requested or was written before.
    fn page_format(&self, record: &Record) -> Option<&dyn ExportFormat> {
        let is_written = || record.files().any(|file| file.format == CASE_PAGE);
        self.selected.get(PAGE).or_else(|| self.all.get(PAGE).filter(|_| is_written()))
    }

    /// Removes files of texts of an earlier page that had more of them.
    fn remove_old_texts(
        &self,
        store: &mut dyn Store,
        record: &mut Record,
        now: &[Rendered],
    ) -> Result<(), ExportError> {
        let is_old =
            |file: &&OutputFile| file.format == CASE_PAGE && !now.iter().any(|new| new.entry.path == file.path);
        let old: Vec<PathBuf> = record.files().filter(is_old).map(|file| file.path.clone()).collect();
        match record.remove(store, &old) {
            Ok(_) => Ok(()),
            Err(RemoveError::File { path, reason }) => Err(ExportError::Unwritable { path, reason }),
            Err(RemoveError::Store(error)) => Err(error.into()),
        }
    }
}

/// What the page states about the case itself, without the report and the recordings that cannot be read.
///
/// # Errors
/// The store cannot be read.
pub(crate) fn case_facts(
    store: &dyn Store,
    recordings: &[RecordingEntry],
    context: &DocumentContext,
    variant: Variant,
) -> Result<CaseFacts, StoreError> {
    let (title, reference) = context.case.as_ref().map(|case| (case.title.clone(), case.reference.clone())).unzip();
    Ok(CaseFacts {
        title: title.flatten(),
        reference: reference.flatten(),
        head: store.head()?,
        failures: failures(store, recordings, variant)?,
        report: None,
    })
}

/// What failed in the last run, apart from recordings whose results are complete.
fn failures(
    store: &dyn Store,
    recordings: &[RecordingEntry],
    variant: Variant,
) -> Result<Vec<WithoutResults>, StoreError> {
    let Some(run) = store.runs(1)?.into_iter().next() else { return Ok(Vec::new()) };
    // Recordings of the store are listed with the reason why their results cannot be read.
    let known: HashSet<&Path> = recordings.iter().flat_map(RecordingEntry::places).collect();
    let is_input = |failure: &Failure| !known.contains(failure.path.as_path());
    let own = store.failures(run.id)?.into_iter().filter(is_input);
    Ok(own.map(|failure| without_results(&failure.path, &failure.error, variant)).collect())
}

pub(crate) fn without_results(path: &Path, error: &PipelineError, variant: Variant) -> WithoutResults {
    let is_masked = variant.redacted;
    WithoutResults {
        path: if is_masked { "(masked)".to_owned() } else { path_text(path).into_owned() },
        stage: error.origin.to_string(),
        message: if is_masked { error.code.to_string() } else { error.to_string() },
    }
}

/// The report of the run, if it is in the folder of the page. It is written after the page.
fn report_beside(record: &Record, computed: bool) -> Option<&'static str> {
    let path = record.folder().join(REPORT);
    let is_recorded = record.entry(&path).is_some();
    (is_recorded && (computed || path.is_file())).then_some(REPORT)
}
