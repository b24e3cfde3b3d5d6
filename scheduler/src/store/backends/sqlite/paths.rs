//! Paths of the database: their form in errors, and the files beside it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

pub(super) use crate::store::error::unavailable;

/// The file beside the store with the store's name and a suffix.
pub(super) fn beside(store: &Path, suffix: &str) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The folder that contains a file.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| *folder != OsStr::new("")).unwrap_or_else(|| Path::new("."))
}

/// The name of a store in errors.
pub(super) fn shown(store: &Path) -> String {
    store.display().to_string()
}
