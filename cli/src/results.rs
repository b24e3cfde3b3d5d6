//! Reads the results of a folder.

use std::path::Path;

use scheduler::store::{self, Access, RecordingEntry, Store, StoreError, StoreUrl};

use crate::case_file::CaseFile;
use crate::export::{Document, DocumentContext, ExportError, read_document_in};
use crate::open_store;

/// The stored results of a run, read-only. A run may be in progress.
///
/// # Examples
/// ```no_run
/// use earwitness::Results;
///
/// let results = Results::open("case-17")?;
/// for recording in results.recordings()? {
///     let document = results.document(&recording)?;
///     println!("{}: {} words", recording.path.display(), document.words.len());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Results {
    store: Box<dyn Store>,
    context: DocumentContext,
}

impl Results {
    /// Opens the results in a folder.
    ///
    /// # Errors
    /// The folder has no store, or its store is damaged or of another version.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::of_store(&open_store::in_folder(folder.as_ref()))
    }

    /// Opens the results in a store.
    ///
    /// # Errors
    /// There is no such store, or it is damaged or of another version.
    pub fn of_store(url: &StoreUrl) -> Result<Self, StoreError> {
        Ok(Self { store: store::open(url, Access::Read)?, context: DocumentContext::default() })
    }

    /// The same results, whose documents state the facts of a `case.toml`, as exported ones do.
    #[must_use]
    pub fn with_case(mut self, case: CaseFile) -> Self {
        self.context.case = Some(case);
        self
    }

    /// All recordings, finished or not.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn recordings(&self) -> Result<Vec<RecordingEntry>, StoreError> {
        self.store.recordings()
    }

    /// The results of one recording. Every artifact is checked against its hash.
    ///
    /// # Errors
    /// [`ExportError::Missing`] if the recording is not finished; other variants if an artifact is altered, of another
    /// version, or unreadable.
    pub fn document(&self, recording: &RecordingEntry) -> Result<Document, ExportError> {
        read_document_in(&self.context, &*self.store, recording)
    }

    /// The store itself, for what this type does not offer.
    #[must_use]
    pub fn store(&self) -> &dyn Store {
        &*self.store
    }
}
