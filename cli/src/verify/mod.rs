//! Checks a case: recordings, custody log, artifacts and written files against each other. Reads only.
//!
//! ```text
//! log file -> chain -> store (audit) -> recordings (bytes, wherever they are) -> artifacts -> written files (rendered again)
//!                                                                                         \-> files of others in the folder
//! ```
//!
//! Without a key or a head this finds inconsistencies. Somebody who makes everything consistent again is found by what is
//! kept outside the case: see [`Strength`].

mod artifacts;
mod custody;
mod files;
mod foreign;
mod progress;
mod recordings;
mod report;
mod signature;

use std::path::{Path, PathBuf};

use scheduler::store::{ChainFault, Custody, Line, RecordingEntry, Store, StoreUrl, Writer, read_chain};
use stage_core::full_message;

use crate::case_file::CaseFile;
use crate::error::Error;
use crate::outputs::Record;
use crate::signing::PublicKey;
use crate::signing::timestamp::Certificates;

pub(crate) use self::report::Report;
use self::report::{Check, Strength};

/// What is checked, and what it is compared with.
pub(crate) struct Request<'a> {
    pub(crate) url: &'a StoreUrl,
    /// The case folder.
    pub(crate) folder: &'a Path,
    /// Folders in which recordings are searched by their hash.
    pub(crate) recordings: &'a [PathBuf],
    /// Whether a recording that is not found is noted only.
    pub(crate) recordings_may_be_missing: bool,
    /// Heads of the log that were written down.
    pub(crate) heads: &'a [String],
    /// The key that checks the signature of the manifest.
    pub(crate) public_key: Option<&'a PublicKey>,
    /// A time stamp of the manifest that was kept elsewhere.
    pub(crate) time_stamp: Option<&'a Path>,
    /// The certificates that are trusted to stamp.
    pub(crate) authorities: Option<&'a Certificates>,
}

impl<'a> Request<'a> {
    /// Compares the case with itself. Recordings may be elsewhere.
    pub(crate) const fn alone(url: &'a StoreUrl, folder: &'a Path) -> Self {
        Self {
            url,
            folder,
            recordings: &[],
            recordings_may_be_missing: true,
            heads: &[],
            public_key: None,
            time_stamp: None,
            authorities: None,
        }
    }
}

/// A case that is being checked.
struct Case<'a> {
    store: &'a dyn Store,
    record: Record,
    recordings: Vec<RecordingEntry>,
    /// `case.toml`, if there is a valid one.
    file: Option<CaseFile>,
    /// The custody log, as the store has it.
    custody: Custody,
    /// Its lines up to the first broken link.
    lines: Vec<Line>,
    broken_link: Option<ChainFault>,
}

/// Checks a case.
///
/// # Errors
/// The store or the folder cannot be read.
pub(crate) fn verify(store: &dyn Store, request: &Request<'_>) -> Result<Report, Error> {
    let record = Record::read(store, request.url, request.folder, false).map_err(Error::store)?;
    let mut report = Report::default();
    let file = CaseFile::read(request.folder).unwrap_or_else(|error| {
        report.fault(Check::File, full_message(&error));
        None
    });
    if store.writer().map_err(Error::store)? != Writer::None {
        report.note(
            Check::Log,
            "a run is in progress: what it is writing may count as inconsistent; verify again at its end",
        );
    }
    let recordings = store.recordings().map_err(Error::store)?;
    let custody = store.custody().map_err(Error::store)?;
    let (lines, broken_link) = read_chain(custody.lines.iter().map(String::as_str));
    let case = Case { store, record, recordings, file, custody, lines, broken_link };
    custody::check(&case, request, &mut report)?;
    signature::check(&case, request, &mut report)?;
    recordings::check(&case, request, &mut report)?;
    let current = artifacts::check(&case, &mut report)?;
    files::check(&case, &current, &mut report)?;
    foreign::check(&case, request.url, &mut report)?;
    Ok(report)
}
