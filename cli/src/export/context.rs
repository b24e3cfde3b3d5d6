//! What the documents of a case state besides the stored artifacts.

use crate::case_file::CaseFile;
use crate::file_name::NameParser;

/// What the documents of a case state besides the stored artifacts.
#[derive(Debug, Clone, Default)]
pub(crate) struct DocumentContext {
    /// Reads the names of the recordings.
    pub(crate) names: NameParser,
    /// The `case.toml` of the case, if it has one.
    pub(crate) case: Option<CaseFile>,
}
