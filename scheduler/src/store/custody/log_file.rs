//! The log as a file beside the store: appended and synced after each transaction, and brought up to date at the start.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::{Custody, Entry, Line, is_one_group};
use crate::store::StoreError;
use crate::store::error::unavailable;
use crate::store::plain_file;

/// Digits of the chain's ID in the name of its file.
const ID_DIGITS: usize = 8;
/// Between the name of the store and these digits.
const INFIX: &str = "-custody-";
const EXTENSION: &str = "jsonl";

/// The file of one chain, open for appending.
#[derive(Debug)]
pub(in crate::store) struct LogFile {
    path: PathBuf,
    file: File,
    /// Number of lines that the file has.
    lines: u64,
}

/// How a file was brought up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Reconciled {
    /// It had all lines of the store, or is new like the store.
    Whole,
    /// It lacked lines, which were appended.
    Repaired { appended: u64, torn: bool },
}

impl LogFile {
    /// The path of a chain's file: beside the store, with the store's name.
    pub(in crate::store) fn path_of(store: &Path, chain: &str) -> PathBuf {
        let mut name = store.file_stem().unwrap_or_default().to_owned();
        name.push(INFIX);
        name.push(&chain[..chain.len().min(ID_DIGITS)]);
        store.with_file_name(name).with_extension(EXTENSION)
    }

    /// Opens the file, compares it with the lines of the store, and appends what it lacks.
    ///
    /// # Errors
    /// The file has lines that the store does not have, or others: [`StoreError::CustodyBroken`]. Nothing is written
    /// then. Or it cannot be read or written.
    pub(in crate::store) fn open(path: PathBuf, lines: &[String]) -> Result<(Self, Reconciled), StoreError> {
        let failed = |error| unavailable(&path, error);
        let found = read(&path).map_err(failed)?;
        let present = match compare(found.as_deref().unwrap_or_default(), lines) {
            Compared::Start(present) => present,
            other => {
                return Err(StoreError::CustodyBroken { log: path.display().to_string(), reason: other.to_string() });
            }
        };
        let flags = OFlags::NOFOLLOW.bits().cast_signed();
        let mut file = OpenOptions::new().append(true).create(true).custom_flags(flags).open(&path).map_err(failed)?;
        let missing = &lines[present.whole..];
        if missing.is_empty() {
            return Ok((Self { path, file, lines: lines.len() as u64 }, Reconciled::Whole));
        }
        let text = join(missing);
        file.write_all(&text.as_bytes()[present.torn_bytes..]).and_then(|()| file.sync_data()).map_err(failed)?;
        if found.is_none() {
            sync_folder(&path).map_err(failed)?;
        }
        let reconciled = match are_new(missing, found.is_none()) {
            true => Reconciled::Whole,
            false => Reconciled::Repaired { appended: missing.len() as u64, torn: present.torn_bytes > 0 },
        };
        Ok((Self { path, file, lines: lines.len() as u64 }, reconciled))
    }

    /// Number of lines in the file.
    pub(in crate::store) const fn lines(&self) -> u64 {
        self.lines
    }

    /// Appends lines with one write, and syncs the file.
    pub(in crate::store) fn append(&mut self, lines: &[String]) -> Result<(), StoreError> {
        let failed = |error| unavailable(&self.path, error);
        let held = self.file.metadata().map_err(failed)?;
        let named = self.path.symlink_metadata().map_err(failed)?;
        if !same_file(&held, &named) {
            return Err(failed(io::Error::other("it was replaced while it was in use")));
        }
        let text = join(lines);
        self.file.write_all(text.as_bytes()).and_then(|()| self.file.sync_data()).map_err(failed)?;
        self.lines += lines.len() as u64;
        Ok(())
    }
}

/// The log files beside a store that have its name, of any chain.
#[must_use]
pub fn logs_beside(store: &Path) -> Vec<PathBuf> {
    let mut start = store.file_stem().unwrap_or_default().to_owned();
    start.push(INFIX);
    let folder = store.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let is_log = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        name.starts_with(start.as_encoded_bytes()) && path.extension().is_some_and(|end| end == EXTENSION)
    };
    let entries = folder.read_dir().into_iter().flatten().flatten().map(|entry| entry.path());
    let mut logs: Vec<_> = entries.filter(is_log).collect();
    logs.sort();
    logs
}

/// How much of the store's lines a file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Present {
    /// Number of whole lines.
    pub whole: usize,
    /// Length of a last line without its end, in bytes.
    pub torn_bytes: usize,
}

/// A log file compared with the lines of its store. Lines are numbered from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compared {
    /// It has the lines of the store from the first on, perhaps not all.
    Start(Present),
    /// It has more lines than the store: the store is an older copy, or the log was altered.
    Longer {
        /// The first line that the store does not have.
        line: usize,
    },
    /// It has another line than the store.
    Differs {
        /// The first such line.
        line: usize,
    },
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(Present { whole, .. }) => write!(f, "it has the first {whole} lines of the store"),
            Self::Longer { line } => {
                write!(f, "it has a line {line}, which the store does not have: the store is an older copy")
            }
            Self::Differs { line } => write!(f, "its line {line} is not the one that the store has"),
        }
    }
}

impl Custody {
    /// The bytes of the log file. `None` if there is none.
    ///
    /// # Errors
    /// It cannot be read, is not a file, or is a link.
    pub fn read_file(&self) -> io::Result<Option<Vec<u8>>> {
        self.file.as_deref().map_or(Ok(None), read)
    }

    /// Compares the bytes of the log file with the lines of the store.
    #[must_use]
    pub fn compare(&self, file: &[u8]) -> Compared {
        compare(file, &self.lines)
    }
}

fn compare(found: &[u8], lines: &[String]) -> Compared {
    let mut present = Present { whole: 0, torn_bytes: 0 };
    let mut rest = found;
    while !rest.is_empty() {
        let number = present.whole + 1;
        let Some(line) = lines.get(present.whole) else {
            return Compared::Longer { line: number };
        };
        let text = line.as_bytes();
        match rest.strip_prefix(text).and_then(|after| after.strip_prefix(b"\n")) {
            Some(after) => rest = after,
            None if rest.len() <= text.len() && text.starts_with(rest) => {
                present.torn_bytes = rest.len();
                break;
            }
            None => return Compared::Differs { line: number },
        }
        present.whole += 1;
    }
    Compared::Start(present)
}

/// The content of a file that is not a link, or `None` if there is none.
fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut file = match plain_file::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

fn join(lines: &[String]) -> String {
    lines.iter().flat_map(|line| [line, "\n"]).collect()
}

/// Whether lines have just been written to the store: those of a new one, or of a migration.
fn are_new(missing: &[String], is_first: bool) -> bool {
    let lines: Option<Vec<Line>> = missing.iter().map(|line| serde_json::from_str(line).ok()).collect();
    let Some(lines) = lines.filter(|lines| is_one_group(lines)) else { return false };
    match &lines[..] {
        [Line { group: Some(0), .. }, ..] => is_first,
        [Line { entry: Entry::Adopted { .. }, .. }, ..] => true,
        _ => false,
    }
}

fn same_file(a: &fs::Metadata, b: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    /// The outcome of opening a file with this content for a store with lines `one`, `two` and `three`.
    fn opened(content: Option<&str>) -> (Result<Reconciled, StoreError>, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        if let Some(content) = content {
            fs::write(&path, content).unwrap();
        }
        let outcome = LogFile::open(path.clone(), &lines(&["one", "two", "three"])).map(|(_, reconciled)| reconciled);
        (outcome, fs::read_to_string(path).unwrap_or_default())
    }

    #[test]
    fn log_file_gets_what_it_lacks_and_a_torn_line_is_completed() {
        for (content, appended, torn) in [
            ("one\ntwo\n", 1, false),
            ("one\ntwo", 2, true),
            ("one\ntw", 2, true),
            ("o", 3, true),
            ("", 3, false),
            ("one\ntwo\nthree", 1, true),
        ] {
            let (outcome, after) = opened(Some(content));
            assert_eq!(outcome.unwrap(), Reconciled::Repaired { appended, torn }, "{content:?}");
            assert_eq!(after, "one\ntwo\nthree\n", "{content:?}");
        }
        assert_eq!(opened(Some("one\ntwo\nthree\n")).0.unwrap(), Reconciled::Whole);
        assert_eq!(opened(None).0.unwrap(), Reconciled::Repaired { appended: 3, torn: false });
    }

    #[test]
    fn log_file_with_other_or_more_lines_is_refused_and_not_changed() {
        for content in
            ["one\nTWO\n", "one\ntwo\nthree\nfour\n", "one\ntwo\nthree\nf", "x", "one\n\n", "one\ntwo\nthrees"]
        {
            let (outcome, after) = opened(Some(content));
            assert!(matches!(outcome, Err(StoreError::CustodyBroken { .. })), "{content:?}: {outcome:?}");
            assert_eq!(after, content);
        }
    }

    #[test]
    fn log_file_that_is_a_link_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (link, target) = (folder.path().join("log.jsonl"), folder.path().join("target"));
        std::os::unix::fs::symlink(&target, &link).unwrap();
        LogFile::open(link, &lines(&["one"])).unwrap_err();
        assert!(!target.exists());
    }

    #[test]
    fn log_files_of_a_store_are_found_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("earwitness.db");
        let log = LogFile::path_of(&store, "0123456789abcdef");
        assert_eq!(log, folder.path().join("earwitness-custody-01234567.jsonl"));
        for path in [&log, &LogFile::path_of(&folder.path().join("other.db"), "0123456789abcdef")] {
            fs::write(path, "").unwrap();
        }
        assert_eq!(logs_beside(&store), [log]);
    }
}
