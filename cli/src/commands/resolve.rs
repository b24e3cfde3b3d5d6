//! Finds the recording that a command names: by the name of its results or of its file, by its path, or by its hash.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;

use scheduler::store::RecordingEntry;
use stage_core::{printable, sha256_file, shown};

use crate::case_file::CaseFile;
use crate::error::{Error, ErrorContext};
use crate::export::folded_name;

/// Hex digits of hashes in messages.
const DIGITS: usize = 12;
/// Fewest hex digits of a hash that name a recording.
const FEWEST_DIGITS: usize = 8;
/// Hex digits of a whole hash.
const ALL_DIGITS: usize = 64;

/// The recordings that a name may mean: how each was found, by SHA-256.
type Candidates = BTreeMap<String, String>;

/// The SHA-256 of the one recording that `name` means, in lowercase. Errors name the argument. A whole hash is always accepted: the recording may
/// not have been run yet.
pub(super) fn resolve(
    name: &OsStr,
    argument: &str,
    recordings: &[RecordingEntry],
    case: Option<&CaseFile>,
) -> Result<String, Error> {
    let mut candidates = Candidates::new();
    if let Some(text) = name.to_str() {
        of_name(text, recordings, &mut candidates);
        of_digits(text, recordings, case, &mut candidates);
    }
    let path = Path::new(name);
    if path.is_file() {
        let hashed = sha256_file(path).map_err(Error::usage);
        let sha256 = hashed.context(format!("{argument} {}: cannot be read", shown(path)))?;
        candidates.entry(sha256).or_insert_with(|| format!("the file {}", shown(path)));
    }
    let list =
        || candidates.iter().map(|(sha256, found)| format!("{found} ({})", &sha256[..DIGITS])).collect::<Vec<_>>();
    match candidates.len() {
        1 => Ok(candidates.into_keys().next().unwrap_or_default()),
        0 => Err(Error::usage(format!(
            "{argument} {}: there is no such recording: the name of its results (call, as in call.json) or of its file, its \
             path, or at least {FEWEST_DIGITS} hex digits of its SHA-256 are expected; `earwitness case show` lists the names",
            shown(path)
        ))),
        _ => Err(Error::usage(format!(
            "{argument} {}: ambiguous, it may be {}: give more digits of the SHA-256",
            shown(path),
            list().join(", or ")
        ))),
    }
}

/// Adds the recordings whose results or files have a name.
fn of_name(name: &str, recordings: &[RecordingEntry], candidates: &mut Candidates) {
    let wanted = folded_name(name);
    let is_file = |path: &Path| path.file_name().is_some_and(|name| folded_name(&name.to_string_lossy()) == wanted);
    let is_meant = |entry: &&RecordingEntry| folded_name(&entry.name) == wanted || entry.places().any(is_file);
    for entry in recordings.iter().filter(is_meant) {
        candidates.insert(entry.file_sha256.clone(), described(entry));
    }
}

/// Adds the recordings whose hash begins with digits.
fn of_digits(digits: &str, recordings: &[RecordingEntry], case: Option<&CaseFile>, candidates: &mut Candidates) {
    let digits = digits.to_ascii_lowercase();
    let is_hash = (FEWEST_DIGITS..=ALL_DIGITS).contains(&digits.len());
    if !is_hash || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return;
    }
    for entry in recordings.iter().filter(|entry| entry.file_sha256.starts_with(&digits)) {
        candidates.entry(entry.file_sha256.clone()).or_insert_with(|| described(entry));
    }
    let in_case = case.into_iter().flat_map(|case| &case.recordings).map(|recording| recording.sha256.clone());
    let whole = (digits.len() == ALL_DIGITS).then(|| digits.clone());
    for sha256 in in_case.chain(whole).filter(|sha256| sha256.starts_with(&digits)) {
        candidates.entry(sha256).or_insert_with(|| "a recording that the store does not have".to_owned());
    }
}

fn described(entry: &RecordingEntry) -> String {
    format!("{} ({})", printable(&entry.name), shown(&entry.path))
}
