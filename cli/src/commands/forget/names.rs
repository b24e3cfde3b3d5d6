//! What names a recording in texts.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use scheduler::store::{Names, OutputFile, RecordingEntry};

use crate::case_file::{comparable_name, comparable_number};
use crate::export::name_patterns;
use crate::file_name::NameParser;

/// Country code of Korea.
const KOREA: &str = "82";

/// The parsers with which results were written: the built-in one, and one for each set of patterns.
pub(super) fn parsers(outputs: &[OutputFile]) -> Vec<NameParser> {
    let patterns: BTreeSet<_> = outputs.iter().map(name_patterns).chain([Vec::new()]).collect();
    patterns.iter().filter_map(|patterns| NameParser::new(patterns).ok()).collect()
}

/// The contacts and numbers in file names, in a form in which equal ones are equal.
pub(super) fn claims<'a>(paths: impl IntoIterator<Item = &'a Path>, parsers: &[NameParser]) -> BTreeSet<String> {
    let paths: Vec<_> = paths.into_iter().collect();
    let named = parsers.iter().flat_map(|parser| paths.iter().map(move |path| parser.parse(path)));
    let claims = named.flat_map(|named| {
        let number = named.number.as_deref().and_then(comparable_number);
        named.contact.as_deref().map(comparable_name).into_iter().chain(number)
    });
    claims.collect()
}

/// The names of a recording: of its places, of arguments that are files, of its results, and the contact and number in its
/// file names. A contact or number that is in the file name of another recording, `known`, does not identify this one.
pub(super) fn of(
    entry: Option<&RecordingEntry>,
    arguments: &[&OsString],
    parsers: &[NameParser],
    known: &BTreeSet<String>,
) -> Names {
    let places = entry.into_iter().flat_map(|entry| entry.places().chain(entry.relative.as_deref()));
    let files = arguments.iter().map(|argument| Path::new(argument.as_os_str())).filter(|path| path.is_file());
    let absolute = files.clone().filter_map(|path| path.canonicalize().ok());
    let paths: BTreeSet<PathBuf> = places.chain(files).map(Path::to_owned).chain(absolute).collect();
    let mut names = Names::new(paths.iter().cloned());
    if let Some(entry) = entry {
        names.add(&entry.name);
    }
    for named in parsers.iter().flat_map(|parser| paths.iter().map(move |path| parser.parse(path))) {
        if let Some(contact) = named.contact.filter(|contact| !known.contains(&comparable_name(contact))) {
            names.add(&contact);
        }
        let number = named.number.as_deref().and_then(|written| Some((written, comparable_number(written)?)));
        if let Some((written, digits)) = number.filter(|(_, digits)| !known.contains(digits)) {
            names.add(written);
            names.add_number(&digits);
            if let Some(rest) = digits.strip_prefix('0') {
                names.add_number(&format!("{KOREA}{rest}"));
            }
        }
    }
    names
}
