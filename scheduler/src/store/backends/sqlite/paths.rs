//! Paths: as bytes in the database, of the files beside it, and in errors.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::store::StoreError;

/// Paths are stored as bytes: a file's name need not be text.
pub(super) fn path_bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}

pub(super) fn path_from(bytes: Vec<u8>) -> PathBuf {
    OsString::from_vec(bytes).into()
}

/// The file whose name is the store's with a suffix.
pub(super) fn beside(store: &Path, suffix: &str) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The folder of a file.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| *folder != OsStr::new("")).unwrap_or_else(|| Path::new("."))
}

/// A file that cannot be opened or made.
pub(super) fn unavailable(path: &Path, error: io::Error) -> StoreError {
    StoreError::Unavailable { what: path.display().to_string(), cause: error.into() }
}

/// How a store is named in errors.
pub(super) fn shown(store: &Path) -> String {
    store.display().to_string()
}
