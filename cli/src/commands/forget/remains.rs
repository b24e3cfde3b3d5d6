//! What the program cannot delete with a recording: the user must do it.

use std::path::Path;

use scheduler::store::{Entry, Names, RecordingEntry, Store, read_chain};
use stage_core::shown;

use crate::case_file;
use crate::error::Error;
use crate::export::utc;

/// Lines about what stays: the recording itself, copies that the custody log knows, lines of `case.toml`, and reviews of
/// other recordings.
pub(super) fn of(
    store: &dyn Store,
    folder: &Path,
    sha256: &str,
    entry: Option<&RecordingEntry>,
    names: &Names,
) -> Result<Vec<String>, Error> {
    let places = entry.into_iter().flat_map(RecordingEntry::places).filter(|place| place.exists());
    let mut lines: Vec<_> = places.map(|place| format!("stays: the recording itself: {}", shown(place))).collect();
    lines.extend(copies(store, sha256)?);
    let text = case_file::read_text(&case_file::path(folder)).map_err(Error::usage)?.unwrap_or_default();
    let in_case_file =
        text.lines().enumerate().filter(|(_, line)| line.to_ascii_lowercase().contains(sha256) || names.is_in(line));
    lines.extend(in_case_file.map(|(index, _)| format!("stays: line {} of case.toml names it", index + 1)));
    for review in store.reviews(None).map_err(Error::store)? {
        if review.recording != sha256 && names.is_in(&review.body) {
            let (id, of) = (&review.id, &review.recording);
            lines.push(format!("stays: review {id} of the recording {of} names it"));
        }
    }
    Ok(lines)
}

/// The copies outside the record of written files, of which the custody log has the hashes.
fn copies(store: &dyn Store, sha256: &str) -> Result<Vec<String>, Error> {
    let custody = store.custody().map_err(Error::store)?;
    let (lines, _) = read_chain(custody.lines.iter().map(String::as_str));
    let copy = |line: scheduler::store::Line| match line.entry {
        Entry::Copied { recording, format, sha256: copy, .. } if recording == sha256 => {
            Some(format!("stays: a copy ({format}) of {}, SHA-256 {copy}", utc(line.at_ms)))
        }
        _ => None,
    };
    Ok(lines.into_iter().filter_map(copy).collect())
}
