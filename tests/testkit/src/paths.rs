//! Folders of the workspace.

use std::path::{Path, PathBuf};

/// Root folder of the workspace.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// A file or folder under `fixtures`, which is part of the repository.
///
/// # Panics
/// If it does not exist.
#[must_use]
pub fn fixture(path: &str) -> PathBuf {
    let found = root().join("fixtures").join(path);
    assert!(found.exists(), "{} is missing: restore it from the repository", found.display());
    found
}

/// A file or folder of the developers' recordings, `../shared/data`. They may not be redistributed, so tests that need
/// them are ignored by default.
///
/// # Panics
/// If it does not exist.
#[must_use]
pub fn shared(path: &str) -> PathBuf {
    let found = root().join("../shared/data").join(path);
    assert!(found.exists(), "{} is missing: this test runs only where ../shared exists", found.display());
    found
}
