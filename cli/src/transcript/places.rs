//! Where a transcript is written: a file that replaces nothing.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use stage_core::shown;

use super::TranscriptRequest;
use crate::clip::Time;
use crate::error::{Error, ErrorContext};
use crate::outputs::{Output, check_places};

/// The file of a transcript.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) path: PathBuf,
}

/// Why a transcript cannot be written where it is to be.
#[derive(Debug, thiserror::Error)]
enum PlaceError {
    #[error("{}: it exists, and a transcript replaces nothing; choose another name with --out", shown(.0))]
    Taken(PathBuf),
    #[error("--out {}: the name of this transcript ends in .{extension}{hint}", shown(path))]
    OtherName { path: PathBuf, extension: &'static str, hint: &'static str },
    #[error("{}: the folder does not exist", shown(.0))]
    NoFolder(PathBuf),
}

impl Place {
    /// The file of `--out`, or one in the current folder that is named after recording and range.
    ///
    /// # Errors
    /// The file exists, is an input, or has a name of another format; or its folder does not exist.
    pub(super) fn new(request: &TranscriptRequest<'_>) -> Result<Self, Error> {
        let extension = request.format.extension();
        let path = request.out.map_or_else(|| default_name(request), Path::to_owned);
        let is_named = |wanted: &str| path.extension().is_some_and(|own| own.eq_ignore_ascii_case(wanted));
        if !is_named(extension) {
            let hint = if is_named("docx") { "; --docx writes a DOCX file" } else { "" };
            return Err(Error::usage(PlaceError::OtherName { path, extension, hint }));
        }
        let output = Output { what: "--out", path: path.clone() };
        check_places(request.inputs.iter().copied(), &[output]).map_err(Error::usage)?;
        if path.symlink_metadata().is_ok() {
            return Err(Error::usage(PlaceError::Taken(path)));
        }
        match path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
            Some(folder) => Err(Error::usage(PlaceError::NoFolder(folder.to_owned()))),
            None => Ok(Self { path }),
        }
    }
}

/// `call.transcript.ko.html`, and `call_00-03-10.000-00-05-40.000.transcript.ko.html` of an excerpt. Names of results are
/// legal.
fn default_name(request: &TranscriptRequest<'_>) -> PathBuf {
    let TranscriptRequest { name, from, to, language, format, .. } = request;
    let end = |time: &Option<&Time>, missing: &str| time.map_or_else(|| missing.to_owned(), Time::in_name);
    let is_excerpt = from.is_some() || to.is_some();
    let range = if is_excerpt { format!("_{}-{}", end(from, "start"), end(to, "end")) } else { String::new() };
    format!("{name}{range}.transcript.{}.{}", language.code(), format.extension()).into()
}

/// Reports that a file could not be written.
pub(super) fn unwritable<T>(path: &Path, error: io::Error) -> Result<T, Error> {
    match error.kind() {
        ErrorKind::AlreadyExists => Err(Error::usage(PlaceError::Taken(path.to_owned()))),
        _ => Err(error).context(format!("{}: cannot be written", shown(path))),
    }
}
