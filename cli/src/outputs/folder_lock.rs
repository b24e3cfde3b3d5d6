//! Keeps two processes from writing results into one folder at the same time, if the lock of the store does not.

use std::fs::{File, TryLockError};
use std::path::Path;

use scheduler::store::StoreUrl;
use stage_core::shown;

use crate::error::{Error, ErrorContext};

/// A lock on a folder itself, held until it is dropped. No file is created.
#[derive(Debug)]
pub(crate) struct FolderLock {
    /// Held open: closing it would release the lock.
    _folder: Option<File>,
}

impl FolderLock {
    /// Locks the folder of results if several processes can write to the store.
    ///
    /// # Errors
    /// Another process writes results into the folder, or it cannot be opened.
    pub(crate) fn acquire(store: &StoreUrl, folder: &Path) -> Result<Self, Error> {
        if store.path().is_some() {
            return Ok(Self { _folder: None });
        }
        let file = File::open(folder).map_err(Error::usage).context(shown(folder))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _folder: Some(file) }),
            Err(TryLockError::WouldBlock) => Err(Error::usage(format!(
                "another process writes results into {}: wait until it has ended, or choose another folder",
                shown(folder)
            ))),
            Err(TryLockError::Error(reason)) => {
                tracing::debug!(folder = %folder.display(), %reason, "the file system has no locks for folders");
                Ok(Self { _folder: None })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_lock_is_exclusive_for_a_shared_store() {
        let folder = tempfile::tempdir().unwrap();
        let shared: StoreUrl = "postgres://db/cases".parse().unwrap();
        let lock = FolderLock::acquire(&shared, folder.path()).unwrap();
        let error = FolderLock::acquire(&shared, folder.path()).unwrap_err();
        assert!(error.to_string().contains("another process writes results"), "{error}");
        FolderLock::acquire(&StoreUrl::file("a.db"), folder.path()).unwrap();
        drop(lock);
        FolderLock::acquire(&shared, folder.path()).unwrap();
    }
}
