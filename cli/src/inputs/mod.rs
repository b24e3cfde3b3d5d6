//! Expands the input arguments (files, folders, globs) to a list of recordings.

mod skipped;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use scheduler::store::Failure;
use stage_core::{ErrorClass, ErrorCode, Origin, PipelineError, shown};

pub use self::skipped::{SkipReason, SkippedFile};

/// The recordings found, sorted, and everything else in the searched folders.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    /// Absolute paths, each once.
    pub(crate) files: Vec<PathBuf>,
    /// What was skipped in searched folders.
    pub(crate) skipped: Vec<SkippedFile>,
    /// Folders that could not be searched, wholly or in part. They may contain recordings.
    pub(crate) unreadable: Vec<Failure>,
}

/// Why the inputs cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InputError {
    #[error("{0}: no such file or folder, and no match as a glob")]
    NotFound(String),
    #[error("{0}: cannot be read: {1}")]
    Unreadable(String, io::Error),
    #[error("{}: {what}, not a file or folder: save the recording in a file, and name that file", shown(path))]
    NotAFile { path: PathBuf, what: SkipReason },
    #[error("-: standard input is not read: save the recording in a file, and name that file (./- for a file named -)")]
    StandardInput,
    #[error("{0}: contains no recordings (audio file names end in {list})", list = decode::audio_extensions().join(", "))]
    Empty(String),
    #[error("{}: {}", shown(&.0.path), .0.error.reason())]
    Folder(Box<Failure>),
}

/// Finds the recordings that `inputs` name. A folder below them that cannot be read does not end the search.
pub(crate) fn find(inputs: &[impl AsRef<OsStr>]) -> Result<Inputs, InputError> {
    let mut search = Search::default();
    let inputs = || inputs.iter().map(|input| Path::new(input.as_ref()));
    for input in inputs() {
        let before = search.seen;
        search.input(input)?;
        if search.seen == before {
            return Err(InputError::Empty(shown(input)));
        }
    }
    if search.files.is_empty() {
        let all = || inputs().map(shown).collect::<Vec<_>>().join(", ");
        let unreadable = search.unreadable.into_iter().next();
        return Err(unreadable.map_or_else(|| InputError::Empty(all()), |folder| InputError::Folder(Box::new(folder))));
    }
    let is_new = |skipped: &SkippedFile| !search.files.contains(&skipped.path);
    Ok(Inputs {
        skipped: search.skipped.into_iter().filter(is_new).collect(),
        files: search.files.into_iter().collect(),
        unreadable: search.unreadable,
    })
}

/// A search in progress.
#[derive(Default)]
struct Search {
    files: BTreeSet<PathBuf>,
    skipped: BTreeSet<SkippedFile>,
    unreadable: Vec<Failure>,
    /// Number of files, skipped files and unreadable folders seen.
    seen: usize,
}

impl Search {
    /// Adds what one argument names.
    fn input(&mut self, input: &Path) -> Result<(), InputError> {
        if input == Path::new("-") {
            return Err(InputError::StandardInput);
        }
        match fs::metadata(input) {
            Ok(metadata) if metadata.is_dir() => self.folder(input),
            Ok(metadata) if metadata.is_file() => {
                let path = input.canonicalize().map_err(|error| InputError::Unreadable(shown(input), error))?;
                self.recording(path);
            }
            Ok(metadata) => {
                let what = skipped::by_type(metadata.file_type());
                return Err(InputError::NotAFile { path: input.to_owned(), what });
            }
            Err(_) if input.is_symlink() => {
                return Err(InputError::NotAFile { path: input.to_owned(), what: SkipReason::BrokenLink });
            }
            Err(error) if is_missing(&error) => self.expand(input)?,
            Err(error) => return Err(InputError::Unreadable(shown(input), error)),
        }
        Ok(())
    }

    fn expand(&mut self, pattern: &Path) -> Result<(), InputError> {
        let not_found = || InputError::NotFound(shown(pattern));
        let text = pattern.to_str().ok_or_else(not_found)?;
        let before = self.seen;
        for entry in glob::glob(text).map_err(|_| not_found())? {
            match entry {
                Ok(path) if path.is_dir() => {
                    self.seen += 1;
                    self.folder(&path);
                }
                Ok(path) => self.entry(&path),
                Err(error) => self.unreadable(error.path(), error.error()),
            }
        }
        if self.seen > before { Ok(()) } else { Err(not_found()) }
    }

    /// Adds everything below a folder.
    fn folder(&mut self, folder: &Path) {
        let entries = match folder.read_dir() {
            Ok(entries) => entries,
            Err(error) => return self.unreadable(folder, &error),
        };
        for entry in entries {
            match entry {
                Ok(entry) => self.entry(&entry.path()),
                Err(error) => self.unreadable(folder, &error),
            }
        }
    }

    /// Adds an entry of a folder. A broken link that is named like a recording counts as a recording, so that it is
    /// reported as a failed one.
    fn entry(&mut self, path: &Path) {
        let own = match path.symlink_metadata() {
            Ok(own) => own,
            Err(_) if skipped::by_name(path).is_none() => return self.recording(path.to_owned()),
            Err(error) => return self.unreadable(path, &error),
        };
        if own.is_dir() {
            return match path.file_name() {
                Some(name) if name == "__MACOSX" => self.skip(path, SkipReason::MacMetadata),
                _ => self.folder(path),
            };
        }
        match fs::metadata(path) {
            // Links to folders are not followed, because they may form a loop.
            Ok(target) if target.is_dir() => self.skip(path, SkipReason::LinkedFolder),
            Ok(target) if target.is_file() => match (skipped::by_name(path), path.canonicalize()) {
                (Some(reason), _) => self.skip(path, reason),
                // Without links, so that each file counts once.
                (None, real) => self.recording(real.unwrap_or_else(|_| path.to_owned())),
            },
            Ok(target) => self.skip(path, skipped::by_type(target.file_type())),
            Err(_) if skipped::by_name(path).is_none() => self.recording(path.to_owned()),
            Err(_) => self.skip(path, SkipReason::BrokenLink),
        }
    }

    fn recording(&mut self, path: PathBuf) {
        self.seen += 1;
        self.files.insert(absolute(&path));
    }

    fn skip(&mut self, path: &Path, reason: SkipReason) {
        self.seen += 1;
        self.skipped.insert(SkippedFile { path: absolute(path), reason });
    }

    /// Adds a folder, or something that may be one.
    fn unreadable(&mut self, folder: &Path, error: &io::Error) {
        self.seen += 1;
        let message = "the folder cannot be searched";
        let class = ErrorClass::BadInput;
        let error = PipelineError::new(Origin::Planner, class, ErrorCode::UnreadableFolder, message).caused_by(error);
        self.unreadable.push(Failure { path: absolute(folder), error });
    }
}

/// Whether a path does not exist, so that it may be a glob.
fn is_missing(error: &io::Error) -> bool {
    // A glob may have parts that are longer than a name, and a file where it has a folder.
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename)
}

/// The absolute path, with its links.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests;
