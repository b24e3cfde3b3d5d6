//! Expands the input arguments (files, folders, globs) to a list of recordings.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The recordings found, sorted, and the skipped files.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Inputs {
    /// Absolute paths, each once.
    pub(crate) files: Vec<PathBuf>,
    /// Files in searched folders without an audio file name.
    pub(crate) skipped: Vec<PathBuf>,
}

/// Why the inputs cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InputError {
    #[error("{0}: no such file or folder, and no match as a glob")]
    NotFound(String),
    #[error("{0}: cannot be read: {1}")]
    Unreadable(PathBuf, std::io::Error),
    #[error("{}: not a file or folder (a broken link, a pipe or a device)", .0.display())]
    NotAFile(PathBuf),
    #[error("{0}: contains no recordings (audio file names end in {list})", list = decode::audio_extensions().join(", "))]
    Empty(String),
}

/// Finds the recordings that `inputs` name.
pub(crate) fn find(inputs: &[impl AsRef<str>]) -> Result<Inputs, InputError> {
    let mut files = BTreeSet::new();
    let mut skipped = BTreeSet::new();
    for input in inputs.iter().map(AsRef::as_ref) {
        let path = Path::new(input);
        let before = files.len();
        if path.is_dir() {
            search(path, &mut files, &mut skipped)?;
        } else if path.is_file() {
            files.insert(absolute(path)?);
            continue;
        } else if path.symlink_metadata().is_ok() {
            return Err(InputError::NotAFile(path.to_owned()));
        } else {
            expand(input, &mut files, &mut skipped)?;
        }
        if files.len() == before && skipped.is_empty() {
            return Err(InputError::Empty(input.to_owned()));
        }
    }
    if files.is_empty() {
        return Err(InputError::Empty(inputs.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ")));
    }
    Ok(Inputs { skipped: skipped.difference(&files).cloned().collect(), files: files.into_iter().collect() })
}

fn expand(pattern: &str, files: &mut BTreeSet<PathBuf>, skipped: &mut BTreeSet<PathBuf>) -> Result<(), InputError> {
    let not_found = || InputError::NotFound(pattern.to_owned());
    let mut matched = false;
    for entry in glob::glob(pattern).map_err(|_| not_found())? {
        let path = entry.map_err(|error| InputError::Unreadable(error.path().to_owned(), error.into()))?;
        matched = true;
        if path.is_dir() {
            search(&path, files, skipped)?;
        } else {
            sort_in(&path, files, skipped)?;
        }
    }
    if matched { Ok(()) } else { Err(not_found()) }
}

fn search(folder: &Path, files: &mut BTreeSet<PathBuf>, skipped: &mut BTreeSet<PathBuf>) -> Result<(), InputError> {
    let unreadable = |error| InputError::Unreadable(folder.to_owned(), error);
    for entry in folder.read_dir().map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let path = entry.path();
        // Links to folders are not followed, because they may form a loop.
        if entry.file_type().map_err(unreadable)?.is_dir() {
            search(&path, files, skipped)?;
        } else {
            sort_in(&path, files, skipped)?;
        }
    }
    Ok(())
}

/// A broken link named like a recording counts as a recording, so that it is reported. Pipes and devices are skipped: to
/// read one may never end.
fn sort_in(path: &Path, files: &mut BTreeSet<PathBuf>, skipped: &mut BTreeSet<PathBuf>) -> Result<(), InputError> {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
    let is_audio = extension.is_some_and(|extension| decode::audio_extensions().contains(&extension.as_str()));
    let can_be_read = path.is_file() || (path.is_symlink() && !path.exists());
    let found = if path.is_file() { absolute(path)? } else { unresolved(path)? };
    if is_audio && can_be_read { files } else { skipped }.insert(found);
    Ok(())
}

/// The absolute path, with its links.
fn unresolved(path: &Path) -> Result<PathBuf, InputError> {
    std::path::absolute(path).map_err(|error| InputError::Unreadable(path.to_owned(), error))
}

/// The path without links and dots, so that each file has one name in the store.
fn absolute(path: &Path) -> Result<PathBuf, InputError> {
    path.canonicalize().map_err(|error| InputError::Unreadable(path.to_owned(), error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_with(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, b"").unwrap();
        }
        folder
    }

    fn names(paths: &[PathBuf]) -> Vec<String> {
        paths.iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn folders_are_searched_for_recordings_by_name() {
        let folder = folder_with(&["b.M4A", "a.wav", "notes.txt", "deeper/c.ogg"]);
        let found = find(&[folder.path().to_string_lossy().into_owned()]).unwrap();
        assert_eq!(names(&found.files), ["a.wav", "b.M4A", "c.ogg"]);
        assert_eq!(names(&found.skipped), ["notes.txt"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_that_are_broken_are_recordings_and_sockets_are_skipped() {
        let folder = folder_with(&["a.wav"]);
        std::os::unix::fs::symlink("nothing", folder.path().join("lost.wav")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("pipe.wav")).unwrap();
        let found = find(&[folder.path().to_string_lossy()]).unwrap();
        assert_eq!(
            (names(&found.files), names(&found.skipped)),
            (vec!["a.wav", "lost.wav"].into_iter().map(String::from).collect(), vec!["pipe.wav".to_owned()])
        );
        let error = find(&[folder.path().join("pipe.wav").to_string_lossy()]).unwrap_err().to_string();
        assert!(error.contains("pipe.wav: not a file or folder"), "{error}");
    }

    #[test]
    fn files_named_directly_may_have_any_name_and_count_once() {
        let folder = folder_with(&["call.bin"]);
        let path = folder.path().join("call.bin").to_string_lossy().into_owned();
        assert_eq!(find(&[path.clone(), path]).unwrap().files.len(), 1);
    }

    #[test]
    fn globs_expand_and_a_missing_file_is_named() {
        let folder = folder_with(&["a1.wav", "a2.wav", "b.wav"]);
        let pattern = folder.path().join("a*.wav").to_string_lossy().into_owned();
        assert_eq!(names(&find(&[pattern]).unwrap().files), ["a1.wav", "a2.wav"]);
        let missing = folder.path().join("nothing.wav").to_string_lossy().into_owned();
        assert!(find(std::slice::from_ref(&missing)).unwrap_err().to_string().starts_with(&missing));
    }
}
