//! Paths of the database: their form in errors, and the files beside it.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use crate::store::StoreError;

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

/// The error for a file that cannot be opened or created.
pub(super) fn unavailable(path: &Path, error: io::Error) -> StoreError {
    StoreError::Unavailable { what: path.display().to_string(), cause: error.into() }
}

/// The name of a store in errors.
pub(super) fn shown(store: &Path) -> String {
    store.display().to_string()
}
