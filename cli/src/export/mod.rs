//! Writes results as files, from the stored artifacts and the recording's path alone.

mod document;
mod error;
mod format;
mod formats;
mod names;
mod read;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use scheduler::store::{Export, RecordingEntry};
use stage_core::{replace_files, sha256_hex};

pub use document::{Document, LOW_CONFIDENCE, Provenance, RecordingBlock, SegmentBlock};
pub use error::ExportError;
pub use format::{ExportFormat, FormatError, Formats, RenderError};
pub(crate) use names::assign as assign_names;
pub use read::read_document;
pub(crate) use read::read_named_document;

/// Writes the document of `entry` into `folder`, in each format, and returns the written files with their hashes.
///
/// # Errors
/// The document cannot be written in a format (then no file is written), or a file cannot be written.
pub fn write_document(
    document: &Document,
    folder: &Path,
    entry: &RecordingEntry,
    formats: &Formats,
) -> Result<Vec<Export>, ExportError> {
    if Path::new(&entry.name).file_name() != Some(OsStr::new(&entry.name)) {
        return Err(ExportError::Name(entry.name.clone()));
    }
    let rendered = |format: &dyn ExportFormat| {
        let bytes = format.render(document).map_err(|reason| ExportError::Render { format: format.name(), reason })?;
        let name = PathBuf::from(format!("{}.{}", entry.name, format.extension()));
        let export = Export { path: name, sha256: sha256_hex(&bytes), recording: entry.path.clone() };
        Ok((folder.join(&export.path), bytes, export))
    };
    let rendered: Vec<_> = formats.iter().map(rendered).collect::<Result<_, ExportError>>()?;
    replace_files(rendered.iter().map(|(path, bytes, _)| (&**path, &**bytes)))
        .map_err(|(path, reason)| ExportError::Unwritable { path, reason })?;
    Ok(rendered.into_iter().map(|(.., export)| export).collect())
}

/// Formats milliseconds since 1970 as RFC 3339 in UTC.
pub(crate) fn utc(ms: u64) -> String {
    i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok()).unwrap_or_default().to_string()
}
