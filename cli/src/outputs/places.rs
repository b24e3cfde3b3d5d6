//! Checks that no output is an input, and that no file is written twice.

use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use super::Output;
use crate::export::folded_name;

/// Why the outputs cannot be written where they are to be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlaceError {
    #[error("{what} {}: this is the input {}, which is never written to", path.display(), input.display())]
    Input { what: &'static str, path: PathBuf, input: PathBuf },
    #[error("{} would be written twice: {first} and {second} name the same file", path.display())]
    Twice { path: PathBuf, first: &'static str, second: &'static str },
    #[error("{what} {}: not a file (a folder, a pipe or a device)", path.display())]
    NotAFile { what: &'static str, path: PathBuf },
}

/// Checks outputs against inputs and against each other. Files are the same if their paths without links are equal but
/// for case and Unicode form, as on some file systems. An output is also an input if it is a link or a hard link to one.
pub(crate) fn check<'a>(
    inputs: impl IntoIterator<Item = &'a Path>,
    outputs: impl IntoIterator<Item = &'a Output>,
) -> Result<(), PlaceError> {
    let mut places = Places::default();
    let (mut input_keys, mut input_ids) = (HashMap::new(), HashMap::new());
    for input in inputs {
        input_keys.insert(places.key(input), input);
        if let Some(id) = id(input) {
            input_ids.insert(id, input);
        }
    }
    let mut keys = HashMap::new();
    for output in outputs {
        let Output { what, path } = output;
        let key = places.key(path);
        if let Some(input) = input_keys.get(&key).or_else(|| input_ids.get(&id(path)?)) {
            return Err(PlaceError::Input { what, path: path.clone(), input: input.to_path_buf() });
        }
        if path.symlink_metadata().is_ok_and(|found| !found.is_file() && !found.is_symlink()) {
            return Err(PlaceError::NotAFile { what, path: path.clone() });
        }
        if let Some(first) = keys.insert(key, *what) {
            return Err(PlaceError::Twice { path: path.clone(), first, second: what });
        }
    }
    Ok(())
}

/// Device and inode of a file that exists, without its links.
fn id(path: &Path) -> Option<(u64, u64)> {
    let found = fs::metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}

/// Remembers folders without their links.
#[derive(Default)]
struct Places(HashMap<PathBuf, PathBuf>);

impl Places {
    /// The path without links and dots, folded. Parts that do not exist stay as they are.
    fn key(&mut self, path: &Path) -> Vec<u8> {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let (folder, name) = (absolute.parent().unwrap_or(&absolute), absolute.file_name().unwrap_or_default());
        let folder = match self.0.get(folder) {
            Some(known) => known.clone(),
            None => self.0.entry(folder.to_owned()).or_insert(real(folder)).clone(),
        };
        let path = folder.join(name).into_os_string();
        path.to_str().map_or_else(|| path.as_encoded_bytes().to_vec(), |path| folded_name(path).into_bytes())
    }
}

/// The folder without links; a folder that does not exist yet below the deepest one that does.
fn real(folder: &Path) -> PathBuf {
    let (found, Some(parent)) = (folder.canonicalize(), folder.parent()) else { return folder.to_owned() };
    match (found, folder.components().next_back()) {
        (Ok(found), _) => found,
        (Err(error), Some(Component::Normal(name))) if error.kind() == ErrorKind::NotFound => real(parent).join(name),
        (Err(error), Some(Component::ParentDir)) if error.kind() == ErrorKind::NotFound => {
            let mut above = real(parent);
            above.pop();
            above
        }
        _ => folder.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(what: &'static str, path: impl Into<PathBuf>) -> Output {
        Output { what, path: path.into() }
    }

    #[test]
    fn output_that_is_an_input_by_any_name_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let call = at("Call.wav");
        fs::write(&call, "RIFF").unwrap();
        fs::hard_link(&call, at("hard")).unwrap();
        std::os::unix::fs::symlink(&call, at("soft")).unwrap();
        std::os::unix::fs::symlink(folder.path(), at("folder")).unwrap();
        let names = ["Call.wav", "hard", "soft", "folder/Call.wav", "folder/./Call.wav", "call.WAV"];
        for name in names {
            let error = check([&*call], &[output("--report", at(name))]).unwrap_err();
            assert!(matches!(&error, PlaceError::Input { input, .. } if *input == call), "{name}: {error}");
        }
        check([&*call], &[output("--report", at("other.wav"))]).unwrap();
    }

    #[test]
    fn outputs_that_are_one_file_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for (a, b) in [("new/x.html", "new/../new/X.html"), ("caf\u{e9}", "cafe\u{301}")] {
            let error = check([], &[output("--report", at(a)), output("--trace", at(b))]).unwrap_err();
            assert!(matches!(error, PlaceError::Twice { first: "--report", second: "--trace", .. }), "{a}: {error}");
        }
    }

    #[test]
    fn outputs_that_are_no_files_are_refused() {
        for path in ["/dev/null", "/"] {
            let error = check([], &[output("--metrics", path)]).unwrap_err();
            assert!(matches!(error, PlaceError::NotAFile { .. }), "{path}: {error}");
        }
    }
}
