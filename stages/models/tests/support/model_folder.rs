//! Copies of model folders, and changes of their files.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

/// A copy of a model folder. It consists of links; tests that break a file replace its link.
pub(crate) fn copy_of(model: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(model).unwrap() {
        let entry = entry.unwrap();
        symlink(entry.path().canonicalize().unwrap(), directory.path().join(entry.file_name())).unwrap();
    }
    directory
}

/// Replaces the content of a file.
pub(crate) fn replace(path: &Path, content: &[u8]) {
    let _ = fs::remove_file(path);
    fs::write(path, content).unwrap();
}

/// Changes a JSON file.
pub(crate) fn edit(directory: &Path, file: &str, change: impl FnOnce(&mut Value)) {
    let path = directory.join(file);
    let mut value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut value);
    replace(&path, value.to_string().as_bytes());
}
